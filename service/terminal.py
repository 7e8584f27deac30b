"""What the commands show on a terminal: how a model is built, how a problem is solved, what came out."""

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from service import embedded
from service.assemble import Parts, assemble
from service.schemas import PathTrace, SolveRequest, SolveResponse, Vote
from service.settings import Settings
from service.types import PathKind

_BUILD_STEPS = {
    "verify": "Verifying the model",
    "import": "Loading the converter",
    "assemble": "Joining the parts of the model",
    "tokenizer": "Converting the tokenizer",
    "dequantize": "Dequantizing the weights",
    "merge": "Merging the adapter",
    "write": "Writing the model",
}
_BAR_WIDTH = 24


@contextmanager
def build_progress(console: Console | None = None) -> Iterator[embedded.Progress]:
    """A progress bar on standard error for building the embedded default; nothing where nothing is built."""
    console = console or Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # it would leave an empty line among the logs
    ) as bar:
        task = bar.add_task("", total=1.0, visible=False)
        yield lambda what, share: bar.update(task, description=_BUILD_STEPS[what], completed=share, visible=True)


async def solve_and_show(settings: Settings, text: str, *, seed: int | None, as_json: bool) -> None:
    """Solve one problem in this process and print it, for people or as JSON."""
    began = time.monotonic()
    with _engine_output_in(settings.cache_dir / "engine.log") as err:
        with build_progress(err) as progress:
            parts = assemble(settings, progress)
        assembled = time.monotonic()
        try:
            with err.status("Starting the engine"):
                await parts.sandbox.start()
                await parts.engine.start()
            started = time.monotonic()
            with err.status("Solving"):
                response = await _solve(settings, parts, text, seed)
        finally:
            await parts.engine.close()
            await parts.sandbox.close()
    if as_json:
        print(response.model_dump_json(exclude_none=False))
        return
    steps = {"model": assembled - began, "engine": started - assembled, "paths": response.timing.total_s}
    Console().print(render(response, steps))


async def _solve(settings: Settings, parts: Parts, text: str, seed: int | None) -> SolveResponse:
    request = SolveRequest.checked(problem=text, seed=seed, trace=True)
    problem = request.to_problem(
        settings,
        temperature=parts.decoding.temperature,
        top_p=parts.decoding.top_p,
        seed=secrets.randbits(53),
    )
    solver = parts.solver(settings)
    return SolveResponse.of(await solver.solve(problem, "solve"), trace=True)


def render(response: SolveResponse, steps: dict[str, float]) -> RenderableType:
    """A traced response for people: the answer, the votes as bars, the best rationale and program, what it took.

    Args:
        response: the response, with its trace.
        steps: what took how many seconds.
    """
    parts: list[RenderableType] = [Text(), _headline(response), Text(), _bars(response.votes)]
    for kind, title in ((PathKind.COT, "Reasoning"), (PathKind.POT, "Program")):
        path = _best(response, kind)
        if path:
            content = Syntax(path.program, "python", background_color="default") if path.program else Text(path.text)
            parts += [Text(), Text(f"{title} (path {path.index})", "bold"), Padding(content, (0, 2))]
    took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in steps.items())
    counts = response.paths
    parts += [
        Text(),
        Text(
            f"{counts.started} of {counts.planned} paths: {counts.voted} voted, {counts.abstained} abstained, "
            f"{counts.aborted} not needed. {response.usage.completion_tokens} tokens. Took: {took}.",
            "dim",
        ),
    ]
    return Group(*parts)


def _headline(response: SolveResponse) -> Text:
    if response.answer is None:
        return Text("No answer: no path gave one.", "bold yellow")
    return Text.assemble(
        ("Answer  ", "bold"), (response.answer, "bold green"), (f"   confidence {response.confidence:.2f}", "dim")
    )


def _bars(votes: list[Vote]) -> Table:
    table = Table.grid(padding=(0, 2))
    most = max((vote.cot + vote.pot for vote in votes), default=1)
    for vote in votes[:6]:
        cot = round(_BAR_WIDTH * vote.cot / most)
        pot = round(_BAR_WIDTH * (vote.cot + vote.pot) / most) - cot
        bar = Text.assemble(("█" * cot, "cyan"), ("█" * pot, "magenta"))
        table.add_row(
            Text(vote.answer, justify="right"), bar, Text(f"{vote.cot} cot", "cyan"), Text(f"{vote.pot} pot", "magenta")
        )
    return table


def _best(response: SolveResponse, kind: PathKind) -> PathTrace | None:
    """The first path of a kind that voted for the answer, one without a repair before one with."""
    behind = [
        path
        for path in response.trace or []
        if path.kind is kind and path.counted and path.answer is not None and path.answer == response.answer
    ]
    return min(behind, key=lambda path: path.repaired, default=None)


@contextmanager
def _engine_output_in(path: Path) -> Iterator[Console]:
    """Send what the engine and its processes print to a file; yields a console on the real standard error.

    vLLM and torch write to descriptors 1 and 2 from C++ and from child processes: only replacing them reaches that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    real = [os.dup(descriptor) for descriptor in (1, 2)]
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    try:
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        with os.fdopen(os.dup(real[1]), "w", encoding="utf-8") as stderr:
            yield Console(file=stderr)
    except Exception as error:
        error.add_note(f"The engine's own output is in {path}.")
        raise
    finally:
        for descriptor, copy in zip((1, 2), real, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(log)
