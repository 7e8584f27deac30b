"""CSV files in the forms that spreadsheet programs write."""

import csv
import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from service.cli.columns import ANSWER, EXPECTED, Role, columns_line, has_our_answers, matched_columns, normal_form
from service.errors import ConfigurationError
from service.json_lines import BOM, Line, json_line

DELIMITERS = {".csv": ",;\t", ".tsv": "\t", ".tab": "\t"}
"""Possible delimiters of each suffix. Programs of some locales write `;`, because their numbers have a comma."""

_NOT_A_KEY = "the column answer holds results of Twinpath, so it is no answer key"
_SEPARATOR_ROW = "sep="  # Excel reads and writes a first row such as `sep=;`


@dataclass(frozen=True, slots=True)
class CsvStyle:
    """Form of a CSV file.

    Args:
        delimiter: character between two cells.
        has_bom: whether the file starts with a byte order mark, without which Excel does not assume UTF-8.
        line_end: end of each row.
    """

    delimiter: str = ","
    has_bom: bool = False
    line_end: str = "\n"


@dataclass(frozen=True, slots=True)
class CsvTable:
    """Rows of a CSV file.

    Args:
        place: name of the file, for messages.
        file: the file.
        style: its form.
        first: number of the header.
        names: names of the columns.
        roles: the texts that the command reads.
        texts: index of the column of each role.
        options: index of the column of each option.
        count: number of rows with content.
    """

    place: str
    file: Path
    style: CsvStyle
    first: int
    names: Sequence[str]
    roles: Sequence[Role]
    texts: Mapping[str, int]
    options: Mapping[str, int]
    count: int
    unit: str = "row"

    @classmethod
    def opened(
        cls,
        file: Path,
        place: str,
        delimiters: str,
        roles: Sequence[Role],
        chosen: Mapping[str, str],
        options: Collection[str],
    ) -> "CsvTable":
        """Read the file once, and find the columns.

        Raises:
            ConfigurationError: the file is not valid CSV in UTF-8, is empty, or has no column for a role.
        """
        style = _style(file, place, delimiters)
        records = (record for record in _records(file, place, style.delimiter) if _has_content(record[1]))
        first, names = next(records, (0, []))
        if names and _is_separator_row(names):
            first, names = next(records, (0, []))
        if not names:
            raise ConfigurationError(f"{place} is empty.")
        texts = matched_columns(place, names, roles, chosen)
        free = {normal_form(name).replace(" ", "_"): i for i, name in enumerate(names) if i not in texts.values()}
        found = {name: free[name] for name in options if name in free}
        table = cls(place, file, style, first, names, roles, texts, found, count=0)
        return replace(table, count=sum(1 for _ in table.rows()))

    @property
    def columns(self) -> str:
        """Line about the columns in use."""
        used = columns_line({name: self.names[i] for name, i in {**self.texts, **self.options}.items()})
        needs_key = any(role in (ANSWER, EXPECTED) and role.name not in self.texts for role in self.roles)
        return f"{used} ({_NOT_A_KEY})" if needs_key and has_our_answers(self.names) else used

    def rows(self) -> Iterator[Line]:
        """Number of each row with content, and its texts and options as JSON.

        A blank cell is an empty text if its role is required. Other blank cells are left out.
        """
        blank = {role.name: "" for role in self.roles if role.is_required}
        for number, cells in self._records():
            if _has_content(cells):
                filled = {i: cell for i, cell in enumerate(cells) if cell.strip()}
                fields: dict[str, Any] = blank | {name: filled[i] for name, i in self.texts.items() if i in filled}
                fields |= {name: _value(filled[i]) for name, i in self.options.items() if i in filled}
                yield number, json_line(fields)

    def header(self) -> list[str]:
        """Names of all columns."""
        return list(self.names)

    def cells(self) -> Iterator[tuple[int, list[str]]]:
        """Number and cells of each row, filled up with empty cells. Blank rows are included."""
        for number, cells in self._records():
            yield number, cells + [""] * (len(self.names) - len(cells))

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        for number, cells in _records(self.file, self.place, self.style.delimiter):
            if number > self.first:
                yield number, self._fitted(number, cells)

    def _fitted(self, number: int, cells: list[str]) -> list[str]:
        """Cells without empty ones at the end that have no column.

        Raises:
            ConfigurationError: a cell with content has no column.
        """
        if _has_content(cells[len(self.names) :]):
            raise ConfigurationError(
                f"{self.place}, row {number}: {len(cells)} cells, but {len(self.names)} columns. Write a cell that "
                f"contains {self.style.delimiter!r} in double quotes."
            )
        return cells[: len(self.names)]


def _style(file: Path, place: str, delimiters: str) -> CsvStyle:
    """Form of a file. The delimiter is the one that gives the header the most cells."""
    with file.open("rb") as content:
        line = content.readline()
    line_end = "\r\n" if line.endswith(b"\r\n") else "\n"
    has_bom = line.startswith(BOM)
    text = line.decode(errors="replace").strip("\ufeff\r\n")
    if text.startswith(_SEPARATOR_ROW) and len(text) == len(_SEPARATOR_ROW) + 1:
        return CsvStyle(text[-1], has_bom, line_end)
    return CsvStyle(max(delimiters, key=lambda one: _width(file, place, one)), has_bom, line_end)


def _width(file: Path, place: str, delimiter: str) -> int:
    """Number of cells of the header, or 0 if it is not valid with this delimiter."""
    try:
        return next((len(cells) for _, cells in _records(file, place, delimiter) if _has_content(cells)), 0)
    except ConfigurationError:
        return 0


def _records(file: Path, place: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each row, counted as a spreadsheet counts them."""
    csv.field_size_limit(sys.maxsize)  # the limits of a request apply to the texts, and none to other columns
    number = 0
    with _decoded(file, place) as text:
        try:
            for number, cells in enumerate(csv.reader(text, delimiter=delimiter, strict=True), 1):
                yield number, cells
        except csv.Error as error:
            raise ConfigurationError(
                f"{place}, row {number + 1}: not valid CSV ({error}). End each quoted cell with a double quote, and "
                "write a double quote in it twice."
            ) from None


@contextmanager
def _decoded(file: Path, place: str) -> Iterator[IO[str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            yield text
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{place}, line {_first_undecodable(file)}: not encoded in UTF-8. Save the file as CSV in UTF-8."
        ) from None


def _first_undecodable(file: Path) -> int:
    """Number of the first line that is not valid UTF-8."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 0


def _is_separator_row(cells: list[str]) -> bool:
    return cells[0].startswith(_SEPARATOR_ROW) and not _has_content(cells[1:])


def _has_content(cells: Sequence[str]) -> bool:
    return any(cell.strip() for cell in cells)


def _value(cell: str) -> Any:
    """Number, switch or object of an option, or the text itself."""
    try:
        return json.loads(cell.lower())
    except (ValueError, RecursionError):
        return cell.strip()
