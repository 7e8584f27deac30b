"""Files of lines for one process, and atomic replacement of files."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from service.errors import ConfigurationError


class LineFile:
    """File of lines for one process at a time. A context manager.

    Each line is one write, so a kill leaves at most one partial line, which `repair` removes.

    Args:
        path: the file. It is created if it is missing.

    Raises:
        ConfigurationError: the file cannot be written, or another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _open_locked(path)

    def repair(self, keep: Callable[[int, bytes], bool]) -> None:
        """Read every line, and remove a partial last line and those that must go.

        Args:
            keep: called with the number and the content of each whole line. It returns False if the line must go.

        Raises:
            ConfigurationError: the file cannot be rewritten.
        """
        self._file.seek(0)
        dropped, size = set(), 0
        for number, line in enumerate(self._file, 1):
            if line.endswith(b"\n"):
                size += len(line)
                if not keep(number, line):
                    dropped.add(number)
        if dropped:
            self._rewrite(dropped)
        else:
            self._file.truncate(size)

    def append(self, line: bytes) -> None:
        """Append a line with its line end.

        Raises:
            ConfigurationError: the disk is full or not writable. The file may end in a partial line.
        """
        with writing(self.path):
            written = os.write(self._file.fileno(), line)
        if written < len(line):
            raise ConfigurationError(f"{self.path} cannot be written: the disk is full.")

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Offset in bytes and content of each line."""
        offset = 0
        self._file.seek(0)
        for line in self._file:
            yield offset, line
            offset += len(line)

    def line_at(self, offset: int) -> bytes:
        """Line at an offset."""
        self._file.seek(offset)
        return self._file.readline()

    def close(self) -> None:
        """Close the file, and let other processes write it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _rewrite(self, dropped: set[int]) -> None:
        self._file.seek(0)
        with replaced(self.path) as kept:
            kept.writelines(
                line for number, line in enumerate(self._file, 1) if number not in dropped and line.endswith(b"\n")
            )
        self._file.close()
        self._file = _open_locked(self.path)


@contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """New content of a file. A reader sees the file either old or whole.

    Raises:
        ConfigurationError: the file cannot be written. It stays as it was.
    """
    temporary = path.with_name(f".{path.name}.new")
    with writing(path):
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            if temporary.is_file():
                temporary.unlink()
            raise


@contextmanager
def writing(place: Path | str) -> Iterator[None]:
    """Report errors of the operating system.

    Raises:
        ConfigurationError: the output cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{place} cannot be written: {error.strerror}.") from None


def _open_locked(path: Path) -> IO[bytes]:
    """Open a file to read it and to append to it."""
    while True:
        with writing(path):
            file = path.open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except FileNotFoundError:
            pass
        except BlockingIOError:
            file.close()
            raise ConfigurationError(f"{path} is in use by another process.") from None
        except OSError as error:  # some network file systems have no locks
            file.close()
            raise ConfigurationError(f"{path} cannot be locked: {error.strerror}.") from None
        file.close()  # the process that held the lock has replaced the file
