"""Tables of rows: formats, columns, and what is wrong with a file."""

import csv
import io
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cli.columns import ANSWER, EXPECTED, ID, PROBLEM, RESPONSE, Role
from service.cli.csv_table import CsvStyle
from service.cli.rows import STANDARD_INPUT
from service.cli.table import Table, open_table
from service.errors import ConfigurationError
from service.json_lines import json_objects

OPTIONS = ("seed", "policy", "trace", "temperature", "paths")
SOLVE = (PROBLEM, ID)
GRADE = (PROBLEM, ID, RESPONSE, EXPECTED)
LABELED = (PROBLEM, ID, ANSWER)

Read = tuple[list[tuple[int, dict[str, Any]]], str]


def objects(table: Table) -> Iterator[tuple[int, dict[str, Any]]]:
    return json_objects(table.rows(), table.place, table.unit)


def read(path: Path, roles: Sequence[Role] = SOLVE, chosen: Mapping[str, str | None] | None = None) -> Read:
    with open_table(path, roles, chosen=chosen or {}, options=OPTIONS) as table:
        return list(objects(table)), table.columns


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


Written = Callable[[str, str | bytes], Path]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'Nr,Question,Seed\r\n7,"2, or 3?",5\r\n'),
        ("a.csv", "\ufeffNr;Question;Seed\r\n7;2, or 3?;5\r\n"),
        ("a.csv", "Nr\tQuestion\tSeed\n7\t2, or 3?\t5"),
        ("a.csv", "sep=|\nNr|Question|Seed\n7|2, or 3?|5\n"),
        ("a.tsv", "Nr\tQuestion\tSeed\n7\t2, or 3?\t5\n"),
        ("a.TAB", "Nr\tQuestion\tSeed\n7\t2, or 3?\t5\n"),
        ("a", "Nr;Question;Seed\n7;2, or 3?;5\n"),
        ("a.txt", 'Nr,Question,Seed\r7,"2, or 3?",5\r'),
    ],
)
def test_csv_in_every_usual_form_has_the_same_row(name: str, content: str, written: Written) -> None:
    rows, columns = read(written(name, content))
    assert [row for _, row in rows] == [{"problem": "2, or 3?", "id": "7", "seed": 5}]
    assert columns == "Columns: problem = Question, id = Nr, seed = Seed"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"id": 7, "question": "2?"}\n\n{"id": 8, "question": "3?"}'),
        ("a", '\n {"id": 7, "question": "2?"}\r\n{"id": 8, "question": "3?"}\r\n'),
        ("a.jsonl", '\ufeff{"id": 7, "question": "2?"}\r\n \r\n\ufeff{"id": 8, "question": "3?"}'),
        ("a.json", '\ufeff[{"id": 7, "question": "2?"},\n {"id": 8, "question": "3?"}]'),
    ],
)
def test_json_rows_keep_their_own_fields(name: str, content: str, written: Written) -> None:
    rows, columns = read(written(name, content))
    assert [row for _, row in rows] == [{"id": 7, "question": "2?"}, {"id": 8, "question": "3?"}]
    assert columns == ""


def test_rows_have_the_numbers_that_a_spreadsheet_shows(written: Written) -> None:
    path = written("a.csv", '\nquestion,id\n"one\ntwo",a\n\n,\nthree,b\n')
    with open_table(path, SOLVE, chosen={}) as table:
        assert (table.first, table.count, table.unit, table.header()) == (2, 2, "row", ["question", "id"])
        assert list(objects(table)) == [
            (3, {"problem": "one\ntwo", "id": "a"}), (6, {"problem": "three", "id": "b"}),
        ]  # fmt: skip
        assert list(table.cells()) == [(3, ["one\ntwo", "a"]), (4, ["", ""]), (5, ["", ""]), (6, ["three", "b"])]


def test_options_are_numbers_switches_objects_or_texts(written: Written) -> None:
    path = written(
        "a.csv",
        'question,seed,policy,trace,temperature,paths\nx,7,adaptive,TRUE,0.5,"{""cot"": 2}"\ny,,,,"0,5",abc\n',
    )
    assert [row for _, row in read(path)[0]] == [
        {"problem": "x", "seed": 7, "policy": "adaptive", "trace": True, "temperature": 0.5, "paths": {"cot": 2}},
        {"problem": "y", "temperature": "0,5", "paths": "abc"},
    ]


def test_half_an_emoji_in_an_option_is_read(written: Written) -> None:
    rows, _ = read(written("a.csv", 'question,policy\nx,"""\\ud83d"""\n'))
    assert rows == [(2, {"problem": "x", "policy": "\ud83d"})]


