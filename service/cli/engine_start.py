"""Start of an engine for one request of the terminal."""

import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from service.cli.output import build_progress
from service.components import Components, build
from service.settings import Settings

_STARTING = "Starting the engine"
_NULL = Path(os.devnull)


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
    with engine_output_in(settings.cache_dir / "engine.log") as console:
        with build_progress(console) as progress:
            components = build(settings, progress)
        if not (is_quiet or console.is_terminal):
            console.print(f"{_STARTING}.")
        async with AsyncExitStack() as stack:
            with console.status(_STARTING):
                await stack.enter_async_context(components)
            yield StartedEngine(components, console, time.monotonic() - began)


@contextmanager
def engine_output_in(path: Path) -> Iterator[Console]:
    """Redirect the output of the engine and its processes to a file, or to a temporary one if that cannot be written.

    Yields:
        A console on the real standard error.
    """
    # vLLM and torch write to descriptors 1 and 2 from C++ and from child processes.
    sys.stdout.flush()
    sys.stderr.flush()
    real = [os.dup(descriptor) for descriptor in (1, 2)]
    log, written = _opened_log(path)
    try:
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        encoding = sys.stderr.encoding if sys.stderr else "utf-8"
        with os.fdopen(os.dup(real[1]), "w", encoding=encoding, errors="replace") as stderr:
            yield Console(file=stderr)
        if written not in (path, _NULL):
            written.unlink(missing_ok=True)  # kept after an error
    except Exception as error:
        error.add_note(f"The output of the engine is in {written}.")
        raise
    finally:
        for descriptor, copy in zip((1, 2), real, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(log)


def _opened_log(path: Path) -> tuple[int, Path]:
    """Descriptor and path of the log. The null device if no file can be written."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o644), path
    with suppress(OSError):
        log, name = tempfile.mkstemp(prefix="twinpath-engine-", suffix=".log")
        return log, Path(name)
    return os.open(_NULL, os.O_WRONLY), _NULL
