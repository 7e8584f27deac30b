"""Tables of rows: JSON Lines, a JSON array, CSV or TSV.

The source is a file, a pipe or standard input.
"""

import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from service.cli.columns import Role
from service.cli.csv_table import DELIMITERS, CsvStyle, CsvTable
from service.cli.json_table import JsonTable
from service.cli.rows import STANDARD_INPUT
from service.errors import ConfigurationError
from service.json_lines import BOM, Line

_JSON_SUFFIXES = (".jsonl", ".ndjson")
_FOREIGN = {
    b"PK\x03\x04": "a workbook of a spreadsheet program; save it as CSV in UTF-8",
    b"\xff\xfe": "encoded in UTF-16; save it in UTF-8",
    b"\xfe\xff": "encoded in UTF-16; save it in UTF-8",
}


class Table(Protocol):
    """Rows of a file, which can be read several times."""

    @property
    def place(self) -> str:
        """Name of the file, for messages."""
        ...

    @property
    def unit(self) -> str:
        """Name of a row in messages: "line", "item" or "row"."""
        ...

    @property
    def first(self) -> int:
        """Number of the header, or 0 without one."""
        ...

    @property
    def count(self) -> int:
        """Number of rows with content."""
        ...

    @property
    def columns(self) -> str:
        """Line about the columns in use, or an empty string."""
        ...

    @property
    def style(self) -> CsvStyle | None:
        """Form of the CSV file, or None if the rows are JSON."""
        ...

    def rows(self) -> Iterator[Line]:
        """Number and JSON of each row with content.

        Numbers count from 1, and the header of a CSV file and blank rows count. The JSON of a CSV row has a field for
        each role and each option. A line of a JSON Lines file may be invalid.
        """
        ...

    def header(self) -> list[str]:
        """Names of all columns."""
        ...

    def cells(self) -> Iterator[tuple[int, list[str]]]:
        """Number and cells of each row, with one cell per column. Blank rows of a CSV file are included."""
        ...


@contextmanager
def open_table(
    path: Path,
    roles: Sequence[Role],
    *,
    chosen: Mapping[str, str | None],
    options: Collection[str] = (),
    max_line_bytes: int = 1 << 20,
) -> Iterator[Table]:
    """Open a table, and check that it can be read.

    The suffix selects the format. Without a known suffix the first character does: `{` starts JSON Lines, `[` a JSON
    array. A source that cannot be read again, such as a pipe, is copied to a temporary file first.

    Args:
        path: the file, or `STANDARD_INPUT`.
        roles: the texts that the command reads.
        chosen: column names from options, by the name of the role. Roles that are missing or None are guessed.
        options: fields of a request that a CSV file may have as columns of the same names.
        max_line_bytes: maximum size of a line of JSON. Longer lines are cut right after it.

    Raises:
        ConfigurationError: the file cannot be read, has no rows, or has no column for a role.
    """
    place = "standard input" if path == STANDARD_INPUT else str(path)
    named = {name: column for name, column in chosen.items() if column is not None}
    with ExitStack() as stack:
        try:
            file = _readable_again(path, stack)
            start = _start(file, place)
        except OSError as error:
            raise ConfigurationError(f"{place} cannot be read: {error.strerror}.") from None
        suffix = path.suffix.lower()
        table: Table
        if suffix in _JSON_SUFFIXES or (start == b"{" and suffix not in DELIMITERS):
            table = JsonTable.of_lines(file, place, roles, named, max_line_bytes)
        elif start == b"[" and suffix not in DELIMITERS:
            table = JsonTable.of_array(file, place, roles, named)
        else:
            table = CsvTable.opened(file, place, DELIMITERS.get(suffix, DELIMITERS[".csv"]), roles, named, options)
        if not table.count:
            raise ConfigurationError(f"{place} has no rows.")
        yield table


def _readable_again(path: Path, stack: ExitStack) -> Path:
    """The file itself if it is a regular file, else a temporary copy of it."""
    if path != STANDARD_INPUT and path.is_file():
        return path
    source = sys.stdin.buffer if path == STANDARD_INPUT else stack.enter_context(path.open("rb"))
    copy = stack.enter_context(tempfile.NamedTemporaryFile(prefix="twinpath-"))  # noqa: SIM115 - the stack closes it
    shutil.copyfileobj(source, copy)
    copy.flush()
    return Path(copy.name)


def _start(file: Path, place: str) -> bytes:
    """First character that is not a space."""
    with file.open("rb") as content:
        head = content.read(4)
        for mark, form in _FOREIGN.items():
            if head.startswith(mark):
                raise ConfigurationError(f"{place} is {form}.")
        content.seek(len(BOM) if head.startswith(BOM) else 0)
        return next((start[:1] for line in content if (start := line.lstrip())), b"")
