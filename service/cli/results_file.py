"""Resumable output file of a batch run."""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Generic, NamedTuple, Self

from pydantic import ValidationError

from service.cli.line_file import append_line, open_locked
from service.errors import ConfigurationError
from service.schemas.batch import ResultT, RowId

_FIRST_SERVER_ERROR = 500


class Stored(NamedTuple):
    """Result on disk: the id of its row, and its label for totals."""

    id: RowId | None
    label: str


class ResultsFile(Generic[ResultT]):
    """Results of a batch on disk, one JSON object per line. A context manager for one process at a time.

    Each result is one write of one line, so a kill leaves at most one partial line, which the next run removes. The
    next run also removes results with a server error (status 500 or higher) and processes those rows again.

    Args:
        path: the file. It is created if it is missing, and continued if it holds results.
        row_type: model of a result.
        label: label of a result for totals.

    Raises:
        ConfigurationError: the file holds something else, or another process writes it.
    """

    def __init__(self, path: Path, row_type: type[ResultT], label: Callable[[ResultT], str]) -> None:
        self.path = path
        self._row_type = row_type
        self._label = label
        self._done: dict[int, Stored] = {}
        self._file = self._open()

    def find(self, line: int, row_id: RowId | None) -> str | None:
        """Label of the result of a row, or None without a result.

        Args:
            line: line number of the row.
            row_id: id of the row, or None if the line is not a valid row.

        Raises:
            ConfigurationError: the result of this line belongs to another id.
        """
        stored = self._done.get(line)
        if stored and stored.id != row_id:
            raise ConfigurationError(
                f"{self.path} holds results of another input: line {line} had the id {stored.id!r}, "
                f"not {row_id!r}. Choose another output file."
            )
        return stored.label if stored else None

    def write(self, row: ResultT) -> None:
        """Append a result.

        Raises:
            ConfigurationError: the disk is full or not writable. The next run removes the partial line.
        """
        append_line(self._file, self.path, row.model_dump_json().encode() + b"\n")
        self._done[row.line] = Stored(row.id, self._label(row))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def _open(self) -> IO[bytes]:
        """Read the results that exist. Rewrite the file only if lines must go."""
        file = open_locked(self.path)
        try:
            file.seek(0)
            dropped = {number for number, line in enumerate(file, 1) if not self._keep(number, line)}
            if not dropped:
                return file
            self._rewrite(file, dropped)
        except OSError as error:
            file.close()
            raise ConfigurationError(f"{self.path} cannot be rewritten: {error}") from None
        except BaseException:
            file.close()
            raise
        file.close()
        return open_locked(self.path)

    def _keep(self, number: int, line: bytes) -> bool:
        """Remember the row of a result. Return False if the result must go."""
        if not line.endswith(b"\n"):
            return False
        try:
            row = self._row_type.model_validate_json(line)
        except ValidationError:
            raise ConfigurationError(f"{self.path}, line {number}: not a result of a batch.") from None
        if row.error and row.error.status >= _FIRST_SERVER_ERROR:
            return False
        self._done[row.line] = Stored(row.id, self._label(row))
        return True

    def _rewrite(self, file: IO[bytes], dropped: set[int]) -> None:
        temporary = self.path.with_name(f".{self.path.name}.new")
        try:
            file.seek(0)
            with temporary.open("wb") as kept:
                kept.writelines(line for number, line in enumerate(file, 1) if number not in dropped)
                kept.flush()
                os.fsync(kept.fileno())
            temporary.replace(self.path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


class Journal(ResultsFile[ResultT]):
    """Results of a table on disk, until the table is written. The id of a result is the digest of its row.

    A changed row has another digest, and so no result.
    """

    def find(self, line: int, row_id: RowId | None) -> str | None:
        """Label of the result of a row, or None if there is none for this digest."""
        stored = self._done.get(line)
        return stored.label if stored and stored.id == row_id else None

    def offsets(self) -> dict[int, int]:
        """Offset in bytes of the last result of each row number."""
        found, offset = {}, 0
        self._file.seek(0)
        for line in self._file:
            found[self._row_type.model_validate_json(line).line] = offset
            offset += len(line)
        return found

    def read(self, offset: int) -> ResultT:
        """Result at an offset."""
        self._file.seek(offset)
        return self._row_type.model_validate_json(self._file.readline())
