"""The Python client of a running service: `Client`, and `AsyncClient` with the same methods to await.

Results are the service's own wire models. A service that is overloaded, starting or not to be reached is asked again,
after the time that it names or else after growing, random waits; solving has no side effects, so asking twice is safe.
"""

import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Self, Unpack

import anyio
import httpx

from service.client.protocol import (
    JSON_LINES,
    EventReader,
    Retries,
    SolveOptions,
    StreamEvent,
    async_lines_in,
    async_lines_of,
    body_of,
    client_options,
    lines_in,
    lines_of,
    lost_midway,
    parsed,
    pause_s,
    service_error,
    unreachable,
)
from service.schemas import SolveRequest, SolveResponse
from service.schemas.batch import BatchRow

__all__ = ["AsyncClient", "Client", "Retries", "SolveOptions", "StreamEvent"]

DEFAULT_URL = "http://127.0.0.1:8000"


class Client:
    """A running service, asked synchronously. A context manager; threads may share it.

    Args:
        url: where the service listens.
        api_key: sent as a bearer token.
        timeout_s: of connecting and of each read; it must exceed the deadline of a problem.
        retries: when to ask again.
        transport: in place of the network.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = 660.0,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retries = retries or Retries()
        self._http = httpx.Client(**client_options(url, api_key, timeout_s), transport=transport)

    def solve(self, problem: str, **options: Unpack[SolveOptions]) -> SolveResponse:
        """Solve one problem.

        Raises:
            InputError: the problem or an option is wrong, found here.
            ServiceError: the service refused it, failed, or could not be reached.
        """
        return self.send(SolveRequest.checked(problem=problem, **options))

    def send(self, request: SolveRequest) -> SolveResponse:
        """The same for a request that is made already."""
        with self._answered("POST", "/solve", whole=True, json=body_of(request)) as response:
            return parsed(SolveResponse, response.content)

    def stream(self, problem: str, **options: Unpack[SolveOptions]) -> Iterator[StreamEvent]:
        """Solve one problem and yield what happens as it happens; the last event is the answer.

        Raises:
            InputError, ServiceError: as `solve`; once events have come, nothing is tried again.
        """
        with (
            self._answered(
                "POST", "/solve/stream", json=body_of(SolveRequest.checked(problem=problem, **options))
            ) as response,
            lost_midway(),
        ):
            reader = EventReader()
            for line in lines_in(response.iter_bytes()):
                if (event := reader.feed(line)) is not None:
                    yield event
            reader.end()

    def solve_many(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[BatchRow]:
        """Solve many problems in one request, and yield each as it is done, not in order.

        Args:
            rows: each an `id`, a `problem` and any field of `POST /solve`; read once, never held as a whole.

        Raises:
            ServiceError: as `solve`; a batch is never tried again. A row that is wrong is a result with an `error`.
        """
        request = self._http.build_request("POST", "/solve/batch", content=lines_of(rows), headers=JSON_LINES)
        with lost_midway():
            response = self._http.send(request, stream=True)
            try:
                if response.is_error:
                    response.read()
                    raise service_error(response)
                for line in lines_in(response.iter_bytes()):
                    yield parsed(BatchRow, line)
            finally:
                response.close()

    def is_ready(self) -> bool:
        """Whether the service takes problems now; never raises, never waits."""
        try:
            return self._http.get("/ready").is_success
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def _answered(self, method: str, path: str, *, whole: bool = False, **request: Any) -> Iterator[httpx.Response]:
        """A response with success in its status, its body unread unless the `whole` of it is asked for."""
        tries = 0
        while True:
            tries += 1
            response: httpx.Response | None = None
            served = False
            try:
                response = self._http.send(self._http.build_request(method, path, **request), stream=True)
                if whole or not response.is_success:
                    response.read()
                served = response.is_success
                if served:
                    break
                failure = service_error(response)
            except httpx.HTTPError as error:
                failure = unreachable(self._http.base_url, error)
            finally:
                if response is not None and not served:
                    response.close()
            wait_s = pause_s(self._retries, tries, failure)
            if wait_s is None:
                raise failure
            time.sleep(wait_s)
        try:
            yield response
        finally:
            response.close()


class AsyncClient:
    """A running service, asked asynchronously. An asynchronous context manager; see `Client`."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = 660.0,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retries = retries or Retries()
        self._http = httpx.AsyncClient(**client_options(url, api_key, timeout_s), transport=transport)

    async def solve(self, problem: str, **options: Unpack[SolveOptions]) -> SolveResponse:
        """See `Client.solve`. A cancelled call ends the problem in the service too."""
        return await self.send(SolveRequest.checked(problem=problem, **options))

    async def send(self, request: SolveRequest) -> SolveResponse:
        """See `Client.send`."""
        async with self._answered("POST", "/solve", whole=True, json=body_of(request)) as response:
            return parsed(SolveResponse, response.content)

    async def stream(self, problem: str, **options: Unpack[SolveOptions]) -> AsyncIterator[StreamEvent]:
        """See `Client.stream`."""
        async with self._answered(
            "POST", "/solve/stream", json=body_of(SolveRequest.checked(problem=problem, **options))
        ) as response:
            with lost_midway():
                reader = EventReader()
                async for line in async_lines_in(response.aiter_bytes()):
                    if (event := reader.feed(line)) is not None:
                        yield event
                reader.end()

    async def solve_many(
        self, rows: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]
    ) -> AsyncIterator[BatchRow]:
        """See `Client.solve_many`."""
        request = self._http.build_request("POST", "/solve/batch", content=async_lines_of(rows), headers=JSON_LINES)
        with lost_midway():
            response = await self._http.send(request, stream=True)
            try:
                if response.is_error:
                    await response.aread()
                    raise service_error(response)
                async for line in async_lines_in(response.aiter_bytes()):
                    yield parsed(BatchRow, line)
            finally:
                await response.aclose()

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
