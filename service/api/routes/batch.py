"""`POST /solve/batch`: JSON Lines in, JSON Lines out as they are done.

The body is read to a temporary file as fast as it comes, so that a client may send all of it before it reads a single
result; neither it nor the results are ever held in memory. A body of declared length is taken in whole before the
response begins: a proxy such as nginx, which declares it, sends no more of a body once it is answered. A chunked one is
answered as it comes. The caller's absence ends the batch.
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

from service.api.routes.solve import components_of, request_id, solve_and_record
from service.errors import EngineDeadError, InputError
from service.schemas import SolveResponse
from service.schemas.batch import BatchRow, Line, Row, parse_line, solve_rows
from service.schemas.from_solution import solve_response
from service.schemas.problem_details import MEDIA_TYPE, ProblemDetails, problem_details

logger = logging.getLogger(__name__)
router = APIRouter()

PATH = "/solve/batch"
JSON_LINES = "application/x-ndjson"
_TAKEN = {JSON_LINES, "application/ndjson", "application/jsonl", "application/jsonlines", "application/json-lines"}
_EXAMPLE_IN = (
    '{"id": "a", "problem": "A pen costs 3 dollars. How much do 7 pens cost?"}\n'
    '{"id": "b", "question": "Ann had 12 apples and gave 5 away. How many are left?", "seed": 7}\n'
)
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One line for each row, as it is done: a `BatchRow`. A wrong row is a line with an `error`.",
        "content": {JSON_LINES: {"schema": {"type": "string"}}},
    },
    413: {
        "model": ProblemDetails,
        "content": {MEDIA_TYPE: {}},
        "description": "The body is declared too large.",
    },
    415: {
        "model": ProblemDetails,
        "content": {MEDIA_TYPE: {}},
        "description": "The body is not declared as JSON Lines.",
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "Each line an object with `problem` (or `question`), an `id`, and any field of `/solve`; other "
        "columns are left alone. Without an `id` a row goes by its line number.",
        "content": {JSON_LINES: {"schema": {"type": "string"}, "example": _EXAMPLE_IN}},
    }
}


class BatchResponse(Response):
    """The results of a batch, sent while its body is still coming in."""

    media_type = JSON_LINES

    def __init__(self, request: Request) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._request = request
        self._settings = components_of(request).settings
        self._id = request_id()
        self._is_chunked = "content-length" not in request.headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, solve and send, all at the same time, until the last row is done or the caller has gone."""
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
        if not self._is_chunked:
            await spool.whole()
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
        problem = components_of(self._request).problem(row.request)
        solution = await solve_and_record(problem, self._request, problem_id=f"{self._id}-{row.line}")
        return solve_response(solution, trace=row.request.trace)


@router.post(PATH, response_class=Response, responses=_RESPONSES, openapi_extra=_BODY)
async def solve_batch(request: Request) -> BatchResponse:
    """Solve a batch of problems, one a line, and send each result as soon as it is there."""
    settings = components_of(request).settings
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared not in _TAKEN:
        raise HTTPException(415, f"Send the body with Content-Type: {JSON_LINES}.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > settings.max_batch_bytes:
        raise HTTPException(413, f"The body is larger than {settings.max_batch_bytes} bytes.")
    return BatchResponse(request)


class _Spool:
    """A body on disk: filled at its end while it is read from its start. `cut` says why its end is missing."""

    def __init__(self, max_bytes: int, max_line_bytes: int, max_silence_s: float) -> None:
        self.cut = ""
        self._max_bytes = max_bytes
        self._max_silence_s = max_silence_s
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
        """Take in the body, then wait until the caller has gone."""
        while (message := await self._piece(receive))["type"] == "http.request":
            body: bytes = message.get("body", b"")
            if not self.cut and self._size + len(body) > self._max_bytes:
                self.cut = f"The batch is cut at {self._max_bytes} bytes."
            if not self.cut:
                self._write(body)
            self._ended = self._ended or bool(self.cut) or not message.get("more_body", False)
            self._grown.set()
        self._ended = True
        self._grown.set()

    def _write(self, body: bytes) -> None:
        try:
            written = os.pwrite(self._file.fileno(), body, self._size)  # unbuffered: a full disk is noticed here
        except OSError as error:
            logger.error("batch: %s", error)
            written = 0
        self._size += written
        if written < len(body):
            self.cut = "The batch is cut: the service has no room for more of it."

    async def _piece(self, receive: Receive) -> Message:
        """The next piece of the body; a body that stays silent for too long has ended."""
        if not self._ended:
            try:
                async with asyncio.timeout(self._max_silence_s):
                    return await receive()
            except TimeoutError:
                self.cut = f"The batch is cut: nothing more of it came for {self._max_silence_s:g} s."
                self._ended = True
                self._grown.set()
        return await receive()

    async def lines(self) -> AsyncIterator[Line]:
        """The lines in order, each once it is whole; one that is too long comes cut."""
        place, number = 0, 0
        while True:
            self._grown.clear()
            self._file.seek(place)
            line = self._file.readline(self._max_line_bytes + 2)
            is_whole = line.endswith(b"\n") or len(line) > self._max_line_bytes + 1
            if not is_whole and not self._ended:
                await self._grown.wait()
                continue
            if not line:
                return
            number += 1
            place += len(line)
            yield number, line
            while is_whole and not line.endswith(b"\n"):  # what is left of a line that is too long
                self._grown.clear()
                self._file.seek(place)
                line = self._file.readline(self._max_line_bytes)
                place += len(line)
                if not line and self._ended:
                    return
                if not line:
                    await self._grown.wait()

    async def whole(self) -> None:
        """Wait until the body has ended."""
        while not self._ended:
            self._grown.clear()
            await self._grown.wait()


async def _send_row(row: BatchRow, send: Send) -> None:
    await send({"type": "http.response.body", "body": row.model_dump_json().encode() + b"\n", "more_body": True})
