"""Child processes: their end with the parent, and their import path."""

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
_SAFE_PATH = "PYTHONSAFEPATH"


def die_with_parent(parent_pid: int | None = None) -> None:
    """Make the kernel kill this process when its parent ends.

    Args:
        parent_pid: expected parent process. If it ended before this call, this process exits at once. None skips the
            check.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent_pid is not None and os.getppid() != parent_pid:
        os._exit(1)


@contextmanager
def safe_path() -> Iterator[None]:
    """Environment in which new Python processes do not import modules of the working directory."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before
