"""Command `twinpath solve PROBLEM`, in this process or through a running service."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from service.cli.backend import over_http
from service.cli.output import build_progress, render
from service.components import build
from service.schemas import SolveRequest, SolveResponse
from service.schemas.from_solution import solve_response
from service.settings import Settings


async def solve_and_show(settings: Settings, request: SolveRequest, *, url: str | None, as_json: bool) -> None:
    """Solve one problem and print the response.

    Args:
        settings: settings of the engine.
        request: the request, with `trace`.
        url: running service. None solves in this process.
        as_json: whether to print JSON instead of the answer view.
    """
    response, steps = await (_solved_at(url, settings, request) if url else _solved_here(settings, request))
    if as_json:
        print(response.model_dump_json(exclude_none=False))
    else:
        Console().print(render(response, steps))


async def _solved_at(url: str, settings: Settings, request: SolveRequest) -> tuple[SolveResponse, dict[str, float]]:
    async with over_http(url, settings) as solve:
        with Console(stderr=True).status("Solving"):
            response = await solve(request)
    return response, {"paths": response.timing.total_s}


async def _solved_here(settings: Settings, request: SolveRequest) -> tuple[SolveResponse, dict[str, float]]:
    """Response, and seconds per step."""
    began = time.monotonic()
    with _engine_output_in(settings.cache_dir / "engine.log") as err:
        with build_progress(err) as progress:
            components = build(settings, progress)
        built = time.monotonic()
        async with AsyncExitStack() as stack:
            with err.status("Starting the engine"):
                await stack.enter_async_context(components)
            started = time.monotonic()
            problem = components.problem(request)
            with err.status("Solving"):
                solution = await components.solver.solve(problem, "solve")
    response = solve_response(solution, trace=True)
    steps = {"model": built - began, "engine": started - built, "paths": response.timing.total_s}
    return response, steps


@contextmanager
def _engine_output_in(path: Path) -> Iterator[Console]:
    """Redirect the output of the engine and its processes to a file.

    Yields:
        A console on the real standard error.
    """
    # vLLM and torch write to descriptors 1 and 2 from C++ and from child processes.
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    real = [os.dup(descriptor) for descriptor in (1, 2)]
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    try:
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        with os.fdopen(os.dup(real[1]), "w", encoding="utf-8") as stderr:
            yield Console(file=stderr)
    except Exception as error:
        error.add_note(f"The output of the engine is in {path}.")
        raise
    finally:
        for descriptor, copy in zip((1, 2), real, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(log)
