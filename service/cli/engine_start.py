"""Start of an engine for one request of the terminal."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from rich.console import Console

from service.cli.engine_output import engine_output_in
from service.cli.output import build_progress
from service.components import Components, build
from service.settings import Settings

_STARTING = "Starting the engine"


@dataclass(frozen=True, slots=True)
class StartedEngine:
    """Components that run in this process.

    Args:
        components: the engine, the sandbox and the solver.
        console: console on the real standard error.
        start_s: seconds of the start.
    """

    components: Components
    console: Console
    start_s: float


@asynccontextmanager
async def started_engine(settings: Settings, *, is_quiet: bool) -> AsyncIterator[StartedEngine]:
    """Start an engine and a sandbox in this process, and close them at the end.

    Args:
        settings: settings of the engine.
        is_quiet: whether a log gets no line about the start. A terminal shows it in any case.
    """
    began = time.monotonic()
    with engine_output_in(settings.cache_dir / "engine.log") as output:
        console = output.console
        with build_progress(console) as progress:
            components = build(settings, progress)
        if not (is_quiet or console.is_terminal):
            console.print(f"{_STARTING}.")
        async with AsyncExitStack() as stack:
            with console.status(_STARTING):
                await stack.enter_async_context(components)
            yield StartedEngine(components, console, time.monotonic() - began)
