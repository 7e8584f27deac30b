"""CSV files of results: names of columns, hostile cells, and the form of the file."""

import csv
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cli.csv_table import CsvStyle
from service.cli.results_table import added_columns, plain, write_csv

STYLES = [CsvStyle(), CsvStyle(";", True, "\r\n"), CsvStyle("\t", False, "\n"), CsvStyle(",", False, "\r\n")]
CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["", "\r", "a\r\nb", "\n", '"', ","]
)
HOSTILE = st.text("=+-@＝\t\r\n,;|1a' ", max_size=8)


def test_a_name_that_the_input_has_gets_a_prefix() -> None:
    assert added_columns(["id", "Answer ", "twinpath_answer", "x"], ["answer", "verdict"]) == [
        "twinpath_twinpath_answer", "verdict",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("21", "21"),
        ("-3", "-3"),
        ("1/2", "'1/2"),
        ("10/3", "'10/3"),
        ("1/2/2026", "'1/2/2026"),
        ("100/3", "100/3"),
        ("-1/2", "-1/2"),
        ("+1,000.5", "+1,000.5"),
        ("-1,5", "-1,5"),
        ("3 + 4 = 7", "3 + 4 = 7"),
        ("=1+1", "'=1+1"),
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-5 apples", "'-5 apples"),
        ("-4: 8, 10: 2", "'-4: 8, 10: 2"),
        ("--", "'--"),
        ("\t=1", "'\t =1"),
        ("\r=1", "'\r =1"),
        ("＝1", "'＝1"),
        ("6 eggs;=1+1", "6 eggs; =1+1"),
        ("ans = f(a,-b)", "ans = f(a, -b)"),
        ("12\n= 24", "12\n = 24"),
        ("", ""),
    ],
)
def test_cells_that_a_spreadsheet_would_run_become_text(text: str, written: str) -> None:
    assert plain(text) == written


@given(HOSTILE)
def test_no_part_of_a_cell_is_a_formula_whatever_delimiter_splits_it(text: str) -> None:
    written = plain(text)
    for delimiter in ",;|\t\r\n":
        assert all(part[:1] not in set("=+-@＝") for part in written.split(delimiter)[1:])
    assert written[:1] not in set("=+-@＝\t\r") or re.fullmatch(r"[+-]1[1,]*", written)


@given(HOSTILE)
def test_a_cell_made_plain_stays_as_it_is(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@settings(max_examples=50)
@given(
    st.integers(2, 4).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), max_size=4)),
    st.sampled_from(STYLES),
)
def test_every_table_is_written_so_that_it_comes_back(rows: list[list[str]], style: CsvStyle) -> None:
    file = io.StringIO(newline="")
    write_csv(file, style, rows)
    text = file.getvalue()
    assert text.startswith("\ufeff") == style.has_bom
    content = text.removeprefix("\ufeff") if style.has_bom else text
    assert list(csv.reader(io.StringIO(content, newline=""), delimiter=style.delimiter, strict=True)) == rows
    assert not rows or content.endswith(style.line_end)
