"""Outputs of a run: JSON Lines or CSV, files or streams."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from service.cli.csv_table import DELIMITERS
from service.cli.output_stream import STANDARD_OUTPUT, OutputStream, output_stream
from service.cli.results_file import Journal, ResultsFile
from service.cli.row_task import RowTask
from service.cli.table import Table
from service.cli.table_output import TableOutput, style_of
from service.errors import ConfigurationError
from service.schemas.batch import BatchResult, RequestT, ResponseT, ResultT, RowId

WrittenT = TypeVar("WrittenT", bound=BatchResult, contravariant=True)


class RowOutput(Protocol[WrittenT]):
    """Output of a run.

    Attributes:
        place: name of the output, for messages.
        notes: lines to show at the start.
        is_joined_by_id: whether only the id joins a result with its row, so that an id must not occur twice.
        is_resumable: whether a further run finds the results.
        takes_changed_rows: whether a further run processes rows again that have changed.
    """

    place: str
    notes: list[str]
    is_joined_by_id: bool
    is_resumable: bool
    takes_changed_rows: bool

    def find(self, line: int, row_id: RowId | None, content: bytes) -> str | None:
        """Label of the result of a row, or None without a result."""
        ...

    def write(self, row: WrittenT) -> None:
        """Store a result."""
        ...

    def finish(self) -> None:
        """Complete the output. This also happens when the run stops early."""
        ...


@contextmanager
def open_output(
    path: Path | None, table: Table, task: RowTask[RequestT, ResponseT, ResultT], context: str
) -> Iterator[RowOutput[ResultT]]:
    """Open the output of a run.

    Args:
        path: the file. None and `STANDARD_OUTPUT` are standard output, which has the format of the input.
        table: the input.
        task: the work on each row.
        context: text of all else that a result in CSV depends on. Results of another context do not count.

    Raises:
        ConfigurationError: the output holds something else, or cannot be written.
    """
    with ExitStack() as stack:
        if path is None or path == STANDARD_OUTPUT or (path.exists() and not path.is_file()):
            stream = stack.enter_context(output_stream(path))
            if table.style is None:
                yield _Lines(stream)
                return
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="twinpath-")))
            journal = stack.enter_context(Journal(folder / "journal.jsonl", task.format.result, task.label))
            yield TableOutput(journal, table, task, context, table.style, stream)
        elif path.suffix.lower() in DELIMITERS:
            journal_path = path.with_name(f"{path.name}.journal.jsonl")
            if path.exists() and path.stat().st_size and not journal_path.exists():
                raise ConfigurationError(
                    f"{path} exists, and its journal {journal_path} does not. Choose another output file, or delete it."
                )
            journal = stack.enter_context(Journal(journal_path, task.format.result, task.label))
            yield TableOutput(journal, table, task, context, style_of(path, table.style), path)
        else:
            yield _LinesFile(stack.enter_context(ResultsFile(path, task.format.result, task.label)))


class _Lines(Generic[ResultT]):
    """JSON Lines on standard output or a pipe."""

    is_joined_by_id = True
    is_resumable = False
    takes_changed_rows = True

    def __init__(self, stream: OutputStream) -> None:
        self.place = stream.place
        self.notes: list[str] = []
        self._stream = stream

    def find(self, line: int, row_id: RowId | None, content: bytes) -> None:
        return None

    def write(self, row: ResultT) -> None:
        self._stream.write(row.model_dump_json().encode() + b"\n")

    def finish(self) -> None: ...


class _LinesFile(Generic[ResultT]):
    """JSON Lines in a file, which is its own journal."""

    is_joined_by_id = True
    is_resumable = True
    takes_changed_rows = False

    def __init__(self, results: ResultsFile[ResultT]) -> None:
        self.place = str(results.path)
        self.notes: list[str] = []
        self._results = results

    def find(self, line: int, row_id: RowId | None, content: bytes) -> str | None:
        return self._results.find(line, row_id)

    def write(self, row: ResultT) -> None:
        self._results.write(row)

    def finish(self) -> None: ...
