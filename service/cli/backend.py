"""Solves and grades requests in this process or through a running service."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from http import HTTPStatus

import httpx

from service.api.routes.grade import SharedVotes
from service.cli.output import build_progress
from service.client import AsyncClient
from service.components import Components, build
from service.errors import ConfigurationError, InputError, OverloadedError, ServiceError
from service.schemas import GradeRequest, GradeResponse, SolveRequest, SolveResponse
from service.schemas.from_solution import grade_response, solve_response
from service.settings import Settings, read_key
from service.solve.grading import grade_by_expected, grade_by_vote
from service.solve.problem import Solution

_CALLER_ERRORS = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}

NO_MODEL = "none"
"""Model of a grade by the expected answer in this process, which starts no engine."""

Solve = Callable[[SolveRequest], Awaitable[SolveResponse]]
Grade = Callable[[GradeRequest], Awaitable[GradeResponse]]


@asynccontextmanager
async def in_process(settings: Settings) -> AsyncIterator[Solve]:
    """Start an engine and a sandbox in this process, and close them at the end."""
    async with _started(settings) as components:

        async def solve(request: SolveRequest) -> SolveResponse:
            solution = await components.solver.solve(components.problem(request), _new_id())
            return solve_response(solution, trace=request.trace)

        yield solve


@asynccontextmanager
async def grading_in_process(settings: Settings, *, with_votes: bool) -> AsyncIterator[Grade]:
    """Grade in this process.

    Args:
        settings: settings of the engine.
        with_votes: whether a request may lack the expected answer. Otherwise no engine starts.
    """
    async with AsyncExitStack() as stack:
        components = await stack.enter_async_context(_started(settings)) if with_votes else None
        model = components.engine.model if components else NO_MODEL

        async def solve(problem: SolveRequest, problem_id: str) -> Solution:
            if components is None:
                raise ConfigurationError("A response without an expected answer needs an engine.")
            return await components.solver.solve(components.problem(problem), problem_id)

        votes = SharedVotes(solve)

        async def grade(request: GradeRequest) -> GradeResponse:
            grade_id = _new_id()
            # In a thread, because a long hostile text takes up to a second.
            if request.expected is not None:
                found = await asyncio.to_thread(grade_by_expected, request.response, request.expected)
            else:
                solution = await votes.solve(request.solve_request(), grade_id)
                found = await asyncio.to_thread(grade_by_vote, request.response, solution)
            return grade_response(found, grade_id, model)

        yield grade


def connect(url: str, settings: Settings) -> AsyncClient:
    """Client of a running service, with the API key of the settings.

    Raises:
        ConfigurationError: `url` is not a URL, or the key file cannot be read.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"--url {url} is not a URL; give one such as http://127.0.0.1:8000.")
    return AsyncClient(url, api_key=read_key(settings.client_api_key_file, "client_api_key_file"))


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
async def over_http(url: str, settings: Settings) -> AsyncIterator[Solve]:
    """Connect to a running service.

    Raises:
        ConfigurationError: as `connect`.
    """
    async with connect(url, settings) as client:

        async def solve(request: SolveRequest) -> SolveResponse:
            with _row_errors(), remedies():
                return await client.send(request)

        yield solve


@asynccontextmanager
async def grading_over_http(url: str, settings: Settings) -> AsyncIterator[Grade]:
    """Grade through a running service.

    Raises:
        ConfigurationError: as `connect`.
    """
    async with connect(url, settings) as client:

        async def grade(request: GradeRequest) -> GradeResponse:
            with _row_errors(), remedies():
                return await client.send_grade(request)

        yield grade


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
