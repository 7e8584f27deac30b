"""Samples of a calibration: one engine, and a journal for each prompt."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from rich.console import Console

from service.calibrated_models import made_for
from service.cli.backend import solving_on
from service.cli.journal import Responses
from service.cli.progress import row_progress
from service.cli.run_description import digest, run_of
from service.components import Components
from service.errors import ConfigurationError
from service.evaluation.calibration.calibrate import Tried
from service.evaluation.calibration.sampling import sample_problems
from service.evaluation.problems import LabeledProblem
from service.model.calibration_file import MadeFor
from service.model.metadata import Decoding
from service.model.prompt_format import prompt_format
from service.schemas import SolveRequest

_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Candidate:
    """Model with one of the prompts to try.

    Args:
        prompt: name or file of the prompt, as the command has it. None is the prompt of the model.
        components: components on which it is sampled.
        made_for: model, prompt and decoding.
    """

    prompt: str | None
    components: Components
    made_for: MadeFor


def candidates(components: Components, model: str | None, prompts: Sequence[str | None]) -> list[Candidate]:
    """Model with each of the prompts.

    Args:
        components: components that are not started, with the first prompt.
        model: name of the served model. None is the default model.
        prompts: names or files of the prompts, at least one. None is the prompt of the model.

    Raises:
        ConfigurationError: a prompt is invalid, two prompts have the same name, or all attempts would be equal.
    """
    found: dict[str, Candidate] = {}
    for prompt in prompts:
        candidate = _candidate(components, model, prompt, is_first=not found)
        _check_decoding(candidate.made_for.decoding)
        name = candidate.made_for.prompt
        if name in found:
            raise ConfigurationError(f"Two prompts have the name {name}; leave one out, or give it another name.")
        found[name] = candidate
    return list(found.values())


@contextmanager
def journals(
    tried: Sequence[Candidate], directory: Path, problems: Sequence[LabeledProblem], seed: int
) -> Iterator[list[Responses]]:
    """Journal of each candidate, in the output directory.

    Raises:
        ConfigurationError: a journal holds something else or another run, or another process writes it.
    """
    data = digest([(problem.id, problem.text, problem.answer) for problem in problems])
    with ExitStack() as stack:
        yield [stack.enter_context(_journal(one, directory, data, seed)) for one in tried]


async def sample_all(
    tried: Sequence[Candidate],
    kept: Sequence[Responses],
    problems: Sequence[LabeledProblem],
    requests: Sequence[SolveRequest],
    console: Console,
    concurrency: int,
) -> list[Tried]:
    """Samples of each candidate on the same problems. Without missing samples no engine starts.

    Args:
        tried: the candidates, which share an engine.
        kept: journal of each candidate.
        problems: problems with a readable gold answer.
        requests: request of each problem.
        console: standard error.
        concurrency: problems that are sampled at the same time.
    """
    is_needed = not all(journal.holds(request) for journal in kept for request in requests)
    found = []
    with console.status("Starting the engine") if is_needed else nullcontext() as status:
        async with tried[0].components if is_needed else nullcontext():
            if status:
                status.stop()
            for candidate, journal in zip(tried, kept, strict=True):
                title = f"Sampling, prompt {candidate.made_for.prompt}" if len(tried) > 1 else "Sampling"
                earlier = sum(map(journal.holds, requests))
                solve = journal.over(solving_on(candidate.components))
                with _progress(console, title, len(requests), earlier) as advance:
                    samples = await sample_problems(solve, problems, requests, concurrency, advance)
                found.append(Tried(candidate.made_for, samples))
    return found


@contextmanager
def _progress(console: Console, title: str, total: int, earlier: int) -> Iterator[Callable[[], None]]:
    """Progress over problems. Those that were recorded earlier come first, at once."""
    ticks = count(1)
    with row_progress(console, title, total) as advance:
        advance(earlier, is_old=True)
        yield lambda: advance() if next(ticks) > earlier else None


def _candidate(components: Components, model: str | None, prompt: str | None, *, is_first: bool) -> Candidate:
    chosen = next(one for one in components.models if model is None or one.name == model)
    if not is_first and components.checkpoint:
        changed = replace(chosen, path_format=prompt_format(components.checkpoint, prompt))
        models = tuple(changed if one is chosen else one for one in components.models)
        settings = components.settings.model_copy(update={"prompt": prompt})
        components, chosen = replace(components, settings=settings, models=models), changed
    return Candidate(prompt, components, made_for(chosen, components.checkpoint, components.settings))


def _check_decoding(decoding: Decoding) -> None:
    """Refuse attempts that are almost all equal: their agreement measures nothing.

    Raises:
        ConfigurationError: the decoding is greedy.
    """
    name = decoding.greedy
    if name:
        remedy = "lower" if name == "min_p" else "raise"
        raise ConfigurationError(
            f"Invalid settings: `{name}` is {getattr(decoding, name):g}, so almost all attempts of a kind are equal "
            f"and their agreement measures nothing; {remedy} it"
        )


def _journal(candidate: Candidate, directory: Path, data: str, seed: int) -> Responses:
    made_for = candidate.made_for
    choices = {
        "command": "calibrate",
        "data": data,
        "served_model": made_for.model,
        "prompt": made_for.prompt,
        "wording": made_for.wording[:_DIGITS],
        "cot": made_for.cot,
        "pot": made_for.pot,
    }
    run = run_of(candidate.components.settings, choices, url=None, seed=seed)
    return Responses(directory / f"journal-{made_for.prompt}.jsonl", run)
