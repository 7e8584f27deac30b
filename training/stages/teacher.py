"""Stage `teacher`: rationales sampled from an OpenAI-compatible endpoint or from Twinpath itself.

Answers are cached, so nothing is paid for twice. The filter judges wrong answers. A text that was cut off stays only in
the cache. The next run retries failed requests. A request starts only if its maximum cost fits under the cap.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from service.errors import ConfigurationError, EngineError
from service.files import read_text
from service.paths.base import FormatV1
from service.paths.cot import rationale_of
from service.paths.equality import parse_gold
from service.types import PathKind, Policy
from training.artifact import LOG, Artifact
from training.data.problem import Problem, Rationale, write_rows
from training.data.sources import Sources
from training.data.teacher_client import CostMeter, Request, cached, sample
from training.recipe import SCRIPTED_TEACHER, Teacher
from training.run import RATIONALES, Run

INSTRUCTIONS = {
    PathKind.COT: (
        "Solve the word problem step by step in two to five short sentences. Write every calculation as an equation "
        "with numbers, such as 3 * 4 = 12. End with the sentence: The answer is N"
    ),
    PathKind.POT: (
        "Solve the word problem with a short Python program. Use descriptive variable names for the given numbers, "
        "one calculation a line, no functions, no imports, no prints. Leave the result in `ans`. Write only the code."
    ),
}

YES_NO_INSTRUCTIONS = {
    PathKind.COT: (
        "Answer the question step by step in two to five short sentences. State the facts that decide it, and write "
        "every calculation as an equation with numbers, such as 3 * 4 = 12. End with the sentence: The answer is yes. "
        "Or with the sentence: The answer is no."
    ),
    PathKind.POT: (
        "Answer the question with a short Python program. State the facts that decide it as variables with descriptive "
        "names, then decide by a comparison of them, one step a line, no functions, no imports, no prints. Leave True "
        "for yes or False for no in `ans`. Write only the code."
    ),
}
"""Instructions of a problem whose gold answer is yes or no. They do not depend on which of both it is."""

DEADLINE_SHARE, MAX_DEADLINE_S = 0.9, 600.0
"""Deadline of a `solve` request: its share of `teacher.timeout_s`, and the service's limit in seconds."""


def stage(run: Run) -> Artifact:
    """Sampled rationales of the sources with `teacher = true`.

    Raises:
        ConfigurationError: the recipe has no teacher.
    """
    teacher = _teacher(run.sources)
    sources = run.sources

    def build(out: Path) -> None:
        problems = [problem for source in sources.for_teacher for problem in sources.problems(source)]
        with _endpoint(teacher, problems) as reachable:
            sample_all(reachable, problems, out, seed=run.recipe.seed, cache=run.root / "teacher.cache")

    settings = {"teacher": teacher, "sources": sources.for_teacher}
    return run.make("teacher", settings, sources.digests("problems"), build)


def sample_all(teacher: Teacher, problems: Sequence[Problem], out: Path, *, seed: int, cache: Path) -> None:
    """Sample every rationale that the cache lacks, then write `rationales.jsonl`.

    Args:
        teacher: settings of the teacher.
        problems: the problems.
        out: output directory. `log/cost.json` holds tokens and dollars.
        seed: seed of every sample.
        cache: directory of the cache.

    Raises:
        ConfigurationError: the API key cannot be read, the endpoint refuses the first request, or the cap is reached.
        EngineError: the endpoint does not answer, or some requests failed. All answers are cached.
    """
    requests = [request for problem in problems for request in requests_for(teacher, problem, seed)]
    meter = CostMeter(teacher)
    missing = []
    for request in requests:
        answer = cached(cache, request)
        if answer is None:
            missing.append(request)
        else:
            meter.add(answer)
    api_key = _api_key(Path(teacher.api_key_file)) if teacher.api_key_file else "none"
    left_out = asyncio.run(sample(teacher, missing, meter, cache, api_key))
    (out / LOG).mkdir(exist_ok=True)
    meter.write(out / LOG / "cost.json")
    if meter.failed:
        unsent = f" and {left_out} were not sent" if left_out else ""
        raise EngineError(
            f"{len(meter.failed)} of {len(requests)} teacher requests failed ({meter.failed[0]}){unsent}; run the "
            "command again to send only these"
        )
    if left_out:
        raise ConfigurationError(
            f"the teacher's cap of ${teacher.cap_dollars} is reached (${meter.dollars:.4f} spent, {left_out} of "
            f"{len(requests)} requests not sent); raise teacher.cap_dollars to continue"
        )
    write_rows(out / RATIONALES, (rationale.row() for rationale in _rationales(teacher, requests, cache)))


