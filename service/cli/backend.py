"""Solves and grades requests in this process or through a running service."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from http import HTTPStatus

import httpx

from service.cli.output import build_progress
from service.client import AsyncClient
from service.components import Components, build
from service.credentials import without_password
from service.errors import (
    ConfigurationError,
    EngineDeadError,
    InputError,
    OverloadedError,
    ServiceError,
    TwinpathError,
)
from service.schemas import GradeRequest, GradeResponse, SolveRequest, SolveResponse
from service.schemas.batch import RequestT, ResponseT
from service.schemas.from_solution import grade_response, solve_response
from service.settings import Settings, read_key
from service.solve import shared_votes
from service.solve.problem import Solution
from service.solve.shared_votes import SharedVotes

_CALLER_ERRORS = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}

NO_MODEL = "none"
"""Model of a grade by the expected answer in this process, which starts no engine."""

Solve = Callable[[SolveRequest], Awaitable[SolveResponse]]
Grade = Callable[[GradeRequest], Awaitable[GradeResponse]]


@asynccontextmanager
async def solving(settings: Settings, url: str | None) -> AsyncIterator[Solve]:
    """Solve through a running service, or in this process with an engine and a sandbox.

    Raises:
        ConfigurationError: as `connect`.
    """
    async with _over_http(url, settings, AsyncClient.send) if url else _solving_here(settings) as solve:
        yield solve


@asynccontextmanager
async def grading(settings: Settings, url: str | None) -> AsyncIterator[Grade]:
    """Grade through a running service, or in this process. There, an engine starts with the first vote.

    Raises:
        ConfigurationError: as `connect`.
    """
    async with _over_http(url, settings, AsyncClient.send_grade) if url else _grading_here(settings) as grade:
        yield grade


@asynccontextmanager
async def _solving_here(settings: Settings) -> AsyncIterator[Solve]:
    async with _started(settings) as components:
        yield solving_on(components)


def solving_on(components: Components) -> Solve:
    """Solve function on started components."""

    async def solve(request: SolveRequest) -> SolveResponse:
        solution = await components.solve(components.problem(request), _new_id())
        return solve_response(solution, trace=request.trace)

    return solve


@asynccontextmanager
async def _grading_here(settings: Settings) -> AsyncIterator[Grade]:
    async with AsyncExitStack() as stack:
        votes, start = SharedVotes(), _Start(settings, stack)

        async def grade(request: GradeRequest) -> GradeResponse:
            grade_id, problem = _new_id(), request.solve_request()

            async def vote() -> Solution:
                components = await start.components()
                return (await components.solve(components.problem(problem), grade_id)).without_paths()

            found = await shared_votes.grade(
                request.response, request.expected, lambda: votes.solve(problem.model_dump_json(), vote)
            )
            has_vote = request.expected is None
            model = (await start.components()).model(request.model).name if has_vote else NO_MODEL
            return grade_response(found, grade_id, model)

        yield grade


class _Start:
    """Engine and sandbox that start with the first vote.

    Args:
        settings: settings of the engine.
        stack: closes them.
    """

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._lock = asyncio.Lock()
        self._components: Components | None = None
        self._failure: EngineDeadError | None = None

    async def components(self) -> Components:
        """Components of the one engine.

        Raises:
            EngineDeadError: the engine did not start, so no row can be graded by a vote.
        """
        async with self._lock:
            if self._failure:
                raise self._failure
            if self._components is None:
                try:
                    self._components = await self._stack.enter_async_context(_started(self._settings))
                except TwinpathError as error:
                    self._failure = EngineDeadError(str(error))
                    raise self._failure from error
            return self._components


def connect(url: str, settings: Settings) -> AsyncClient:
    """Client of a running service, with the API key of the settings.

    Raises:
        ConfigurationError: `url` is not a URL, or the key file cannot be read.
    """
    key = read_key(settings.client_api_key_file, "client_api_key_file")
    try:
        return AsyncClient(url, api_key=key)
    except InputError:
        name = without_password(url)
        raise ConfigurationError(f"--url {name} is not a URL; give one such as http://127.0.0.1:8000.") from None
    except OSError as error:
        raise ConfigurationError(
            f"The service at --url {without_password(url)} cannot be reached: the certificates of SSL_CERT_FILE or "
            f"SSL_CERT_DIR are not readable: {error.strerror or error}."
        ) from None
    except (httpx.InvalidURL, ValueError, ImportError) as error:  # the last two are about a proxy of the environment
        reason = "the URL is not valid" if "@" in url else error  # it may quote a password
        raise ConfigurationError(f"The service at --url {without_password(url)} cannot be reached: {reason}.") from None


@contextmanager
def remedies() -> Iterator[None]:
    """Add the remedy on the command line to the errors of a running service.

    Raises:
        ServiceError: the same error.
    """
    try:
        yield
    except ServiceError as error:
        if error.status == HTTPStatus.UNAUTHORIZED:
            remedy = " On the command line, give the file of the key: --api-key-file FILE."
        elif isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout):
            remedy = ". Start one: twinpath serve"
        else:
            raise
        raise ServiceError(f"{error}{remedy}", error.status, error.retry_after_s) from error


@asynccontextmanager
async def _over_http(
    url: str, settings: Settings, send: Callable[[AsyncClient, RequestT], Awaitable[ResponseT]]
) -> AsyncIterator[Callable[[RequestT], Awaitable[ResponseT]]]:
    async with connect(url, settings) as client:

        async def process(request: RequestT) -> ResponseT:
            with _row_errors(), remedies():
                return await send(client, request)

        yield process


@contextmanager
def _row_errors() -> Iterator[None]:
    """Turn the errors of a service that concern one request into those of the request."""
    try:
        yield
    except ServiceError as error:
        if error.status in _CALLER_ERRORS:
            raise InputError(str(error), "problem") from None
        if error.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise OverloadedError(str(error), error.retry_after_s or 1.0) from None
        raise


@asynccontextmanager
async def _started(settings: Settings) -> AsyncIterator[Components]:
    with build_progress() as progress:
        components = build(settings, progress)
    async with components:
        yield components


def _new_id() -> str:
    """Id of a problem. Rows may share their text and their seed, and the engine needs different ids."""
    return uuid.uuid4().hex
