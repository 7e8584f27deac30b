"""The output file of a batch: which lines are done, and how a run that was killed is gone on with.

A result is one write of one whole line, so a kill leaves at most a torn last line, which is cut off when the file is
opened again. Results that failed for no fault of the row's are dropped then, and so solved anew. What is remembered
is four bytes a line: a check sum of the row's id, which also tells when the file belongs to another input.
"""

import fcntl
import json
import os
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from service.batch import BatchRow, RowId
from service.errors import ConfigurationError

_PIECE = 1 << 20
_OUR_FAULT = 500
"""Errors of this HTTP status and above are not the row's."""


class Ledger:
    """A batch's results on disk. A context manager; one process at a time.

    Args:
        path: made if it is missing, gone on with if it holds results.

    Raises:
        ConfigurationError: it holds something else, or another process writes it.
    """

    def __init__(self, path: Path) -> None:
        self.kept = 0
        self._path = path
        self._sums = array("I")
        self._file = self._open()

    def is_done(self, line: int, row_id: RowId | None) -> bool:
        """Whether this line's result is there.

        Raises:
            ConfigurationError: the line's result is of a row with another id.
        """
        known = self._sums[line] if line < len(self._sums) else 0
        if known and known != _sum(row_id):
            raise ConfigurationError(f"{self._path} is of another input: the id of line {line} was not {row_id!r}.")
        return known != 0

    def write(self, row: BatchRow) -> None:
        """Add a result.

        Raises:
            ConfigurationError: it does not fit; what was written of it is cut off by the next run.
        """
        line = row.model_dump_json().encode() + b"\n"
        try:
            written = os.write(self._file.fileno(), line)
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be written: {error.strerror}") from None
        if written < len(line):
            raise ConfigurationError(f"{self._path} cannot be written: there is no room for the whole of a result.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def _open(self) -> IO[bytes]:
        file = self._locked()
        try:
            drop = [place for place, row in self._rows(file) if not self._keep(row)]
        except BaseException:
            file.close()
            raise
        if not drop:
            return file
        with file, self._path.with_name(f".{self._path.name}.new").open("wb") as kept:
            start = 0
            for place in [*drop, None]:
                file.seek(start)
                _copy(file, kept, None if place is None else place - start)
                file.readline()
                start = file.tell()
            kept.flush()
            Path(kept.name).replace(self._path)
        return self._locked()

    def _locked(self) -> IO[bytes]:
        try:
            file = self._path.open("a+b")
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be written: {error}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise ConfigurationError(f"Another run writes {self._path}.") from None
        return file

    def _rows(self, file: IO[bytes]) -> Iterator[tuple[int, Any]]:
        """Each result with its place in the file; a torn last line is cut off."""
        file.seek(0)
        place = 0
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                file.truncate(place)
                return
            try:
                row = json.loads(line)
                _ = (row["id"], int(row["line"]))
            except (ValueError, KeyError, TypeError):
                raise ConfigurationError(f"{self._path}, line {number}: no result of a batch.") from None
            yield place, row
            place += len(line)

    def _keep(self, row: Any) -> bool:
        """Remember a result; false if it must be dropped."""
        if row.get("error") and row["error"]["status"] >= _OUR_FAULT:
            return False
        line = int(row["line"])
        if line >= len(self._sums):
            self._sums.extend([0] * (line + 1 - len(self._sums)))
        self._sums[line] = _sum(row["id"])
        self.kept += 1
        return True


def _sum(row_id: RowId | None) -> int:
    """A check sum of an id that is never 0."""
    return zlib.crc32(json.dumps(row_id).encode()) or 1


def _copy(source: IO[bytes], target: IO[bytes], size: int | None) -> None:
    """Copy this many bytes; None copies the rest."""
    while piece := source.read(_PIECE if size is None else min(size, _PIECE)):
        target.write(piece)
        size = None if size is None else size - len(piece)
