"""Redirection of the engine's output to a file."""

import fcntl
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
    """Redirect the output of the engine and its processes to a file. Its last lines are shown if the engine fails.

    The earlier content moves to a file with `.1` in its name. While another process writes the file, or if it cannot be
    written, the output goes to one that is kept only after an error.
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
    for file in (path, path.with_stem(f"{path.stem}-{os.getpid()}")):
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            return _locked_log(file), file
    with suppress(OSError):
        log, name = tempfile.mkstemp(prefix="twinpath-engine-", suffix=".log")
        return log, Path(name)
    return os.open(_NULL, os.O_WRONLY), _NULL


def _locked_log(path: Path) -> int:
    """Descriptor of an empty file, which is locked while this process or a child of it has it open.

    Raises:
        OSError: the file cannot be written, or another process has it locked.
    """
    log = _locked(path)
    if os.fstat(log).st_size == 0:
        return log
    try:
        path.replace(path.with_suffix(f".1{path.suffix}"))
        return _locked(path)
    finally:
        os.close(log)  # after the new file is locked, so that a process that waits for the old one gets neither


def _locked(path: Path) -> int:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(log), path.stat()):
            raise BlockingIOError(f"another process has just moved {path}")
    except BaseException:
        os.close(log)
        raise
    return log
