"""What the commands show on a terminal: how a model is built, and what came of a problem."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from service import embedded
from service.schemas import PathTrace, SolveResponse, Vote
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
