"""Command `twinpath solve --input F --output G`: a file of problems, with resume."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from service.cli.backend import in_process, over_http
from service.cli.output import file_progress
from service.cli.results_file import ResultsFile
from service.errors import InputError
from service.schemas import SolveRequest, SolveResponse
from service.schemas.batch import SOLVE, BatchRow, Line, Row, RowId
from service.settings import Settings
from service.solve.problem import path_seed

_SHOWN_FAILURES = 20
_CHUNK_BYTES = 1 << 20


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
    """Solve every row that has no result yet.

    Args:
        settings: settings of the engine in this process, and limits.
        source: JSON Lines of problems.
        output: file to which results are appended.
        overrides: request fields for rows without them.
        seed: line i gets a seed derived from this seed and i, unless the row has one. None draws random seeds.
        url: running service. None solves in this process.
        concurrency: problems that are solved at the same time. Default: the setting.

    Returns:
        Number of rows of this run that have an error.

    Raises:
        ConfigurationError: the output file cannot be continued.
        EngineDeadError, ServiceError: no further row can be solved. Run the command again to resume.
    """
    console = Console(stderr=True)
    report = ProgressReport(console)
    with ResultsFile(output) as results, file_progress(console) as bar:
        task = bar.add_task("Solving", total=_count_lines(source))

        def skip() -> None:
            bar.advance(task)

        async with over_http(url, settings) if url else in_process(settings) as solve:

            async def solve_row(row: Row[SolveRequest]) -> SolveResponse:
                request = row.request
                defaults = {
                    name: value
                    for name, value in overrides.items()
                    if name not in request.model_fields_set or getattr(request, name) is None
                }
                if seed is not None and request.seed is None:
                    defaults["seed"] = path_seed(seed, row.line)
                return await solve(request.model_copy(update=defaults))

            open_rows = _open_rows(source, results, settings.max_body_bytes, skip)
            rows = SOLVE.process(open_rows, solve_row, concurrency=concurrency or settings.batch_concurrency)
            async with aclosing(rows):  # if a result cannot be written, open rows end before the engine
                async for row in rows:
                    results.write(row)
                    report.add(row)
                    bar.advance(task)
    report.summarize(results.kept)
    return report.failures


class ProgressReport:
    """Errors and totals of a run on the terminal."""

    def __init__(self, console: Console) -> None:
        self.failures = 0
        self._solved = 0
        self._console = console

    def add(self, row: BatchRow) -> None:
        """Count a result. Print its error, up to 20 of them."""
        if row.error is None:
            self._solved += 1
            return
        self.failures += 1
        if self.failures <= _SHOWN_FAILURES:
            self._console.print(Text.assemble((f"line {row.line}:", "yellow"), f" {row.error.detail}"), soft_wrap=True)
        if self.failures == _SHOWN_FAILURES:
            self._console.print("The output file lists all further errors.")

    def summarize(self, kept: int) -> None:
        """Print the totals. `kept` results are from earlier runs."""
        before = f", {kept:,} from earlier runs" if kept else ""
        self._console.print(f"{self._solved:,} solved, {self.failures:,} with an error{before}.")


async def _open_rows(
    source: Path, results: ResultsFile, max_line_bytes: int, skip: Callable[[], None]
) -> AsyncIterator[Row[SolveRequest] | BatchRow]:
    """Rows without a result. A row with the id of an earlier line is an error, because results are joined by id."""
    first_lines: dict[RowId, int] = {}
    for number, content in _lines(source, max_line_bytes):
        if not content.strip():
            skip()
            continue
        row = SOLVE.parse_line((number, content), max_line_bytes)
        first = number if row.id is None else first_lines.setdefault(row.id, number)
        is_duplicate = first != number
        if results.is_done(number, None if is_duplicate else row.id):
            skip()
        elif is_duplicate:
            error = InputError(f"Line {first} has the id {row.id!r} already; this line is not solved.", "id")
            yield SOLVE.failure(error, line=number)
        else:
            yield row


def _lines(source: Path, max_line_bytes: int) -> Iterator[Line]:
    """Lines with their numbers. A line over the limit is cut right after it."""
    with source.open("rb") as lines:
        number = 0
        while line := lines.readline(max_line_bytes + 2):
            number += 1
            rest = line
            while not rest.endswith(b"\n") and (rest := lines.readline(_CHUNK_BYTES)):
                pass
            yield number, line


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        count, last = 0, b"\n"
        while chunk := file.read(_CHUNK_BYTES):
            count += chunk.count(b"\n")
            last = chunk
        return count + (not last.endswith(b"\n"))
