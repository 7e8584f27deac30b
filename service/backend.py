"""Where a command's problems are solved: in this process, or by a running service."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from service.assemble import Parts, assemble
from service.client import AsyncTwinpath
from service.errors import ConfigurationError, InputError, OverloadedError, ServiceError
from service.keys import read_key
from service.schemas import SolveRequest, SolveResponse
from service.settings import Settings
from service.solution import Problem
from service.terminal import build_progress

_CALLERS_FAULT = {400, 413, 422}

Solve = Callable[[SolveRequest], Awaitable[SolveResponse]]


@asynccontextmanager
async def in_process(settings: Settings) -> AsyncIterator[Solve]:
    """An engine and a sandbox of our own, started and closed here."""
    with build_progress() as progress:
        parts = assemble(settings, progress)
    solver = parts.solver(settings)

    async def solve(request: SolveRequest) -> SolveResponse:
        problem = problem_here(request, settings, parts)
        # The id tells the two runs of an evaluated problem apart, which share its seed.
        solution = await solver.solve(problem, f"{problem.seed}-{problem.temperature}")
        return SolveResponse.of(solution, trace=request.trace)

    try:
        await parts.sandbox.start()
        await parts.engine.start()
        yield solve
    finally:
        await parts.engine.close()
        await parts.sandbox.close()


def problem_here(request: SolveRequest, settings: Settings, parts: Parts) -> Problem:
    """The request's problem, with the settings and the checkpoint's decoding for what it leaves out."""
    return request.to_problem(
        settings,
        temperature=parts.decoding.temperature,
        top_p=parts.decoding.top_p,
        seed=secrets.randbits(53),
    )


@asynccontextmanager
async def over_http(url: str, settings: Settings) -> AsyncIterator[Solve]:
    """A service that runs already, asked with the settings' API key.

    Raises:
        ConfigurationError: `url` is no address, or the key cannot be read.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"--url {url} is no address; give one such as http://127.0.0.1:8000.")
    async with AsyncTwinpath(url, api_key=read_key(settings.api_key_file, "The service's")) as client:

        async def solve(request: SolveRequest) -> SolveResponse:
            try:
                return await client.ask(request)
            except ServiceError as error:
                if error.status in _CALLERS_FAULT:
                    raise InputError(str(error), "problem") from None
                if error.status == HTTPStatus.TOO_MANY_REQUESTS:
                    raise OverloadedError(str(error), error.retry_after_s or 1.0) from None
                raise

        yield solve