def _teacher(sources: Sources) -> Teacher:
    if sources.recipe.teacher is None:
        raise ConfigurationError("the recipe has no [teacher]; add one, or leave the stage `teacher` out")
    return sources.recipe.teacher


@contextmanager
def _endpoint(teacher: Teacher, problems: Sequence[Problem]) -> Iterator[Teacher]:
    """The teacher with the URL of its endpoint. A scripted teacher runs only in this context."""
    if teacher.base_url != SCRIPTED_TEACHER:
        yield teacher
        return
    from training.rehearsal.endpoint import scripted, serving

    with serving(scripted({problem.question: problem.answer for problem in problems})) as url:
        yield teacher.model_copy(update={"base_url": url})


def _api_key(path: Path) -> str:
    """API key of a file. No message repeats it."""
    key = read_text(path, f"teacher.api_key_file {path}").strip()
    if not (key.isascii() and key.isprintable() and key.split() == [key]):
        raise ConfigurationError(f"teacher.api_key_file {path} must hold one API key on one line")
    return key


def requests_for(teacher: Teacher, problem: Problem, seed: int) -> list[Request]:
    """Requests for every sample of a problem."""
    return [
        Request(problem, kind, index, _body(teacher, problem, kind, _seed(f"{seed}:{problem.id}:{kind}:{index}")))
        for kind, count in ((PathKind.COT, teacher.cot), (PathKind.POT, teacher.pot))
        for index in range(count)
    ]


def _seed(name: str) -> int:
    """Seed of one sample, of 31 bits."""
    return int.from_bytes(sha256(name.encode()).digest()[:4], "big") >> 1


def _body(teacher: Teacher, problem: Problem, kind: PathKind, seed: int) -> Mapping[str, Any]:
    """Body of a request in the teacher's style."""
    body: dict[str, Any] = {"temperature": teacher.temperature, "max_tokens": teacher.max_tokens, "seed": seed}
    if teacher.style == "solve":
        paths = {other.value: int(other is kind) for other in PathKind}
        deadline_s = min(DEADLINE_SHARE * teacher.timeout_s, MAX_DEADLINE_S)
        body |= {"problem": problem.question, "paths": paths, "deadline_s": deadline_s}
        return body | {"policy": Policy.FIXED.value, "trace": True}
    body["model"] = teacher.model
    if teacher.style == "format":
        return body | {"prompt": FormatV1().prompt(kind, problem.question)}
    messages = [
        {"role": "system", "content": _instructions(problem)[kind]},
        {"role": "user", "content": problem.question},
    ]
    return body | {"messages": messages}


def _instructions(problem: Problem) -> Mapping[PathKind, str]:
    gold = parse_gold(problem.answer)
    return YES_NO_INSTRUCTIONS if gold and gold.is_yes_no else INSTRUCTIONS


def _rationales(teacher: Teacher, requests: Sequence[Request], cache: Path) -> list[Rationale]:
    found = []
    for request in requests:
        answer = cached(cache, request)
        if answer is not None and answer.finish != "length":
            # A thinking model's thought is left out. `filter` takes the program out of a PoT.
            text = rationale_of(answer.text) if request.kind is PathKind.COT else answer.text
            found.append(Rationale(request.problem.id, request.kind, teacher.model, text))
    return found
