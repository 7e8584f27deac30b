"""Batch format: JSON Lines rows, and a loop that processes them concurrently.

A row holds `problem` (or `question`), an optional `id`, and any field of `POST /solve` or `POST /grade`. Other columns
are ignored.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from service.errors import EngineDeadError, InputError, OverloadedError, ServiceError, TwinpathError, json_reason
from service.faults import near_miss
from service.json_lines import Line, escaped, is_encodable, json_value
from service.schemas.grade import GradeRequest, GradeResponse
from service.schemas.problem_details import ProblemDetails, problem_details
from service.schemas.request import SolveRequest, Wire
from service.schemas.response import SolveResponse

logger = logging.getLogger(__name__)

RowId = str | int
_MAX_NEAR_MISSES = 100
_MAX_EXACT = 2**53  # beyond it, a number with a decimal point may stand for several integers


class BatchResult(BaseModel):
    """Result of one row: a response or an `error` (problem details)."""

    model_config = ConfigDict(extra="forbid")

    id: RowId | None = Field(
        description="Id of the row, or its line number. Null if the line is not a valid row.", examples=["a"]
    )
    line: int = Field(
        description="Line number in the input, counted from 1. 0 for an error of the batch itself.", examples=[1]
    )
    error: ProblemDetails | None = Field(
        default=None, exclude_if=lambda error: error is None, description="Error of a row without a response."
    )

    def to_line(self) -> bytes:
        """Line of JSON Lines, with its line end."""
        return escaped(self.model_dump_json()).encode() + b"\n"


class BatchRow(BatchResult):
    """Result of one row: a `solution` (the response of `POST /solve`) or an `error` (problem details)."""

    solution: SolveResponse | None = Field(
        default=None, exclude_if=lambda solution: solution is None, description="Response of `POST /solve`."
    )


class GradeRow(BatchResult):
    """Result of one row: a `grade` (the response of `POST /grade`) or an `error` (problem details)."""

    grade: GradeResponse | None = Field(
        default=None, exclude_if=lambda grade: grade is None, description="Response of `POST /grade`."
    )


RequestT = TypeVar("RequestT", bound=Wire)
ResponseT = TypeVar("ResponseT", bound=SolveResponse | GradeResponse)
ResultT = TypeVar("ResultT", bound=BatchResult)


@dataclass(frozen=True, slots=True)
class Row(Generic[RequestT]):
    """One request of a batch."""

    line: int
    id: RowId
    request: RequestT


@dataclass(frozen=True, slots=True)
class BatchFormat(Generic[RequestT, ResponseT, ResultT]):
    """Format of the rows of one kind of request, and of their results.

    Args:
        request: model of a request.
        response: model of its response.
        result: model of the result of a row.
        field: name of the response in the result.
    """

    request: type[RequestT]
    response: type[ResponseT]
    result: type[ResultT]
    field: str

    def parse_line(self, line: Line, max_line_bytes: int, request_id: str | None = None) -> Row[RequestT] | ResultT:
        """Parse a line into a row, or into a result with an error that names the request.

        Args:
            line: the line. One that was cut at the maximum size is longer than it.
            max_line_bytes: maximum size of a line.
            request_id: id of the request.
        """
        try:
            columns = _columns(line, max_line_bytes)
        except InputError as error:
            return self.failure(error, line=line[0], request_id=request_id)
        return self.parse_columns(line[0], columns, request_id)

    def parse_columns(
        self, line: int, columns: Mapping[str, Any], request_id: str | None = None
    ) -> Row[RequestT] | ResultT:
        """Parse the columns of a line into a row, or into a result with an error that names the request."""
        row_id: RowId | None = None
        known = self.request.model_fields
        needed = [name for name, field in known.items() if field.is_required()]
        try:
            row_id = _row_id(columns, line)
            # A data frame has each column in every row, and null for a missing value.
            fields = {
                name: value
                for name, value in columns.items()
                if name in needed or (name in known and value is not None)
            }
            if fields.get("problem") is None and "question" in columns:
                fields["problem"] = columns["question"]
            missing = [name for name in needed if name not in fields]
            # The error of a misspelt column helps more than that of the missing one.
            others = islice((name for name in columns if name not in fields), _MAX_NEAR_MISSES)
            fields |= {name: None for name in others if is_encodable(name) and near_miss(name, missing)}
            return Row(line, row_id, self.request.checked(**fields))
        except InputError as error:
            return self.failure(error, row_id, line, request_id)

    def success(self, row: Row[RequestT], response: ResponseT) -> ResultT:
        """Result of a row that was processed."""
        return self.result(id=row.id, line=row.line, **{self.field: response})

    def failure(
        self, error: Exception, row_id: RowId | None = None, line: int = 0, request_id: str | None = None
    ) -> ResultT:
        """Result of a row that failed. Without a line, that of a batch that was cut short."""
        return self.result(id=row_id, line=line, error=problem_details(error, request_id))

    async def process(
        self,
        rows: AsyncIterator[Row[RequestT] | ResultT],
        work: Callable[[Row[RequestT]], Awaitable[ResponseT]],
        *,
        concurrency: int,
        request_id: str | None = None,
    ) -> AsyncGenerator[ResultT, None]:
        """Process rows concurrently and yield each result as soon as it is ready.

        Args:
            rows: rows, and results that pass through. The next one is read when a place is free.
            work: processes one row. After an `OverloadedError` the row waits and is tried again.
            concurrency: rows that are processed at the same time.
            request_id: id of the request, for errors.

        Raises:
            EngineDeadError, ServiceError: no further row can be processed. The rows in progress have been yielded.
        """
        running: set[asyncio.Task[ResultT]] = set()
        reading: asyncio.Task[Row[RequestT] | ResultT | None] | None = asyncio.create_task(_next(rows))
        failure: BaseException | None = None
        has_more = True
        try:
            while reading or running:
                waited: set[asyncio.Task[Any]] = running | {reading} if reading else set(running)
                done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                for task in done & running:
                    running.discard(task)
                    if error := task.exception():
                        failure = failure or error
                    else:
                        yield task.result()
                if failure:  # rows in progress finish, and no further row starts
                    has_more = False
                    if reading:
                        reading.cancel()
                        await asyncio.gather(reading, return_exceptions=True)
                        reading = None
                elif reading in done:
                    row = reading.result()
                    reading, has_more = None, row is not None
                    if isinstance(row, Row):
                        running.add(asyncio.create_task(self._result(row, work, request_id)))
                    elif row is not None:
                        yield row
                if has_more and not reading and len(running) < concurrency:
                    reading = asyncio.create_task(_next(rows))
            if failure:
                raise failure
        finally:
            left = [*running, *([reading] if reading else [])]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _result(
        self,
        row: Row[RequestT],
        work: Callable[[Row[RequestT]], Awaitable[ResponseT]],
        request_id: str | None,
    ) -> ResultT:
        while True:
            try:
                return self.success(row, await work(row))
            except OverloadedError as error:
                await asyncio.sleep(error.retry_after_s)
            except (EngineDeadError, ServiceError):
                raise
            except Exception as error:
                if not isinstance(error, TwinpathError):  # a fault of the service costs one row
                    logger.exception("row %d failed", row.line)
                return self.failure(error, row.id, row.line, request_id)


SOLVE = BatchFormat(SolveRequest, SolveResponse, BatchRow, "solution")
GRADE = BatchFormat(GradeRequest, GradeResponse, GradeRow, "grade")


def _columns(line: Line, max_line_bytes: int) -> dict[str, Any]:
    if len(line[1]) > max_line_bytes:
        raise InputError(f"The line is longer than {max_line_bytes} bytes.", "line")
    try:
        columns = json_value(line[1])
    except (ValueError, RecursionError) as error:
        raise InputError(f"The line is not valid JSON: {json_reason(error)}", "line") from None
    if not isinstance(columns, dict):
        raise InputError("The line is not a JSON object.", "line")
    return columns


def _row_id(columns: Mapping[str, Any], number: int) -> RowId:
    """Id of a row. Without one it is the number of the line.

    Raises:
        InputError: the id is not a string in valid Unicode or an integer.
    """
    row_id = columns.get("id")
    if row_id is None:
        return number
    if isinstance(row_id, float) and row_id.is_integer() and abs(row_id) <= _MAX_EXACT:
        return int(row_id)  # a data frame whose column has a missing value
    if not isinstance(row_id, str | int) or isinstance(row_id, bool):
        raise InputError("`id` must be a string or an integer.", "id")
    if isinstance(row_id, str) and not is_encodable(row_id):
        raise InputError("`id` must be valid Unicode, without lone surrogates.", "id")
    return row_id


async def _next(rows: AsyncIterator[Row[RequestT] | ResultT]) -> Row[RequestT] | ResultT | None:
    return await anext(rows, None)
