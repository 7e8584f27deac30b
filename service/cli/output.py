"""Terminal output: progress bars and the answer view."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from service.model import bundled
from service.schemas import SolveResponse, Vote

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
_MAX_ANSWERS = 6


class _Rate(ProgressColumn):
    """Rows per second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f}/s", "progress.data.speed")


def file_progress(console: Console) -> Progress:
    """Progress bar over the rows of a file: count, rate, elapsed time, ETA."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=console,
    )


@contextmanager
def build_progress(console: Console | None = None) -> Iterator[bundled.Progress]:
    """Progress bar for the build of the bundled model. Shows nothing if nothing is built."""
    console = console or Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # it would leave an empty line in a log file
    ) as bar:
        task = bar.add_task("", total=1.0, visible=False)
        yield lambda what, share: bar.update(task, description=_BUILD_STEPS[what], completed=share, visible=True)


def render(response: SolveResponse, steps: dict[str, float]) -> RenderableType:
    """Answer view: the answer, the votes as bars, the best explanation and program, and the time.

    Args:
        response: the response, with its trace.
        steps: seconds per step.
    """
    parts: list[RenderableType] = [Text(), _headline(response), Text(), _bars(response.votes)]
    if cot := response.explanation.cot:
        parts += [Text(), Text(f"Explanation (path {cot.path})", "bold"), Padding(Text(cot.text), (0, 2))]
    if program := response.explanation.program:
        code = Syntax(program.code, "python", background_color="default")
        parts += [Text(), Text(f"Program (path {program.path})", "bold"), Padding(code, (0, 2))]
    took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in steps.items())
    counts = response.paths
    parts += [
        Text(),
        Text(
            f"{counts.started} of {counts.planned} paths: {counts.voted} voted, {counts.abstained} abstained, "
            f"{counts.aborted} aborted. {response.usage.completion_tokens} tokens. Time: {took}.",
            "dim",
        ),
    ]
    return Group(*parts)


def _headline(response: SolveResponse) -> Text:
    if response.answer is None:
        return Text("No answer: no path gave one with enough confidence.", "bold yellow")
    return Text.assemble(
        ("Answer  ", "bold"), (response.answer, "bold green"), (f"   confidence {response.confidence:.2f}", "dim")
    )


def _bars(votes: list[Vote]) -> Table:
    table = Table.grid(padding=(0, 2))
    most = max((vote.cot + vote.pot for vote in votes), default=1)
    for vote in votes[:_MAX_ANSWERS]:
        cot = round(_BAR_WIDTH * vote.cot / most)
        pot = round(_BAR_WIDTH * (vote.cot + vote.pot) / most) - cot
        bar = Text.assemble(("█" * cot, "cyan"), ("█" * pot, "magenta"))
        table.add_row(
            Text(vote.answer, justify="right"), bar, Text(f"{vote.cot} cot", "cyan"), Text(f"{vote.pot} pot", "magenta")
        )
    return table
