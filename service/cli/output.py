"""Progress bars of the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
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
from rich.text import Text

from service.model import bundled

BUILD_STEPS = {
    "verify": "Verifying the model",
    "import": "Loading the converter",
    "assemble": "Joining the parts of the model",
    "tokenizer": "Converting the tokenizer",
    "dequantize": "Dequantizing the weights",
    "merge": "Merging the adapter",
    "write": "Writing the model",
    "download": "Downloading the model",
}
"""Words of each step of a build, a verification and a download."""


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
        yield lambda what, share: bar.update(task, description=BUILD_STEPS[what], completed=share, visible=True)
