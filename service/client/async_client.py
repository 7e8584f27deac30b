"""Asynchronous client of a running service."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Any, Self, Unpack

import anyio
import httpx

from service.client.protocol import (
    DEFAULT_URL,
    JSON_LINES,
    GradeOptions,
    Retries,
    SolveOptions,
    StreamEvent,
    async_lines_in,
    async_lines_of,
    body_of,
    client_options,
    parsed,
    pause_s,
    read_errors,
    require_answer,
    service_error,
    stream_event,
    unreachable,
)
from service.schemas import GradeRequest, GradeResponse, SolveRequest, SolveResponse
from service.schemas.batch import BatchRow, GradeRow, ResultT

Rows = Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]
"""Rows of a batch."""


class AsyncClient:
    """Asynchronous client of a running service. An asynchronous context manager with the arguments of `Client`."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = 3660.0,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retries = retries or Retries()
        self._http = httpx.AsyncClient(**client_options(url, api_key, timeout_s), transport=transport)

    async def solve(self, problem: str, **options: Unpack[SolveOptions]) -> SolveResponse:
        """See `Client.solve`. Cancelling the call also stops the problem in the service."""
        return await self.send(SolveRequest.checked(problem=problem, **options))

    async def send(self, request: SolveRequest) -> SolveResponse:
        """See `Client.send`."""
        async with self._answered("POST", "/solve", whole=True, json=body_of(request)) as response:
            return parsed(SolveResponse, response.content)

    async def stream(self, problem: str, **options: Unpack[SolveOptions]) -> AsyncIterator[StreamEvent]:
        """See `Client.stream`."""
        from httpx_sse import EventSource

        request = SolveRequest.checked(problem=problem, **options)
        last: StreamEvent | None = None
        async with self._answered("POST", "/solve/stream", json=body_of(request)) as response:
            with read_errors():
                async with aclosing(EventSource(response).aiter_sse()) as events:
                    async for sse in events:
                        if (event := stream_event(sse.event, sse.data)) is not None:
                            last = event
                            yield event
                require_answer(last)

    def solve_many(self, rows: Rows) -> AsyncIterator[BatchRow]:
        """See `Client.solve_many`."""
        return self._batch("/solve/batch", rows, BatchRow)

    async def grade(
        self, problem: str, response: str, expected: str | None = None, **options: Unpack[GradeOptions]
    ) -> GradeResponse:
        """See `Client.grade`. Cancelling the call also stops the vote in the service."""
        return await self.send_grade(
            GradeRequest.checked(problem=problem, response=response, expected=expected, **options)
        )

    async def send_grade(self, request: GradeRequest) -> GradeResponse:
        """See `Client.send_grade`."""
        async with self._answered("POST", "/grade", whole=True, json=body_of(request)) as response:
            return parsed(GradeResponse, response.content)

    def grade_many(self, rows: Rows) -> AsyncIterator[GradeRow]:
        """See `Client.grade_many`."""
        return self._batch("/grade/batch", rows, GradeRow)

    async def is_ready(self) -> bool:
        """See `Client.is_ready`."""
        try:
            return (await self._http.get("/ready")).is_success
        except httpx.HTTPError:
            return False

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def _batch(self, path: str, rows: Rows, model: type[ResultT]) -> AsyncIterator[ResultT]:
        request = self._http.build_request("POST", path, content=async_lines_of(rows), headers=JSON_LINES)
        with read_errors():
            response = await self._http.send(request, stream=True)
            try:
                if response.is_error:
                    await response.aread()
                    raise service_error(response)
                async for line in async_lines_in(response.aiter_bytes()):
                    yield parsed(model, line)
            finally:
                await response.aclose()

    @asynccontextmanager
    async def _answered(
        self, method: str, path: str, *, whole: bool = False, **request: Any
    ) -> AsyncIterator[httpx.Response]:
        tries = 0
        while True:
            tries += 1
            response: httpx.Response | None = None
            served = False
            try:
                response = await self._http.send(self._http.build_request(method, path, **request), stream=True)
                if whole or not response.is_success:
                    await response.aread()
                served = response.is_success
                if served:
                    break
                failure = service_error(response)
            except httpx.HTTPError as error:
                failure = unreachable(self._http.base_url, error)
            finally:
                if response is not None and not served:
                    await response.aclose()
            wait_s = pause_s(self._retries, tries, failure)
            if wait_s is None:
                raise failure
            await anyio.sleep(wait_s)
        try:
            yield response
        finally:
            await response.aclose()
