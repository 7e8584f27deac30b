"""CSV output of a run, with a journal of its results."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Generic

from service.cli.csv_table import DELIMITERS, CsvStyle
from service.cli.output_stream import OutputStream, writing
from service.cli.results_file import Journal
from service.cli.results_table import added_columns, plain, write_csv
from service.cli.row_task import ERROR, RowTask
from service.cli.table import Table
from service.schemas.batch import RequestT, ResponseT, ResultT, RowId

_NOT_DONE = "No result yet. Run the same command again."


class TableOutput(Generic[RequestT, ResponseT, ResultT]):
    """CSV, written as a whole at the end from a journal of results.

    Args:
        journal: the results.
        table: the input.
        task: the work on each row.
        context: text of all else that a result depends on.
        style: form of the output.
        target: a stream, or the file to replace.
    """

    is_joined_by_id = False
    takes_changed_rows = True

    def __init__(
        self,
        journal: Journal[ResultT],
        table: Table,
        task: RowTask[RequestT, ResponseT, ResultT],
        context: str,
        style: CsvStyle,
        target: OutputStream | Path,
    ) -> None:
        self.place = str(target) if isinstance(target, Path) else target.place
        self.is_resumable = isinstance(target, Path)
        self._journal = journal
        self._table = table
        self._task = task
        self._context = context.encode()
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
            self.notes.append(f"Journal: {journal.path}. With it, the same command resumes an interrupted run.")

    def find(self, line: int, row_id: RowId | None, content: bytes) -> str | None:
        """Label of the result of a row with this content, or None without a result."""
        digest = self._digest(content)
        label = self._journal.find(line, digest)
        if label is None:
            self._digests[line] = digest
        return label

    def write(self, row: ResultT) -> None:
        """Store a result in the journal."""
        self._journal.write(row.model_copy(update={"id": self._digests.pop(row.line)}))

    def finish(self) -> None:
        """Write the table."""
        if isinstance(self._target, Path):
            self._replace(self._target)
            return
        with tempfile.TemporaryFile("w+", encoding="utf-8", newline="", errors="replace") as text:
            write_csv(text, self._style, self._rows())
            text.seek(0)
            for line in text:
                self._target.write(line.encode())

    def _replace(self, path: Path) -> None:
        temporary = path.with_name(f".{path.name}.new")
        with writing(self.place):
            try:
                with temporary.open("w", encoding="utf-8", newline="", errors="replace") as file:
                    write_csv(file, self._style, self._rows())
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def _rows(self) -> Iterator[list[str]]:
        """The header, then the cells of each row with those of its result."""
        offsets = self._journal.offsets()
        none = [""] * len(self._names)
        contents = self._table.rows()
        yield [*self._table.header(), *self._names]
        number, content = next(contents, (0, b""))
        for at, cells in self._table.cells():
            added = none
            if at == number:
                added = self._result_cells(number, content, offsets)
                number, content = next(contents, (0, b""))
            yield [*cells, *added]

    def _result_cells(self, number: int, content: bytes, offsets: dict[int, int]) -> list[str]:
        row = self._journal.read(offsets[number]) if number in offsets else None
        if row is None or row.id != self._digest(content):
            cells, error = [], _NOT_DONE
        else:
            cells, error = self._task.cells(row), row.error.detail if row.error else ""
        return [plain(cell) for cell in [*(cells or [""] * len(self._task.columns)), error]]

    def _digest(self, content: bytes) -> str:
        return hashlib.blake2b(content, key=hashlib.sha256(self._context).digest(), digest_size=12).hexdigest()


def style_of(path: Path, style: CsvStyle | None) -> CsvStyle:
    """Form of a file: that of the input as far as the suffix allows."""
    delimiters = DELIMITERS[path.suffix.lower()]
    style = style or CsvStyle()
    is_allowed = style.delimiter in delimiters and (style.delimiter == ";" or len(delimiters) == 1)
    return CsvStyle(style.delimiter if is_allowed else delimiters[0], style.has_bom, style.line_end)
