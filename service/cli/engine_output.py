"""Redirection of the engine's output to a file."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from service.errors import EngineError
from service.printable import printable

_NULL = Path(os.devnull)
_LAST_LINES = 12
_LAST_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class EngineOutput:
    """Redirected output.

    Args:
        console: console on the real standard error.
        path: file of the output.
    """

    console: Console
    path: Path


@contextmanager
def engine_output_in(path: Path) -> Iterator[EngineOutput]:
    """Redirect the output of the engine and its processes to a file, or to a temporary one if that cannot be written.

    The last lines are shown if the engine fails.
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
            console = Console(file=stderr)
            try:
                yield EngineOutput(console, written)
            except EngineError:
                _show_end(written, console)
                raise
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


def _show_end(path: Path, console: Console) -> None:
    """Show the last lines of the log. Its texts come from libraries and from the model."""
    sys.stdout.flush()
    sys.stderr.flush()
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_BYTES))
        lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()][-_LAST_LINES:]
        if lines:
            console.print(Text(f"The last lines of {path}:"), soft_wrap=True)
            console.print(Text(printable("\n".join(f"  {line}" for line in lines)), "dim"), soft_wrap=True)


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
