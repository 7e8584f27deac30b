"""Synchronous client of a running service."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from service.client.protocol import (
    DEFAULT_URL,
    JSON_LINES,
    GradeOptions,
    Retries,
    SolveOptions,
    StreamEvent,
    body_of,
    client_options,
    lines_in,
    lines_of,
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


class Client:
    """Synchronous client of a running service. A context manager that threads may share.

    Args:
        url: address of the service.
        api_key: API key, sent as a bearer token.
        timeout_s: timeout of each read in seconds. It must exceed the deadline of a problem.
        retries: retry policy.
        transport: transport of httpx that replaces the network, for tests.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = 3660.0,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retries = retries or Retries()
        self._http = httpx.Client(**client_options(url, api_key, timeout_s), transport=transport)

    def solve(self, problem: str, **options: Unpack[SolveOptions]) -> SolveResponse:
        """Solve one problem.

        Raises:
            InputError: the problem or an option is invalid. The client checks this before it sends.
            ServiceError: the service refused the request, failed, or could not be reached.
        """
        return self.send(SolveRequest.checked(problem=problem, **options))

    def send(self, request: SolveRequest) -> SolveResponse:
        """Solve the problem of a complete request.

        Raises:
            ServiceError: as `solve`.
        """
        with self._answered("POST", "/solve", whole=True, json=body_of(request)) as response:
            return parsed(SolveResponse, response.content)

    def stream(self, problem: str, **options: Unpack[SolveOptions]) -> Iterator[StreamEvent]:
        """Solve one problem and yield events as they happen. The last event is the answer.

        Raises:
            InputError, ServiceError: as `solve`. There is no retry after the first event.
        """
        from httpx_sse import EventSource

        request = SolveRequest.checked(problem=problem, **options)
        last: StreamEvent | None = None
        with self._answered("POST", "/solve/stream", json=body_of(request)) as response, read_errors():
            for sse in EventSource(response).iter_sse():
                if (event := stream_event(sse.event, sse.data)) is not None:
                    last = event
                    yield event
            require_answer(last)

    def solve_many(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[BatchRow]:
        """Solve many problems in one request and yield each result when it is ready, in any order.

        Args:
            rows: rows with an `id`, a `problem` and any field of `POST /solve`. They are read once, as they are sent.

        Raises:
            ServiceError: as `solve`. There is no retry. An invalid row yields a result with an `error`.
        """
        return self._batch("/solve/batch", rows, BatchRow)

    def grade(
        self, problem: str, response: str, expected: str | None = None, **options: Unpack[GradeOptions]
    ) -> GradeResponse:
        """Grade a response to a problem.

        Args:
            problem: the word problem.
            response: an answer, or a worked text that states one.
            expected: expected answer in any notation. None grades by a vote.
            options: options of the vote.

        Raises:
            InputError, ServiceError: as `solve`.
        """
        return self.send_grade(GradeRequest.checked(problem=problem, response=response, expected=expected, **options))

    def send_grade(self, request: GradeRequest) -> GradeResponse:
        """Grade the response of a complete request.

        Raises:
            ServiceError: as `solve`.
        """
        with self._answered("POST", "/grade", whole=True, json=body_of(request)) as response:
            return parsed(GradeResponse, response.content)

    def grade_many(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[GradeRow]:
        """Grade many responses in one request and yield each result when it is ready, in any order.

        Args:
            rows: rows with an `id`, a `problem`, a `response` and any field of `POST /grade`.

        Raises:
            ServiceError: as `solve_many`.
        """
        return self._batch("/grade/batch", rows, GradeRow)

    def is_ready(self) -> bool:
        """Whether the service accepts problems now. An unreachable service is not ready."""
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

    def _batch(self, path: str, rows: Iterable[Mapping[str, Any]], model: type[ResultT]) -> Iterator[ResultT]:
        request = self._http.build_request("POST", path, content=lines_of(rows), headers=JSON_LINES)
        with read_errors():
            response = self._http.send(request, stream=True)
            try:
                if response.is_error:
                    response.read()
                    raise service_error(response)
                for line in lines_in(response.iter_bytes()):
                    yield parsed(model, line)
            finally:
                response.close()

    @contextmanager
    def _answered(self, method: str, path: str, *, whole: bool = False, **request: Any) -> Iterator[httpx.Response]:
        """Response with a success status, after retries. `whole` reads its body before it returns."""
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
