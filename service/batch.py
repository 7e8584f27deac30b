"""Many problems: rows of JSON Lines in, results as they are done.

It stands behind `POST /solve/batch` and `twinpath solve --input`. A row holds `problem` (or `question`, as data files
have it), an `id`, and any field of `POST /solve`; its other columns are left alone. It promises one result for each
row, with the row's line number and id; a wrong row is a result too. At most `concurrency` rows are held at a time.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.errors import EngineDeadError, InputError, OverloadedError, ServiceError, TwinpathError
from service.problem_json import ProblemDocument, document_of
from service.schemas import SolveRequest, SolveResponse

RowId = str | int
_FIELDS = SolveRequest.model_fields.keys()


class BatchRow(BaseModel):
    """One row's result: a `solution` (what `POST /solve` answers) or an `error` (a problem document)."""

    model_config = ConfigDict(extra="forbid")

    id: RowId | None = Field(
        description="The row's own; where it has none, its line number. Null if it is no row of its own."
    )
    line: int = Field(description="Its line in the input, counted from 1; 0 where the batch itself ended early.")
    solution: SolveResponse | None = Field(default=None, exclude_if=lambda solution: solution is None)
    error: ProblemDocument | None = Field(default=None, exclude_if=lambda error: error is None)


@dataclass(frozen=True, slots=True)
class Row:
    """A problem of a batch."""

    line: int
    id: RowId
    request: SolveRequest


Line = tuple[int, bytes]
"""A line's number and its content. A line that was cut at the limit has no line end and is over it."""

Solve = Callable[[Row], Awaitable[SolveResponse]]


async def solve_lines(
    lines: AsyncIterator[Line], solve: Solve, *, concurrency: int, max_line_bytes: int
) -> AsyncGenerator[BatchRow, None]:
    """Solve the problems of the lines, and yield each result as it is done. Blank lines are skipped.

    Args:
        lines: read one by one, as places become free.
        solve: solves one row; where it raises `OverloadedError`, the row waits and is tried again.
        concurrency: rows solved at the same time.
        max_line_bytes: a longer line is a wrong row.

    Raises:
        EngineDeadError, ServiceError: no row can be solved any more.
    """
    running: set[asyncio.Task[BatchRow]] = set()
    reading: asyncio.Task[Line | None] | None = asyncio.create_task(_next(lines))
    more = True
    try:
        while reading or running:
            waited: set[asyncio.Task[Any]] = running | {reading} if reading else set(running)
            done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if reading in done:
                line = reading.result()
                reading, more = None, line is not None
                if line and line[1].strip():
                    running.add(asyncio.create_task(_result(line, solve, max_line_bytes)))
            for task in done & running:
                running.discard(task)
                yield task.result()
            if more and not reading and len(running) < concurrency:
                reading = asyncio.create_task(_next(lines))
    finally:
        left = [*running, *([reading] if reading else [])]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def read_row(line: Line, max_line_bytes: int) -> Row:
    """The row that a line holds.

    Raises:
        InputError: it holds none.
    """
    number, content = line
    if len(content.rstrip(b"\r\n")) > max_line_bytes:
        raise InputError(f"The line is longer than {max_line_bytes} bytes.", "line")
    try:
        columns = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"The line is no JSON: {error}", "line") from None
    if not isinstance(columns, dict):
        raise InputError("The line is no JSON object.", "line")
    row_id = columns.get("id", number)
    if not isinstance(row_id, str | int) or isinstance(row_id, bool):
        raise InputError("The id is no string and no integer.", "id")
    fields = {name: columns[name] for name in columns.keys() & _FIELDS}
    fields.setdefault("problem", columns.get("question", ""))
    return Row(number, row_id, SolveRequest.checked(**fields))


def row_id_of(line: Line, max_line_bytes: int) -> RowId | None:
    """The id that the line's result bears: the row's own, else the line's number; None where it is no row."""
    try:
        columns = json.loads(line[1]) if len(line[1].rstrip(b"\r\n")) <= max_line_bytes else None
    except (ValueError, RecursionError):
        return None
    row_id = columns.get("id", line[0]) if isinstance(columns, dict) else None
    return row_id if isinstance(row_id, str | int) and not isinstance(row_id, bool) else None


async def _next(lines: AsyncIterator[Line]) -> Line | None:
    return await anext(lines, None)


async def _result(line: Line, solve: Solve, max_line_bytes: int) -> BatchRow:
    try:
        row = read_row(line, max_line_bytes)
    except InputError as error:
        return BatchRow(id=row_id_of(line, max_line_bytes), line=line[0], error=document_of(error))
    while True:
        try:
            return BatchRow(id=row.id, line=row.line, solution=await solve(row))
        except OverloadedError as error:
            await asyncio.sleep(error.retry_after_s)
        except (EngineDeadError, ServiceError):
            raise
        except TwinpathError as error:
            return BatchRow(id=row.id, line=row.line, error=document_of(error))
