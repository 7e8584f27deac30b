"""`twinpath solve --input F --output G`: a file of problems, in this process or over a URL, with a bar on the terminal.

A run that was killed goes on where it stopped. A line whose id an earlier line has is a bad line: results are joined by
id. Memory does not grow with the file but for four bytes a line; the ids are in a temporary file.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
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
from service.batch import BatchRow, Line, Row, RowId, row_id_of, solve_lines
from service.errors import InputError
from service.ledger import Ledger
from service.problem_json import document_of
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
    with Ledger(output) as ledger, closing(_Ids()) as ids, _bar(console) as bar:
        task = bar.add_task("Solving", total=_count_lines(source))

        def done(row: BatchRow | None) -> None:
            if row:
                ledger.write(row)
                told.tell(row)
            bar.advance(task)

        async with over_http(url, settings) if url else in_process(settings) as solve:

            async def solve_row(row: Row) -> SolveResponse:
                request = row.request
                defaults = {name: value for name, value in overrides.items() if getattr(request, name) is None}
                if seed is not None and request.seed is None:
                    defaults["seed"] = path_seed(seed, row.line)
                return await solve(request.model_copy(update=defaults))

            rows = solve_lines(
                _undone(source, ledger, ids, settings.max_body_bytes, done),
                solve_row,
                concurrency=concurrency or settings.batch_concurrency,
                max_line_bytes=settings.max_body_bytes,
            )
            async with aclosing(rows):  # where a result cannot be written, the rows still open end before the engine
                async for row in rows:
                    done(row)
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


class _Ids:
    """The line on which each id comes first, in SQLite's temporary file: exact, and little of it in memory."""

    def __init__(self) -> None:
        self._lines = sqlite3.connect("", isolation_level=None)
        self._lines.execute("PRAGMA journal_mode = OFF")
        self._lines.execute("CREATE TABLE ids (id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")

    def first_line(self, row_id: RowId, line: int) -> int:
        """The first line with this id; this one if there was none before."""
        key = json.dumps(row_id)  # 1 and "1" are two ids
        if self._lines.execute("INSERT OR IGNORE INTO ids VALUES (?, ?)", (key, line)).rowcount:
            return line
        first: int = self._lines.execute("SELECT line FROM ids WHERE id = ?", (key,)).fetchone()[0]
        return first

    def close(self) -> None:
        self._lines.close()


async def _undone(
    source: Path, ledger: Ledger, ids: _Ids, max_line_bytes: int, done: Callable[[BatchRow | None], None]
) -> AsyncIterator[Line]:
    """The lines of the input that are to be solved, each read when it is asked for; the others are `done`."""
    for whole in _lines(source, max_line_bytes):
        number, line = whole
        if line.isspace():
            done(None)
            continue
        row_id = row_id_of(whole, max_line_bytes)
        first = number if row_id is None else ids.first_line(row_id, number)
        if ledger.is_done(number, row_id if first == number else None):
            done(None)
        elif first == number:
            yield whole
        else:
            error = InputError(f"The id {row_id!r} is that of line {first}; this line is not solved.", "id")
            done(BatchRow(id=None, line=number, error=document_of(error)))


def _lines(source: Path, max_line_bytes: int) -> Iterator[Line]:
    """Every line with its number; of one that is too long, only as much as shows it."""
    with source.open("rb") as lines:
        number = 0
        while line := lines.readline(max_line_bytes + 2):
            number += 1
            rest = line
            while not rest.endswith(b"\n") and (rest := lines.readline(_PIECE)):
                pass
            yield number, line


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        count, last = 0, b"\n"
        while piece := file.read(_PIECE):
            count += piece.count(b"\n")
            last = piece
        return count + (not last.endswith(b"\n"))
