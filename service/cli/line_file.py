"""Files of lines that one process appends to, one write per line."""

import fcntl
import os
from pathlib import Path
from typing import IO

from service.errors import ConfigurationError


def open_locked(path: Path) -> IO[bytes]:
    """Open a file to read it and to append to it. It is created if it is missing.

    Raises:
        ConfigurationError: the file cannot be written, or another process holds it.
    """
    try:
        file = path.open("a+b")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise ConfigurationError(f"{path} is in use by another process.") from None
    return file


def append_line(file: IO[bytes], path: Path, line: bytes) -> None:
    """Append a line in one write.

    Raises:
        ConfigurationError: the disk is full or not writable. The file may end in a partial line.
    """
    try:
        written = os.write(file.fileno(), line)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
    if written < len(line):
        raise ConfigurationError(f"{path} cannot be written: the disk is full.")
