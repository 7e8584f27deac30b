"""Batch format: JSON Lines rows, and a loop that solves them concurrently.

A row holds `problem` (or `question`), an optional `id`, and any field of `POST /solve`. Other columns are ignored.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.errors import EngineDeadError, InputError, OverloadedError, ServiceError, TwinpathError, json_reason
from service.schemas.problem_details import ProblemDetails, problem_details
from service.schemas.request import SolveRequest
from service.schemas.response import SolveResponse

RowId = str | int
_FIELDS = SolveRequest.model_fields.keys()


class BatchRow(BaseModel):
    """Result of one row: a `solution` (the response of `POST /solve`) or an `error` (problem details)."""

    model_config = ConfigDict(extra="forbid")

    id: RowId | None = Field(description="Id of the row, or its line number. Null if the line is not a valid row.")
    line: int = Field(description="Line number in the input, counted from 1. 0 for an error of the batch itself.")
    solution: SolveResponse | None = Field(default=None, exclude_if=lambda solution: solution is None)
    error: ProblemDetails | None = Field(default=None, exclude_if=lambda error: error is None)


@dataclass(frozen=True, slots=True)
class Row:
    """One problem of a batch."""

    line: int
    id: RowId
    request: SolveRequest


Line = tuple[int, bytes]
"""Line number, and content. A line that was cut at the size limit is longer than the limit."""

Solve = Callable[[Row], Awaitable[SolveResponse]]


def parse_line(line: Line, max_line_bytes: int, request_id: str | None = None) -> Row | BatchRow:
    """Parse a line into a row, or into a result with an error that names the request."""
    row_id: RowId | None = None
    try:
        columns = _columns(line, max_line_bytes)
        row_id = _row_id(columns, line[0])
        fields = {name: columns[name] for name in columns.keys() & _FIELDS}
        fields.setdefault("problem", columns.get("question", ""))
        return Row(line[0], row_id, SolveRequest.checked(**fields))
    except InputError as error:
        return BatchRow(id=row_id, line=line[0], error=problem_details(error, request_id))


async def solve_rows(
    rows: AsyncIterator[Row | BatchRow], solve: Solve, *, concurrency: int, request_id: str | None = None
) -> AsyncGenerator[BatchRow, None]:
    """Solve rows concurrently and yield each result as soon as it is ready.

    Args:
        rows: rows, and results that pass through. The next one is read when a place is free.
        solve: solves one row. After an `OverloadedError` the row waits and is tried again.
        concurrency: rows that are solved at the same time.
        request_id: id of the request, for errors.

    Raises:
        EngineDeadError, ServiceError: no further row can be solved.
    """
    running: set[asyncio.Task[BatchRow]] = set()
    reading: asyncio.Task[Row | BatchRow | None] | None = asyncio.create_task(_next(rows))
    has_more = True
    try:
        while reading or running:
            waited: set[asyncio.Task[Any]] = running | {reading} if reading else set(running)
            done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if reading in done:
                row = reading.result()
                reading, has_more = None, row is not None
                if row is not None:
                    running.add(asyncio.create_task(_result(row, solve, request_id)))
            for task in done & running:
                running.discard(task)
                yield task.result()
            if has_more and not reading and len(running) < concurrency:
                reading = asyncio.create_task(_next(rows))
    finally:
        left = [*running, *([reading] if reading else [])]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _columns(line: Line, max_line_bytes: int) -> dict[str, Any]:
    if len(line[1].rstrip(b"\r\n")) > max_line_bytes:
        raise InputError(f"The line is longer than {max_line_bytes} bytes.", "line")
    try:
        columns = json.loads(line[1])
    except (ValueError, RecursionError) as error:
        raise InputError(f"The line is not valid JSON: {json_reason(error)}", "line") from None
    if not isinstance(columns, dict):
        raise InputError("The line is not a JSON object.", "line")
    return columns


def _row_id(columns: dict[str, Any], number: int) -> RowId:
    row_id = columns.get("id", number)
    if not isinstance(row_id, str | int) or isinstance(row_id, bool):
        raise InputError("`id` must be a string or an integer.", "id")
    return row_id


async def _next(rows: AsyncIterator[Row | BatchRow]) -> Row | BatchRow | None:
    return await anext(rows, None)


async def _result(row: Row | BatchRow, solve: Solve, request_id: str | None) -> BatchRow:
    if isinstance(row, BatchRow):
        return row
    while True:
        try:
            return BatchRow(id=row.id, line=row.line, solution=await solve(row))
        except OverloadedError as error:
            await asyncio.sleep(error.retry_after_s)
        except (EngineDeadError, ServiceError):
            raise
        except TwinpathError as error:
            return BatchRow(id=row.id, line=row.line, error=problem_details(error, request_id))