def test_ids_stay_as_they_are_written_and_blank_cells_are_left_out(written: Written) -> None:
    path = written("a.csv", "#,question,answer,expected\n007,x,1,\n ,y,,2\n1e3,,3,4\n")
    assert [row for _, row in read(path, (PROBLEM, ID, EXPECTED), {"expected": "expected"})[0]] == [
        {"problem": "x", "id": "007"}, {"problem": "y", "expected": "2"}, {"problem": "", "id": "1e3", "expected": "4"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "roles", "used"),
    [
        ("ID,Word Problem", SOLVE, "problem = Word Problem, id = ID"),
        ("Nr.,Text", SOLVE, "problem = Text, id = Nr."),
        ("text,PROBLEM", SOLVE, "problem = PROBLEM"),
        ("Number,id,prompt", SOLVE, "problem = prompt, id = id"),
        ("question,Pupil’s answer,Solution", GRADE, "problem = question, response = Pupil’s answer, expected = Solution"),
        ("question,student_answer,answer", GRADE, "problem = question, response = student_answer, expected = answer"),
        ("question,response", GRADE, "problem = question, response = response"),
        ("question,gold", LABELED, "problem = question, answer = gold"),
        ("question,solution,answer", LABELED, "problem = question, answer = answer"),
        ("question,Seed,TEMPERATURE,other", SOLVE, "problem = question, seed = Seed, temperature = TEMPERATURE"),
    ],
)  # fmt: skip
def test_columns_are_guessed_from_usual_names(header: str, roles: Sequence[Role], used: str, written: Written) -> None:
    path = written("a.csv", f"{header}\n{','.join('1' * (header.count(',') + 1))}\n")
    assert read(path, roles)[1] == f"Columns: {used}"


def test_an_option_names_the_column_exactly_or_nearly(written: Written) -> None:
    path = written("a.csv", "Question,Aufgabe,aufgabe\nx,y,z\n")
    assert read(path, chosen={"problem": "aufgabe"}) == ([(2, {"problem": "z"})], "Columns: problem = aufgabe")
    assert read(path, chosen={"problem": "question", "id": "Aufgabe"})[0] == [(2, {"problem": "x", "id": "y"})]


def test_an_option_renames_a_field_of_json(written: Written) -> None:
    path = written(
        "a.jsonl", '{"text": "x", "problem": "old", "question": "old", "n": 1}\n{"question": "y"}\n{bad\n[1]\n'
    )
    with open_table(path, SOLVE, chosen={"problem": "text", "id": "n"}) as table:
        assert table.columns == "Columns: problem = text, id = n"
        rows = [line for _, line in table.rows()]
        assert [json.loads(row) for row in rows[:2]] == [{"text": "x", "n": 1, "problem": "x", "id": 1}, {}]
        assert rows[2:] == [b"{bad", b"[1]"]


