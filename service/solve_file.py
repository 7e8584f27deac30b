"""`twinpath solve --input F --output G`: a file of problems, in this process or over a URL, with a bar on the terminal.

A run that was killed goes on where it stopped. Memory does not grow with the file but for four bytes a line.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from service.backend import in_process, over_http
from service.batch import BatchRow, Line, Row, row_id_of, solve_lines
from service.ledger import Ledger
from service.schemas import SolveResponse
from service.settings import Settings
from service.solver import path_seed

_SHOWN_FAILURES = 20
_PIECE = 1 << 20


class _Rate(ProgressColumn):
    """Lines a second, of late."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f}/s", "progress.data.speed")


async def solve_file(
    settings: Settings,
    source: Path,
    output: Path,
    *,
    overrides: dict[str, Any],
    seed: int | None,
    url: str | None,
    concurrency: int | None,
) -> int:
    """Solve every line that has no result yet.

    Args:
        settings: of an engine in this process, and of the limits.
        source: JSON Lines of problems.
        output: results are added here.
        overrides: request fields for rows that leave them out.
        seed: line i gets its own seed, made of this and i, unless the row has one; None draws them.
        url: a running service; None solves in this process.
        concurrency: problems solved at the same time; None takes the settings'.

    Returns:
        How many lines of this run have an error.

    Raises:
        ConfigurationError: the output cannot be gone on with.
        EngineDeadError, ServiceError: no more can be solved; run again to go on.
    """
    console = Console(stderr=True)
    told = _Told(console)
    with Ledger(output) as ledger, _bar(console) as bar:
        task = bar.add_task("Solving", total=_count_lines(source))
        async with over_http(url, settings) if url else in_process(settings) as solve:

            async def solve_row(row: Row) -> SolveResponse:
                request = row.request
                defaults = {name: value for name, value in overrides.items() if getattr(request, name) is None}
                if seed is not None and request.seed is None:
                    defaults["seed"] = path_seed(seed, row.line)
                return await solve(request.model_copy(update=defaults))

            rows = solve_lines(
                _undone(source, ledger, settings.max_body_bytes, lambda: bar.advance(task)),
                solve_row,
                concurrency=concurrency or settings.batch_concurrency,
                max_line_bytes=settings.max_body_bytes,
            )
            async for row in rows:
                ledger.write(row)
                told.tell(row)
                bar.advance(task)
    told.sum_up(ledger.kept)
    return told.failures


class _Told:
    """What a run tells besides its bar."""

    def __init__(self, console: Console) -> None:
        self.failures = 0
        self._solved = 0
        self._console = console

    def tell(self, row: BatchRow) -> None:
        if row.error is None:
            self._solved += 1
            return
        self.failures += 1
        if self.failures <= _SHOWN_FAILURES:
            self._console.print(Text.assemble((f"line {row.line}:", "yellow"), f" {row.error.detail}"), soft_wrap=True)
        if self.failures == _SHOWN_FAILURES:
            self._console.print("Further lines with errors are told in the output alone.")

    def sum_up(self, kept: int) -> None:
        before = f", {kept:,} were done before" if kept else ""
        self._console.print(f"{self._solved:,} solved, {self.failures:,} with an error{before}.")


def _bar(console: Console) -> Progress:
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


async def _undone(source: Path, ledger: Ledger, max_line_bytes: int, skipped: Any) -> AsyncIterator[Line]:
    """The lines of the input that have no result, each read when it is asked for."""
    with source.open("rb") as lines:
        number = 0
        while line := lines.readline(max_line_bytes + 2):
            number += 1
            whole = (number, line)
            rest = line
            while not rest.endswith(b"\n") and (rest := lines.readline(_PIECE)):
                pass
            if line.isspace() or ledger.is_done(number, row_id_of(whole, max_line_bytes)):
                skipped()
            else:
                yield whole


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        count, last = 0, b"\n"
        while piece := file.read(_PIECE):
            count += piece.count(b"\n")
            last = piece
        return count + (not last.endswith(b"\n"))
