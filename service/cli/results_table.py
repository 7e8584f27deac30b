"""CSV file of results: the columns of the input, then the results.

A spreadsheet program runs a cell that starts with `=`, `+`, `-` or `@` as a formula. Texts of models and of students
are hostile, so such cells become plain text. Cells of a CSV input stay as they are.
"""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import IO

from service.cli.csv_table import CsvStyle

_PREFIX = "twinpath_"
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,/]*")
_DATE = re.compile(r"[0-9]{1,2}/[0-9]{1,4}(?:/[0-9]{1,4})?")  # also a fraction
_START = "=+\\-@＝＋－＠"
_FORMULA = re.compile(rf"\A(?=[{_START}\t\r])")
# A program that expects another delimiter splits a cell at `,` or `;`, so that a formula may start there.
_INNER_FORMULA = re.compile(rf"(?<=[,;|\t\r\n])(?=[{_START}])")


def added_columns(header: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Names of the columns of results. A name that the input has already gets a prefix."""
    taken = {name.strip().casefold() for name in header}
    names = []
    for column in columns:
        name = column
        while name in taken:
            name = f"{_PREFIX}{name}"
        names.append(name)
    return names


def plain(text: str) -> str:
    """Text that no spreadsheet program takes for a formula or a date. Other numbers stay as they are."""
    if _NUMBER.fullmatch(text):
        return f"'{text}" if _DATE.fullmatch(text) else text
    return _INNER_FORMULA.sub(" ", _FORMULA.sub("'", text))


def write_csv(file: IO[str], style: CsvStyle, rows: Iterable[Sequence[str]]) -> None:
    """Write rows of cells.

    Args:
        file: file opened with `newline=""`, in UTF-8.
        style: form of the file.
        rows: the header, then the cells of each row.
    """
    if style.has_bom:
        file.write("\ufeff")
    # The writer quotes line ends in cells only if it ends rows with the same characters.
    end_len = len("\r\n")
    write: Callable[[str], int] = lambda row: file.write(f"{row[:-end_len]}{style.line_end}")  # noqa: E731
    writer = csv.writer(SimpleNamespace(write=write), delimiter=style.delimiter, lineterminator="\r\n")
    writer.writerows(rows)
