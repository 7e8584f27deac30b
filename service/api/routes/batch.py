"""Routes of batches: JSON Lines rows, and results as they are ready.

The body is spooled to a temporary file, so that a client may send all of it before it reads a result. The results of
a chunked body start while it arrives, those of another body after its end. The batch ends when the client disconnects.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Generic

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.types import Receive, Scope, Send

from service.api.allowance import Allowance
from service.api.auth import key_name
from service.api.routes.grade import grade_and_record
from service.api.routes.solve import components_of, problem_of, request_id, solve_and_record
from service.api.spool import DiskBudget, Spool, SpoolLimits
from service.errors import EngineDeadError, InputError, OverloadedError
from service.schemas import GradeRequest, GradeResponse, SolveRequest, SolveResponse
from service.schemas.batch import GRADE, SOLVE, BatchFormat, BatchResult, RequestT, ResponseT, ResultT, Row
from service.schemas.from_solution import solve_response
from service.schemas.problem_details import MEDIA_TYPE, ProblemDetails
from service.solve.problem import Solution
from service.solve.shared_votes import SharedVotes

logger = logging.getLogger(__name__)
router = APIRouter()

PATHS = ("/solve/batch", "/grade/batch")
JSON_LINES = "application/x-ndjson"
_MEDIA_TYPES = {
    JSON_LINES,
    "application/ndjson",
    "application/jsonl",
    "application/jsonlines",
    "application/json-lines",
}
_SOLVE_EXAMPLE = (
    '{"id": "a", "problem": "A pen costs 3 dollars. How much do 7 pens cost?"}\n'
    '{"id": "b", "question": "Ann had 12 apples and gave 5 away. How many are left?", "seed": 7}\n'
)
_GRADE_EXAMPLE = (
    '{"id": "a", "problem": "A pen costs 3 dollars. How much do 7 pens cost?", "response": "7 * 3 = 21 dollars"}\n'
    '{"id": "b", "problem": "Ann had 12 apples and gave 5 away. How many are left?", "response": 8, "expected": 7}\n'
)
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One result per row, when it is ready. The result of an invalid row has an `error`.",
        "content": {JSON_LINES: {"schema": {"type": "string"}}},
    },
    413: {
        "model": ProblemDetails,
        "content": {MEDIA_TYPE: {}},
        "description": "The declared length of the body is too large.",
    },
    415: {
        "model": ProblemDetails,
        "content": {MEDIA_TYPE: {}},
        "description": "The Content-Type of the body is not JSON Lines.",
    },
    429: {
        "model": ProblemDetails,
        "content": {MEDIA_TYPE: {}},
        "description": "The bodies of all batches take too much disk, or the API key has reached a limit.",
    },
    503: {
        "model": ProblemDetails,
        "content": {MEDIA_TYPE: {}},
        "description": "The service cannot store the body.",
    },
}


def _body(fields: str, example: str) -> dict[str, Any]:
    return {
        "requestBody": {
            "required": True,
            "description": f"Each line is an object with {fields}. Other columns are ignored. The default `id` is the "
            "line number.",
            "content": {JSON_LINES: {"schema": {"type": "string"}, "example": example}},
        }
    }


class BatchResponse(Response, Generic[RequestT, ResponseT, ResultT]):
    """Response that streams the results of a batch while its body arrives.

    Args:
        request: the HTTP request.
        rows: format of the rows.
        work: processes the request of a row. Its second argument is the id of the row's result.

    Raises:
        HTTPException: 415 or 413, the body is not JSON Lines or too large.
    """

    media_type = JSON_LINES

    def __init__(
        self,
        request: Request,
        rows: BatchFormat[RequestT, ResponseT, ResultT],
        work: Callable[[RequestT, str], Awaitable[ResponseT]],
    ) -> None:
        _check_headers(request)
        super().__init__()
        del self.headers["content-length"]
        self._format = rows
        self._work = work
        self._settings = components_of(request).settings
        self._budget: DiskBudget = request.app.state.batch_disk
        self._id = request_id()
        self._key = key_name(request.scope)
        self._allowance = Allowance.of(request.scope)
        self._is_chunked = "content-length" not in request.headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, solve and send concurrently, until the last row is done or the client disconnects.

        Raises:
            OverloadedError: a body of declared length found no room on the disk.
            HTTPException: 503, there is no temporary file.
        """
        with self._spool() as spool:
            reading = asyncio.create_task(spool.fill(receive))
            sending = asyncio.create_task(self._send(spool, send))
            try:
                await asyncio.wait({reading, sending}, return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    sending.result()
            finally:
                for task in (reading, sending):
                    task.cancel()
                await asyncio.gather(reading, sending, return_exceptions=True)

    def _spool(self) -> Spool:
        settings = self._settings
        limits = SpoolLimits(
            max_bytes=settings.max_batch_bytes,
            max_line_bytes=settings.max_body_bytes,
            max_pause_s=settings.body_timeout_s,
            max_s=settings.batch_timeout_s,
            is_per_row=self._is_chunked,  # its rows may be made while it is sent
        )
        try:
            return Spool(limits, self._budget, self._key)
        except OSError as error:
            logger.error("batch: no temporary file: %s", error)
            raise HTTPException(503, "The service cannot store a batch at present.") from None

    async def _send(self, spool: Spool, send: Send) -> None:
        if not self._is_chunked:  # a proxy such as nginx stops sending a body once the response has started
            await spool.complete()
            if isinstance(spool.cut, OverloadedError):
                raise spool.cut
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        try:
            async with aclosing(self._rows(spool)) as rows:
                results = self._format.process(
                    rows, self._process, concurrency=self._settings.batch_concurrency, request_id=self._id
                )
                async with aclosing(results):
                    async for row in results:
                        await _send_row(row, send)
            if spool.cut:
                await _send_row(self._format.failure(spool.cut, request_id=self._id), send)
        except EngineDeadError as error:
            logger.error("batch: %s", error)
            await _send_row(self._format.failure(error, request_id=self._id), send)
        await send({"type": "http.response.body", "body": b""})

    async def _rows(self, spool: Spool) -> AsyncGenerator[Row[RequestT] | ResultT]:
        """Rows up to the maximum number of them, and of those that are invalid."""
        settings = self._settings
        count, errors = 0, 0
        async with aclosing(spool.lines()) as lines:
            async for line in lines:
                if count == settings.max_batch_rows:
                    spool.end(InputError(f"The batch is cut after {count} rows, the maximum number.", "body"))
                    return
                row = self._format.parse_line(line, settings.max_body_bytes, self._id)
                count += 1
                errors += not isinstance(row, Row)
                yield row
                if errors == settings.max_batch_errors:
                    spool.end(InputError(f"The batch is cut after {errors} invalid rows.", "body"))
                    return

    async def _process(self, row: Row[RequestT]) -> ResponseT:
        async with self._allowance.problem():
            return await self._work(row.request, f"{self._id}-{row.line}")


@router.post(
    "/solve/batch",
    response_class=Response,
    responses=_RESPONSES,
    openapi_extra=_body("`problem` (or `question`), an optional `id`, and any field of `/solve`", _SOLVE_EXAMPLE),
    tags=["solve"],
)
async def solve_batch(request: Request) -> Response:
    """Solve a batch of problems, one per line, and send each result when it is ready."""

    async def work(body: SolveRequest, problem_id: str) -> SolveResponse:
        solution = await solve_and_record(problem_of(body, request), request, problem_id=problem_id)
        return solve_response(solution, trace=body.trace)

    return BatchResponse(request, SOLVE, work)


@router.post(
    "/grade/batch",
    response_class=Response,
    responses=_RESPONSES,
    openapi_extra=_body(
        "`problem` (or `question`), `response`, an optional `id`, and any field of `/grade`", _GRADE_EXAMPLE
    ),
    tags=["grade"],
)
async def grade_batch(request: Request) -> Response:
    """Grade a batch of responses, one per line, and send each result when it is ready.

    Responses to one problem with the same options share a vote.
    """
    votes = SharedVotes()

    async def work(body: GradeRequest, grade_id: str) -> GradeResponse:
        problem = body.solve_request()

        async def vote() -> Solution:
            solution = await solve_and_record(problem_of(problem, request), request, problem_id=grade_id)
            return solution.without_paths()  # the votes of many problems are kept

        return await grade_and_record(body, request, lambda: votes.solve(problem.model_dump_json(), vote), grade_id)

    return BatchResponse(request, GRADE, work)


def _check_headers(request: Request) -> None:
    settings = components_of(request).settings
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared not in _MEDIA_TYPES:
        raise HTTPException(
            415,
            f"The Content-Type of the body must be {JSON_LINES}. With curl, add -H 'Content-Type: {JSON_LINES}'.",
            {"Accept": JSON_LINES},
        )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > settings.max_batch_bytes:
        raise HTTPException(413, f"The body is larger than {settings.max_batch_bytes} bytes.")


async def _send_row(row: BatchResult, send: Send) -> None:
    await send({"type": "http.response.body", "body": row.to_line(), "more_body": True})
