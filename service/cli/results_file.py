"""Results of rows on disk, for a resume."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Generic, NamedTuple

from pydantic import ValidationError

from service.cli.line_file import LineFile
from service.errors import ConfigurationError
from service.schemas.batch import ResultT, RowId

_FIRST_SERVER_ERROR = 500


class Stored(NamedTuple):
    """Result on disk: the id of its row, and its label for totals."""

    id: RowId | None
    label: str


class ResultsFile(LineFile, Generic[ResultT]):
    """Results of a batch on disk, one JSON object per line. A context manager for one process at a time.

    The next run removes results with a server error (status 500 or higher) and processes those rows again.

    Args:
        path: the file. It is created if it is missing, and continued if it holds results.
        row_type: model of a result.
        label: label of a result for totals.

    Raises:
        ConfigurationError: the file holds something else, or another process writes it.
    """

    def __init__(self, path: Path, row_type: type[ResultT], label: Callable[[ResultT], str]) -> None:
        super().__init__(path)
        self._row_type = row_type
        self._label = label
        self._done: dict[int, Stored] = {}
        try:
            self.repair(self._keep)
        except BaseException:
            self.close()
            raise

    @property
    def rows(self) -> Collection[int]:
        """Numbers of the rows that have a result."""
        return self._done.keys()

    def find(self, line: int) -> Stored | None:
        """Result of the row with this number, if there is one."""
        return self._done.get(line)

    def write(self, row: ResultT) -> None:
        """Append a result.

        Raises:
            ConfigurationError: the disk is full or not writable. The next run removes the partial line.
        """
        self.append(row.to_line())
        self._done[row.line] = Stored(row.id, self._label(row))

    def offsets(self) -> dict[int, int]:
        """Offset in bytes of the last result of each row number."""
        return {self._row_type.model_validate_json(line).line: offset for offset, line in self.lines()}

    def read(self, offset: int) -> ResultT:
        """Result at an offset."""
        return self._row_type.model_validate_json(self.line_at(offset))

    def _keep(self, number: int, line: bytes) -> bool:
        """Remember the row of a result. Return False if the result must go."""
        try:
            row = self._row_type.model_validate_json(line)
        except ValidationError:
            raise ConfigurationError(f"{self.path}, line {number}: not a result of a batch.") from None
        if row.error and row.error.status >= _FIRST_SERVER_ERROR:
            return False
        self._done[row.line] = Stored(row.id, self._label(row))
        return True
