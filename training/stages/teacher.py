"""Stage `teacher`: questions → rationales, sampled from any OpenAI-compatible endpoint, or from Twinpath itself.

Every answer is one file in a cache: after a kill, a changed cap or a longer list of problems, what was paid for is
there. An answer that is no rationale is kept too: it cost money, and the filter judges it; one that was cut off stays
in the cache alone. Requests that time out, are refused for their rate or come back as garbage are tried again; what
still fails is reported at the end, and the next run asks for it alone. The cap holds at every moment: a request starts
only if its worst case fits beside what is spent and what is under way. A timed-out attempt may have been billed by its
provider unseen; the ledger's `lost` counts those.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import openai
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.errors import ConfigurationError, EngineError
from service.paths.base import FormatV1
from service.types import PathKind, Policy
from training.endpoint import Ledger, Request, ask, cached
from training.manifest import LOG
from training.rationale import Problem, Rationale, write_rows
from training.recipe import Teacher
from training.sources import Sources

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


def sample_all(
    teacher: Teacher, problems: Mapping[str, Sequence[Problem]], out: Path, *, seed: int, cache: Path
) -> None:
    """Ask for every sample that the cache lacks, then write `rationales.jsonl`.

    Raises:
        ConfigurationError: the cap was reached; what was answered is cached.
        EngineError: some requests failed in every attempt; what was answered is cached.
    """
    requests = [r for found in problems.values() for problem in found for r in _requests(teacher, problem, seed)]
    ledger = Ledger(teacher)
    open_ = []
    for request in requests:
        answer = cached(cache, request)
        if answer is None:
            open_.append(request)
        else:
            ledger.add(answer)
    key = Path(teacher.api_key_file).read_text().strip() if teacher.api_key_file else "none"
    capped = asyncio.run(_ask_all(teacher, open_, ledger, cache, key))
    (out / LOG).mkdir(exist_ok=True)
    (out / LOG / "ledger.json").write_text(
        json.dumps(
            {
                "prompt_tokens": ledger.prompt_tokens,
                "completion_tokens": ledger.completion_tokens,
                "dollars": ledger.dollars,
                "lost": ledger.lost,
                "failed": len(ledger.failed),
            }
        )
        + "\n"
    )
    if capped:
        raise ConfigurationError(
            f"the teacher's cap of ${teacher.cap_dollars} is reached (${ledger.dollars:.4f} spent, {capped} of "
            f"{len(requests)} requests not made); raise teacher.cap_dollars to go on where it stopped"
        )
    if ledger.failed:
        raise EngineError(
            f"{len(ledger.failed)} of {len(requests)} teacher requests failed ({ledger.failed[0]}); run again to "
            "ask for them alone"
        )
    write_rows(out / "rationales.jsonl", (rationale.row() for rationale in _rationales(teacher, requests, cache)))


def estimate_text(sources: Sources) -> str:
    """What a recipe's teacher would cost at most for its sources, before anything is asked."""
    recipe = sources.recipe
    if recipe.teacher is None:
        raise ConfigurationError("the recipe has no [teacher]")
    ledger = Ledger(recipe.teacher)
    asked = [
        request
        for source in sources.ask_teacher
        for problem in sources.problems(source)
        for request in _requests(recipe.teacher, problem, recipe.seed)
    ]
    return f"{len(asked)} requests, at most ${sum(map(ledger.worst, asked)):.2f}"


def _requests(teacher: Teacher, problem: Problem, seed: int) -> list[Request]:
    return [
        Request(problem, kind, index, _body(teacher, problem, kind, _draw(f"{seed}:{problem.id}:{kind}:{index}")))
        for kind, count in ((PathKind.COT, teacher.cot), (PathKind.POT, teacher.pot))
        for index in range(count)
    ]


def _draw(name: str) -> int:
    """A sample's own seed, of 31 bits."""
    return int.from_bytes(sha256(name.encode()).digest()[:4], "big") >> 1


def _body(teacher: Teacher, problem: Problem, kind: PathKind, seed: int) -> dict[str, Any]:
    """The request's body in the teacher's style."""
    body: dict[str, Any] = {"temperature": teacher.temperature, "max_tokens": teacher.max_tokens, "seed": seed}
    if teacher.style == "solve":
        paths = {other.value: int(other is kind) for other in PathKind}
        return body | {"problem": problem.question, "paths": paths, "policy": Policy.FIXED.value, "trace": True}
    body["model"] = teacher.model
    if teacher.style == "format":
        return body | {"prompt": FormatV1().prompt(kind, problem.question)}
    messages = [
        {"role": "system", "content": INSTRUCTIONS[kind]},
        {"role": "user", "content": problem.question},
    ]
    return body | {"messages": messages}


async def _ask_all(teacher: Teacher, requests: Sequence[Request], ledger: Ledger, cache: Path, key: str) -> int:
    """Ask for all, `concurrency` at a time; returns how many the cap left out."""
    if not requests:
        return 0
    waiting = list(reversed(requests))
    bar = Progress(
        TextColumn("teacher"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("${task.fields[dollars]:.2f}"),
        console=Console(stderr=True),
    )
    async with openai.AsyncOpenAI(
        base_url=teacher.base_url, api_key=key, timeout=teacher.timeout_s, max_retries=0
    ) as client:
        with bar:
            task = bar.add_task("", total=len(requests), dollars=ledger.dollars)

            async def work() -> None:
                while waiting and ledger.fits(waiting[-1]):
                    request = waiting.pop()
                    await ask(client, teacher, request, ledger, cache)
                    bar.update(task, advance=1, dollars=ledger.dollars)

            async with asyncio.TaskGroup() as group:
                for _ in range(teacher.concurrency):
                    group.create_task(work())
    return len(waiting)


def _rationales(teacher: Teacher, requests: Sequence[Request], cache: Path) -> list[Rationale]:
    found = []
    for request in requests:
        answer = cached(cache, request)
        if answer is not None and answer["finish"] != "length":
            found.append(Rationale(request.problem.id, request.kind, teacher.model, answer["text"]))
    return found
