"""Resumable output file of a batch run."""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from service.errors import ConfigurationError
from service.schemas.batch import BatchRow, RowId

_FIRST_SERVER_ERROR = 500


class ResultsFile:
    """Results of a batch on disk, one JSON object per line. A context manager for one process at a time.

    Each result is one write of one line, so a kill leaves at most one partial line, which the next run removes. The
    next run also removes results with a server error (status 500 or higher) and solves those rows again.

    Args:
        path: created if missing, continued if it holds results.

    Raises:
        ConfigurationError: the file holds something else, or another process writes it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done: set[RowId] = set()
        self._done_lines: set[int] = set()
        self._file = self._open()
        self.kept = len(self._done) + len(self._done_lines)

    def is_done(self, line: int, row_id: RowId | None) -> bool:
        """Whether the result of a row exists. A row without a valid id is known by its line number."""
        return line in self._done_lines if row_id is None else row_id in self._done

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
        """Read the results that exist. Rewrite the file if it holds lines that must go."""
        file = self._lock()
        temporary = self._path.with_name(f".{self._path.name}.new")
        try:
            file.seek(0)
            with temporary.open("wb") as kept:
                kept.writelines(line for number, line in enumerate(file, 1) if self._keep(number, line))
            if temporary.stat().st_size == self._path.stat().st_size:
                temporary.unlink()
                return file
            temporary.replace(self._path)
        except BaseException:
            file.close()
            temporary.unlink(missing_ok=True)
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
        """Remember the row of a result. Returns False if the result must go."""
        if not line.endswith(b"\n"):
            return False
        try:
            row: Any = json.loads(line)
            row_id, row_line, error = row["id"], int(row["line"]), row.get("error")
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError(f"{self._path}, line {number}: not a result of a batch.") from None
        if error and error["status"] >= _FIRST_SERVER_ERROR:
            return False
        if row_id is None:
            self._done_lines.add(row_line)
        else:
            self._done.add(row_id)
        return True
