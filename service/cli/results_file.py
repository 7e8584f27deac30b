"""Resumable output file of a batch run."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pydantic import ValidationError

from service.errors import ConfigurationError
from service.schemas.batch import BatchRow, RowId

_FIRST_SERVER_ERROR = 500


class ResultsFile:
    """Results of a batch on disk, one JSON object per line. A context manager for one process at a time.

    Each result is one write of one line, so a kill leaves at most one partial line, which the next run removes. The
    next run also removes results with a server error (status 500 or higher) and solves those rows again.

    Args:
        path: the file. It is created if it is missing, and continued if it holds results.

    Raises:
        ConfigurationError: the file holds something else, or another process writes it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done: dict[int, RowId | None] = {}
        self._file = self._open()

    @property
    def kept(self) -> int:
        """Number of results from earlier runs."""
        return len(self._done)

    def is_done(self, line: int, row_id: RowId | None) -> bool:
        """Whether the result of a row exists.

        Args:
            line: line number of the row.
            row_id: id of the row, or None if the line is not a valid row.

        Raises:
            ConfigurationError: the result of this line belongs to another id.
        """
        if line in self._done and self._done[line] != row_id:
            raise ConfigurationError(
                f"{self._path} holds results of another input: line {line} had the id {self._done[line]!r}, "
                f"not {row_id!r}. Choose another output file."
            )
        return line in self._done

    def write(self, row: BatchRow) -> None:
        """Append a result.

        Raises:
            ConfigurationError: the disk is full or not writable. The next run removes the partial line.
        """
        line = row.model_dump_json().encode() + b"\n"
        try:
            written = os.write(self._file.fileno(), line)
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be written: {error.strerror}") from None
        if written < len(line):
            raise ConfigurationError(f"{self._path} cannot be written: the disk is full.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def _open(self) -> IO[bytes]:
        """Read the results that exist. Rewrite the file only if lines must go."""
        file = self._lock()
        try:
            file.seek(0)
            dropped = {number for number, line in enumerate(file, 1) if not self._keep(number, line)}
            if not dropped:
                return file
            self._rewrite(file, dropped)
        except OSError as error:
            file.close()
            raise ConfigurationError(f"{self._path} cannot be rewritten: {error}") from None
        except BaseException:
            file.close()
            raise
        file.close()
        return self._lock()

    def _lock(self) -> IO[bytes]:
        try:
            file = self._path.open("a+b")
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be written: {error}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise ConfigurationError(f"{self._path} is in use by another process.") from None
        return file

    def _keep(self, number: int, line: bytes) -> bool:
        """Remember the row of a result. Return False if the result must go."""
        if not line.endswith(b"\n"):
            return False
        try:
            row = BatchRow.model_validate_json(line)
        except ValidationError:
            raise ConfigurationError(f"{self._path}, line {number}: not a result of a batch.") from None
        if row.error and row.error.status >= _FIRST_SERVER_ERROR:
            return False
        self._done[row.line] = row.id
        return True

    def _rewrite(self, file: IO[bytes], dropped: set[int]) -> None:
        temporary = self._path.with_name(f".{self._path.name}.new")
        try:
            file.seek(0)
            with temporary.open("wb") as kept:
                kept.writelines(line for number, line in enumerate(file, 1) if number not in dropped)
                kept.flush()
                os.fsync(kept.fileno())
            temporary.replace(self._path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
