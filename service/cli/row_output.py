"""Outputs of a run: JSON Lines or CSV, files or streams."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from service.cli.csv_table import DELIMITERS
from service.cli.output_stream import STANDARD_OUTPUT, OutputStream, output_stream
from service.cli.results_file import ResultsFile
from service.cli.row_digest import RowDigest, row_digest
from service.cli.row_task import RowTask
from service.cli.run_description import Run
from service.cli.table import Table
from service.cli.table_output import TableOutput, resume_note, style_of
from service.errors import ConfigurationError
from service.schemas.batch import BatchResult, RequestT, ResponseT, ResultT

WrittenT = TypeVar("WrittenT", bound=BatchResult, contravariant=True)


class RowOutput(Protocol[WrittenT]):
    """Output of a run.

    Attributes:
        place: name of the output, for messages.
        notes: lines to show at the start.
        is_csv: whether a row and its result share a line. In JSON Lines the id joins them, and must not occur twice.
        is_resumable: whether a further run finds the results.
    """

    place: str
    notes: list[str]
    is_csv: bool
    is_resumable: bool

    def find(self, line: int, content: bytes) -> str | None:
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
    path: Path | None, table: Table, task: RowTask[RequestT, ResponseT, ResultT], run: Run
) -> Iterator[RowOutput[ResultT]]:
    """Open the output of a run.

    Args:
        path: the file. None and `STANDARD_OUTPUT` are standard output, which has the format of the input.
        table: the input.
        task: the work on each row.
        run: description of all else that a result depends on.

    Raises:
        ConfigurationError: the output holds something else, or cannot be written.
    """
    digest = row_digest(run)
    with ExitStack() as stack:
        if path is None or path == STANDARD_OUTPUT or (path.exists() and not path.is_file()):
            stream = stack.enter_context(output_stream(path))
            if table.style is None:
                yield _Lines(stream)
                return
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="twinpath-")))
            results = stack.enter_context(ResultsFile(folder / "journal.jsonl", task.format.result, task.label))
            yield TableOutput(results, table, task, digest, table.style, stream)
        elif path.suffix.lower() in DELIMITERS:
            results = stack.enter_context(ResultsFile(_journal_of(path), task.format.result, task.label))
            yield TableOutput(results, table, task, digest, style_of(path, table.style), path)
        else:
            results = stack.enter_context(ResultsFile(path, task.format.result, task.label))
            yield _LinesFile(results, stack.enter_context(_digests(path)), table, digest)


def _journal_of(path: Path) -> Path:
    """Journal beside an output.

    Raises:
        ConfigurationError: the output has content, and no journal.
    """
    journal = path.with_name(f"{path.name}.journal.jsonl")
    if path.exists() and path.stat().st_size and not journal.exists():
        raise ConfigurationError(
            f"{path} exists, and its journal {journal} does not. Choose another output file, or delete it."
        )
    return journal


def _digests(path: Path) -> ResultsFile[BatchResult]:
    return ResultsFile(_journal_of(path), BatchResult, lambda _: "")


class _Lines(Generic[ResultT]):
    """JSON Lines on standard output or a pipe."""

    is_csv = False
    is_resumable = False

    def __init__(self, stream: OutputStream) -> None:
        self.place = stream.place
        self.notes: list[str] = []
        self._stream = stream

    def find(self, line: int, content: bytes) -> str | None:
        return None

    def write(self, row: ResultT) -> None:
        self._stream.write(row.to_line())

    def finish(self) -> None: ...


class _LinesFile(Generic[ResultT]):
    """JSON Lines in a file, with a journal of the digests of their rows."""

    is_csv = False
    is_resumable = True

    def __init__(
        self, results: ResultsFile[ResultT], journal: ResultsFile[BatchResult], table: Table, digest: RowDigest
    ) -> None:
        self.place = str(results.path)
        self.notes = [resume_note(journal.path)]
        self._results = results
        self._journal = journal
        self._digest = digest
        self._digests: dict[int, str] = {}
        self._check(table)

    def find(self, line: int, content: bytes) -> str | None:
        stored = self._results.find(line)
        if stored is None:
            self._digests[line] = self._digest(content)
        return stored.label if stored else None

    def _check(self, table: Table) -> None:
        """Refuse results of other rows or of another run, before a row is processed."""
        left = set(self._results.rows)
        for line, content in table.rows():
            recorded = self._journal.find(line)
            if line in left and (recorded is None or recorded.id != self._digest(content)):
                self._refuse(f"{table.unit} {line}, an option or the model has changed")
            left.discard(line)
        if left:
            self._refuse(f"it has no {table.unit} {min(left)}")

    def _refuse(self, reason: str) -> None:
        raise ConfigurationError(f"{self.place} holds results of another input: {reason}. Choose another output file.")

    def write(self, row: ResultT) -> None:
        """Store the digest before the result, so that a kill leaves no result without one."""
        self._journal.write(BatchResult(id=self._digests.pop(row.line), line=row.line))
        self._results.write(row)

    def finish(self) -> None: ...
