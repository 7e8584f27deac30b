"""Arguments of `twinpath solve` and `twinpath grade` over files."""

import csv
import io
import json
from pathlib import Path

import pytest

from service.solve.problem import path_seed
from tests.cli.conftest import Run
from tests.support.engines import lines


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["solve", "Why?", "--output", "x.csv"], "--output goes with --input"),
        (["solve", "Why?", "--id-column", "nr"], "--id-column goes with --input"),
        (["grade", "Why?", "7", "--expected-column", "key"], "--expected-column goes with --input"),
        (["grade", "Why?"], "give a problem and a response, or --input"),
        (["solve", "Why?", "--input", "-"], "give the texts as arguments, or --input"),
        (["grade", "Why?", "7", "--input", "-"], "give the texts as arguments, or --input"),
        (["grade", "--input", "-", "--expected", "7"], "--expected goes with a problem"),
        (["solve", "--input", "-", "--json"], "--json does not go with --input"),
        (["solve", "--input", "x.csv", "--output", "./x.csv"], "--output must be another file than --input"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], said: str, twinpath: Run) -> None:
    code, out, err = twinpath(*arguments)
    assert (code, out) == (2, "")
    assert said in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize("command", ["solve", "grade"])
def test_a_loop_of_links_is_told_in_one_line(command: str, twinpath: Run, tmp_path: Path) -> None:
    loop = tmp_path / "loop.jsonl"
    loop.symlink_to(loop)
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"problem": "2 + 2?", "response": "4", "expected": 4}\n')
    refused = f"twinpath: {loop} cannot be read: Too many levels of symbolic links.\n"
    assert twinpath(command, "--input", loop, "--output", tmp_path / "out.jsonl") == (2, "", refused)
    code, out, err = twinpath(command, "--input", rows, "--output", loop)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "Too many levels of symbolic links" in err


@pytest.mark.parametrize("command", ["solve", "grade"])
def test_a_missing_file_is_told_in_one_line(command: str, twinpath: Run) -> None:
    assert twinpath(command, "--input", "/nowhere.csv") == (
        2, "", "twinpath: /nowhere.csv cannot be read: No such file or directory.\n",
    )  # fmt: skip


def test_standard_input_is_graded_to_standard_output(twinpath: Run) -> None:
    content = b"Question;Given;Solution\r\n2 pens?;6;6.0\r\n3 pens?;6;9\r\n"
    code, out, err = twinpath("grade", "--input", "-", stdin=content)
    assert code == 0
    assert [row[2:7] for row in csv.reader(io.StringIO(out, newline=""), delimiter=";")] == [
        ["Solution", "verdict", "answer", "twinpath_given", "basis"],
        ["6.0", "correct", "6", "6", "expected"],
        ["9", "incorrect", "9", "6", "expected"],
    ]
    assert err.startswith("Columns: problem = Question, response = Given, expected = Solution\n")


def test_flags_and_column_options_reach_the_rows(twinpath: Run, tmp_path: Path) -> None:
    source = lines(tmp_path / "in.csv", "Aufgabe,Kennung", "He had 9 pens and lost 4.,a")
    output = tmp_path / "out.jsonl"
    flags = ["--cot", 1, "--pot", 2, "--policy", "fixed", "--seed", 5, "--engine", "fake", "--max-tokens", 40]
    columns = ["--problem-column", "Aufgabe", "--id-column", "kennung"]
    assert twinpath("solve", "--input", source, "--output", output, *flags, *columns)[0] == 0
    row = json.loads(output.read_text())
    assert (row["id"], row["line"], row["solution"]["seed"]) == ("a", 2, path_seed(5, 1))
    assert row["solution"]["paths"]["planned"] == 3
