"""Route `POST /solve/batch`: JSON Lines rows, and their results as they are ready.

The body is spooled to a temporary file, so that a client may send all of it before it reads a result. The results of
a chunked body start while it arrives, those of another body after its end. The batch ends when the client disconnects.
"""

import asyncio
import logging
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.types import Message, Receive, Scope, Send

from service.api.routes.solve import components_of, problem_of, request_id, solve_and_record
from service.errors import EngineDeadError, InputError
from service.schemas import SolveResponse
from service.schemas.batch import BatchRow, Line, Row, parse_line, solve_rows
from service.schemas.from_solution import solve_response
from service.schemas.problem_details import MEDIA_TYPE, ProblemDetails, problem_details

logger = logging.getLogger(__name__)
router = APIRouter()

PATH = "/solve/batch"
JSON_LINES = "application/x-ndjson"
_MEDIA_TYPES = {
    JSON_LINES,
    "application/ndjson",
    "application/jsonl",
    "application/jsonlines",
    "application/json-lines",
}
_EXAMPLE_IN = (
    '{"id": "a", "problem": "A pen costs 3 dollars. How much do 7 pens cost?"}\n'
    '{"id": "b", "question": "Ann had 12 apples and gave 5 away. How many are left?", "seed": 7}\n'
)
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One `BatchRow` per row, when it is ready. An invalid row yields a `BatchRow` with an `error`.",
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
}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "Each line is an object with `problem` (or `question`), an optional `id`, and any field of "
        "`/solve`. Other columns are ignored. The default `id` is the line number.",
        "content": {JSON_LINES: {"schema": {"type": "string"}, "example": _EXAMPLE_IN}},
    }
}


class BatchResponse(Response):
    """Response that streams the results of a batch while its body arrives."""

    media_type = JSON_LINES

    def __init__(self, request: Request) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._request = request
        self._settings = components_of(request).settings
        self._id = request_id()
        self._is_chunked = "content-length" not in request.headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, solve and send concurrently, until the last row is done or the client disconnects."""
        settings = self._settings
        with _Spool(settings.max_batch_bytes, settings.max_body_bytes, settings.body_timeout_s) as spool:
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

    async def _send(self, spool: "_Spool", send: Send) -> None:
        if not self._is_chunked:  # a proxy such as nginx stops sending a body once the response has started
            await spool.complete()
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        try:
            rows = solve_rows(
                self._rows(spool), self._solve, concurrency=self._settings.batch_concurrency, request_id=self._id
            )
            async with aclosing(rows):
                async for row in rows:
                    await _send_row(row, send)
            if spool.cut:
                await _send_row(self._failure(InputError(spool.cut, "body")), send)
        except EngineDeadError as error:
            logger.error("batch: %s", error)
            await _send_row(self._failure(error), send)
        await send({"type": "http.response.body", "body": b""})

    async def _rows(self, spool: "_Spool") -> AsyncIterator[Row | BatchRow]:
        async for number, content in spool.lines():
            if content.strip():
                yield parse_line((number, content), self._settings.max_body_bytes, self._id)

    def _failure(self, error: Exception) -> BatchRow:
        """Last line of a batch that was cut short."""
        return BatchRow(id=None, line=0, error=problem_details(error, self._id))

    async def _solve(self, row: Row) -> SolveResponse:
        problem = problem_of(row.request, self._request)
        solution = await solve_and_record(problem, self._request, problem_id=f"{self._id}-{row.line}")
        return solve_response(solution, trace=row.request.trace)


@router.post(PATH, response_class=Response, responses=_RESPONSES, openapi_extra=_BODY)
async def solve_batch(request: Request) -> BatchResponse:
    """Solve a batch of problems, one per line, and send each result when it is ready."""
    settings = components_of(request).settings
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared not in _MEDIA_TYPES:
        raise HTTPException(415, f"The Content-Type of the body must be {JSON_LINES}.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > settings.max_batch_bytes:
        raise HTTPException(413, f"The body is larger than {settings.max_batch_bytes} bytes.")
    return BatchResponse(request)


class _Spool:
    """Body on disk, which is read from its start while it is written at its end.

    `cut` is the reason if the end of the body is missing.
    """

    def __init__(self, max_bytes: int, max_line_bytes: int, max_pause_s: float) -> None:
        self.cut = ""
        self._max_bytes = max_bytes
        self._max_pause_s = max_pause_s
        self._max_line_bytes = max_line_bytes
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._size = 0
        self._ended = False
        self._grown = asyncio.Event()

    def __enter__(self) -> "_Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    async def fill(self, receive: Receive) -> None:
        """Write the body, then wait until the client disconnects."""
        while (message := await self._piece(receive))["type"] == "http.request":
            body: bytes = message.get("body", b"")
            if not self.cut and self._size + len(body) > self._max_bytes:
                self.cut = f"The batch is cut at {self._max_bytes} bytes, the maximum size."
            if not self.cut:
                self._write(body)
            self._ended = self._ended or bool(self.cut) or not message.get("more_body", False)
            self._grown.set()
        self._ended = True
        self._grown.set()

    def _write(self, body: bytes) -> None:
        try:
            written = os.pwrite(self._file.fileno(), body, self._size)  # unbuffered, so that a full disk raises here
        except OSError as error:
            logger.error("batch: %s", error)
            written = 0
        self._size += written
        if written < len(body):
            self.cut = "The batch is cut: the disk of the service is full."

    async def _piece(self, receive: Receive) -> Message:
        """Next piece of the body. A pause that is too long ends the body."""
        if not self._ended:
            try:
                async with asyncio.timeout(self._max_pause_s):
                    return await receive()
            except TimeoutError:
                self.cut = f"The batch is cut: no data arrived for {self._max_pause_s:g} s."
                self._ended = True
                self._grown.set()
        return await receive()

    async def lines(self) -> AsyncIterator[Line]:
        """Complete lines in order, with their numbers. A line that is too long is cut."""
        offset, number = 0, 0
        while True:
            self._grown.clear()
            self._file.seek(offset)
            line = self._file.readline(self._max_line_bytes + 2)
            is_complete = line.endswith(b"\n") or len(line) > self._max_line_bytes + 1
            if not is_complete and not self._ended:
                await self._grown.wait()
                continue
            if not line:
                return
            number += 1
            offset += len(line)
            yield number, line
            while is_complete and not line.endswith(b"\n"):  # the rest of a line that is too long
                self._grown.clear()
                self._file.seek(offset)
                line = self._file.readline(self._max_line_bytes)
                offset += len(line)
                if not line and self._ended:
                    return
                if not line:
                    await self._grown.wait()

    async def complete(self) -> None:
        """Wait until the body has ended."""
        while not self._ended:
            self._grown.clear()
            await self._grown.wait()


async def _send_row(row: BatchRow, send: Send) -> None:
    await send({"type": "http.response.body", "body": row.model_dump_json().encode() + b"\n", "more_body": True})
