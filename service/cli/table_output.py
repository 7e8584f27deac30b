"""CSV output of a run, with a journal of its results."""

import tempfile
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Generic

from service.cli.csv_table import DELIMITERS, CsvStyle
from service.cli.line_file import replaced
from service.cli.output_stream import OutputStream
from service.cli.results_file import ResultsFile
from service.cli.results_table import added_columns, plain, write_csv
from service.cli.row_digest import RowDigest
from service.cli.row_task import ERROR, RowTask
from service.cli.table import Table
from service.schemas.batch import RequestT, ResponseT, ResultT

_NOT_DONE = "No result yet. Run the same command again."


class TableOutput(Generic[RequestT, ResponseT, ResultT]):
    """CSV, written as a whole at the end from a journal of results.

    Args:
        journal: the results, by the digests of their rows.
        table: the input.
        task: the work on each row.
        digest: digest of a row and of all else that its result depends on.
        style: form of the output.
        target: a stream, or the file to replace.
    """

    is_csv = True

    def __init__(
        self,
        journal: ResultsFile[ResultT],
        table: Table,
        task: RowTask[RequestT, ResponseT, ResultT],
        digest: RowDigest,
        style: CsvStyle,
        target: OutputStream | Path,
    ) -> None:
        self.place = str(target) if isinstance(target, Path) else target.place
        self.is_resumable = isinstance(target, Path)
        self._journal = journal
        self._table = table
        self._task = task
        self._digest = digest
        self._style = style
        self._target = target
        self._digests: dict[int, str] = {}
        columns = (*task.columns, ERROR)
        self._names = added_columns(table.header(), columns)
        renamed = [
            f"{name} (the input has {old})" for old, name in zip(columns, self._names, strict=True) if old != name
        ]
        self.notes = [f"New columns with another name: {', '.join(renamed)}."] if renamed else []
        if self.is_resumable:
            self.notes.append(resume_note(journal.path))

    def find(self, line: int, content: bytes) -> str | None:
        """Label of the result of a row with this content, or None without a result."""
        digest = self._digest(content)
        stored = self._journal.find(line)
        if stored and stored.id == digest:
            return stored.label
        self._digests[line] = digest
        return None

    def write(self, row: ResultT) -> None:
        """Store a result in the journal."""
        self._journal.write(row.model_copy(update={"id": self._digests.pop(row.line)}))

    def finish(self) -> None:
        """Write the table."""
        if isinstance(self._target, Path):
            with replaced(self._target) as file:
                self._write(file)
            return
        with tempfile.TemporaryFile() as file:
            self._write(file)
            file.seek(0)
            for line in file:
                self._target.write(line)

    def _write(self, file: IO[bytes]) -> None:
        text = TextIOWrapper(file, encoding="utf-8", newline="", errors="replace")
        write_csv(text, self._style, self._rows())
        text.detach()

    def _rows(self) -> Iterator[list[str]]:
        """The header, then the cells of each row with those of its result."""
        offsets = self._journal.offsets()
        none = [""] * len(self._names)
        contents = self._table.rows()
        yield [*self._own(self._table.header()), *self._names]
        number, content = next(contents, (0, b""))
        for at, cells in self._table.cells():
            added = none
            if at == number:
                added = self._result_cells(number, content, offsets)
                number, content = next(contents, (0, b""))
            yield [*self._own(cells), *added]

    def _own(self, cells: list[str]) -> list[str]:
        """Cells of the input. Those of a spreadsheet stay as they are, and JSON becomes plain text."""
        return [plain(cell) for cell in cells] if self._table.style is None else cells

    def _result_cells(self, number: int, content: bytes, offsets: dict[int, int]) -> list[str]:
        row = self._journal.read(offsets[number]) if number in offsets else None
        if row is None or row.id != self._digest(content):
            cells, error = [], _NOT_DONE
        else:
            response = self._task.response(row)
            cells, error = self._task.cells(response) if response else [], row.error.detail if row.error else ""
        return [plain(cell) for cell in [*(cells or [""] * len(self._task.columns)), error]]


def resume_note(journal: Path) -> str:
    """Line about the journal of a run."""
    return f"Journal: {journal}. With it, the same command resumes an interrupted run."


def style_of(path: Path, style: CsvStyle | None) -> CsvStyle:
    """Form of a file: that of the input as far as the suffix allows."""
    delimiters = DELIMITERS[path.suffix.lower()]
    style = style or CsvStyle()
    is_allowed = style.delimiter in delimiters and (style.delimiter == ";" or len(delimiters) == 1)
    return CsvStyle(style.delimiter if is_allowed else delimiters[0], style.has_bom, style.line_end)
