"""Solves requests in this process or through a running service."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus

import httpx

from service.cli.output import build_progress
from service.client import AsyncClient
from service.components import build
from service.errors import ConfigurationError, InputError, OverloadedError, ServiceError
from service.schemas import SolveRequest, SolveResponse
from service.schemas.from_solution import solve_response
from service.settings import Settings, read_key

_CALLER_ERRORS = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}

Solve = Callable[[SolveRequest], Awaitable[SolveResponse]]


@asynccontextmanager
async def in_process(settings: Settings) -> AsyncIterator[Solve]:
    """Start an engine and a sandbox in this process, and close them at the end."""
    with build_progress() as progress:
        components = build(settings, progress)

    async def solve(request: SolveRequest) -> SolveResponse:
        problem = components.problem(request)
        # An evaluation solves each problem twice with one seed and two temperatures.
        solution = await components.solver.solve(problem, f"{problem.seed}-{problem.temperature}")
        return solve_response(solution, trace=request.trace)

    async with components:
        yield solve


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
            try:
                with remedies():
                    return await client.send(request)
            except ServiceError as error:
                if error.status in _CALLER_ERRORS:
                    raise InputError(str(error), "problem") from None
                if error.status == HTTPStatus.TOO_MANY_REQUESTS:
                    raise OverloadedError(str(error), error.retry_after_s or 1.0) from None
                raise

        yield solve