@pytest.mark.parametrize(
    ("content", "roles", "chosen", "reason"),
    [
        ("Aufgabe,Nr\nx,1\n", SOLVE, {}, "{} has no column with a usual name for the problem. Its columns: 'Aufgabe', "
         "'Nr'. Name the right one with --problem-column. The first row must hold the names of the columns."),
        ("question,text\nx,y\n", SOLVE, {}, "{} has more than one column for the problem: 'question', 'text'. Name the "
         "right one with --problem-column."),
        ("problem,problem\nx,y\n", SOLVE, {}, "{} has more than one column for the problem: 'problem', 'problem'. Name "
         "the right one with --problem-column."),
        ("question,answer\nx,1\n", GRADE, {}, "{} has no column with a usual name for the response. Its columns: "
         "'question', 'answer'. Name the right one with --response-column. The first row must hold the names of the "
         "columns."),
        ("question,response,gold,solution\nx,1,2,3\n", GRADE, {}, "{} has more than one column for the expected: "
         "'gold', 'solution'. Name the right one with --expected-column."),
        ("Question,Nr\nx,1\n", SOLVE, {"problem": "Qestion"}, "--problem-column: {} has no column 'Qestion'; did you "
         "mean 'Question'? Its columns: 'Question', 'Nr'."),
        ("Question,Nr\nx,1\n", SOLVE, {"id": "Datum"}, "--id-column: {} has no column 'Datum'. Its columns: 'Question', "
         "'Nr'."),
        ("a,a\nx,y\n", SOLVE, {"problem": "a"}, "--problem-column: {} has 2 columns 'a'. Rename all but one of them."),
        ("question\n", SOLVE, {}, "{} has no rows."),
        ("question,\n\n,\n", SOLVE, {}, "{} has no rows."),
        ("", SOLVE, {}, "{} is empty."),
        ("\n\n", SOLVE, {}, "{} is empty."),
        ("question,id\nx,1\ny,2,z\n", SOLVE, {}, "{}, row 3: 3 cells, but 2 columns. Write a cell that contains ',' in "
         "double quotes."),
        ('question,id\nx,1\n"y,2\n', SOLVE, {}, "{}, row 3: not valid CSV (unexpected end of data). End each quoted cell "
         "with a double quote, and write a double quote in it twice."),
        (b"question,id\nx,1\nna\xefve,2\n", SOLVE, {}, "{}, line 3: not encoded in UTF-8. Save the file as CSV in UTF-8."),
        ("\ufeffquestion".encode("utf-16-le"), SOLVE, {}, "{} is encoded in UTF-16; save it in UTF-8."),
        (b"PK\x03\x04...", SOLVE, {}, "{} is a workbook of a spreadsheet program; save it as CSV in UTF-8."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_csv_file_is_told(
    content: str | bytes, roles: Sequence[Role], chosen: dict[str, str], reason: str, written: Written
) -> None:
    path = written("a.csv", content)
    with pytest.raises(ConfigurationError) as error:
        read(path, roles, chosen)
    assert str(error.value) == reason.replace("{}", str(path))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl", "\n\n", "{} has no rows."),
        ("a.json", "[]", "{} has no rows."),
        ("a.json", '[{"question": "x"}', "{} starts with [ but is not a valid JSON array: Expecting ',' delimiter: line "
         "1 column 19 (char 18). Write an array of objects, or JSON Lines with one object on each line."),
        ("a.jsonl", '{"a": 1}\n{"a":\n', "{}, line 2: the line is not valid JSON: Expecting value at column 6"),
        ("a.json", '[{"a": 1}, 2]', "{}, item 2: the item is not a JSON object."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_json_file_is_told(name: str, content: str, reason: str, written: Written) -> None:
    path = written(name, content)
    with pytest.raises(ConfigurationError) as error:
        read(path)
    assert str(error.value) == reason.replace("{}", str(path))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"a\.csv cannot be read: No such file or directory\.$"):
        read(tmp_path / "a.csv")


def test_a_pipe_and_standard_input_are_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"question;id\nx, y;1\n"
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[content])
    writer.start()
    with open_table(tmp_path / "pipe", SOLVE, chosen={}) as table:
        assert list(objects(table)) == list(objects(table)) == [(2, {"problem": "x, y", "id": "1"})]
    writer.join()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert read(STANDARD_INPUT)[0] == [(2, {"problem": "x, y", "id": "1"})]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(ConfigurationError, match=r"^standard input is empty\.$"):
        read(STANDARD_INPUT)


def test_a_long_line_of_json_is_cut_and_a_long_cell_is_not(written: Written) -> None:
    path = written("a.jsonl", f'{{"question": "{"x" * 5000}"}}\n{{"question": "y"}}\n')
    with open_table(path, SOLVE, chosen={}, max_line_bytes=100) as table:
        assert [(number, len(line)) for number, line in table.rows()] == [(1, 101), (2, 17)]
    assert read(written("a.csv", f"question,note\nx,{'n' * 1_000_000}\n"))[0] == [(2, {"problem": "x"})]


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["", "a\r\nb", '"', ",", ";", "\r", "7"]
)
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=5))


@settings(max_examples=50)
@given(TABLES, st.sampled_from([CsvStyle(), CsvStyle(";", True, "\r\n"), CsvStyle("\t")]))
def test_every_table_of_strings_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], style: CsvStyle
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    header = ["question", "id", *(f"c{n}" for n in range(len(rows[0]) if rows else 0))]
    rows = [[f"{n}?", str(n), *row] for n, row in enumerate(rows)]
    with path.open("w", encoding="utf-8-sig" if style.has_bom else "utf-8", newline="") as file:
        csv.writer(file, delimiter=style.delimiter).writerows([header, *rows])
    if not rows:
        with pytest.raises(ConfigurationError, match="has no rows"):
            read(path)
        return
    with open_table(path, SOLVE, chosen={}) as table:
        assert table.style == CsvStyle(style.delimiter, style.has_bom, "\r\n")
        assert table.header() == header
        assert [cells for _, cells in table.cells()] == rows
        assert [row for _, row in objects(table)] == [{"problem": row[0], "id": row[1]} for row in rows]


@given(st.binary(max_size=60), st.sampled_from(["any.csv", "any.tsv", "any.jsonl", "any.json", "any"]))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    try:
        with open_table(path, SOLVE, chosen={}) as table:
            width = len(table.header())
            assert table.count == len(list(table.rows())) > 0
            assert all(len(cells) == width for _, cells in table.cells())
    except ConfigurationError as error:
        assert str(error).startswith(str(path))  # noqa: PT017 - a file that is read has nothing to compare


def test_names_of_columns_reach_no_terminal_with_escape_sequences(written: Callable[[str, str | bytes], Path]) -> None:
    path = written("a.csv", "qu\x1b]0;x\x07estion,answer\nWhy?,1\n")
    assert read(path, LABELED, {"problem": "qu\x1b]0;x\x07estion"})[1] == (
        "Columns: problem = qu\ufffd]0;x\ufffdestion, answer = answer"
    )


def test_the_results_of_solve_are_no_answer_key(written: Callable[[str, str | bytes], Path]) -> None:
    path = written("a.csv", "question,answer,verdict,confidence\nWhy?,1,torn,0.5\n")
    with pytest.raises(ConfigurationError, match=r"no column with a usual name for the answer\. .*--answer-column"):
        read(path, LABELED)
    assert read(path, LABELED, {"answer": "answer"})[0] == [(2, {"problem": "Why?", "answer": "1"})]
