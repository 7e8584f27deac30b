"""Every example, against the demo."""

import ast
import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.examples.test_settings_files import FILES
from tests.support.documents import ROOT
from tests.support.scripts import at, node, ran

pytestmark = pytest.mark.e2e

EXAMPLES = ROOT / "examples"
TESTED = {"class.csv", "grade_csv.py", "langchain_chat.py", "notebook.ipynb", "solve.mjs"}
TESTED_WITH_THE_TRAINING = {"own_data.jsonl", "own_rationales.jsonl"}


def test_every_example_is_tested_and_listed() -> None:
    files = TESTED | TESTED_WITH_THE_TRAINING | {path.name for path in FILES}
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == files | {"README.md"}
    assert set(re.findall(r"^\| \[(.*?)\]\(\1\)", (EXAMPLES / "README.md").read_text(), re.MULTILINE)) == files


def test_grade_csv(url: str, tmp_path: Path) -> None:
    output = tmp_path / "grades.csv"
    command = [sys.executable, EXAMPLES / "grade_csv.py", EXAMPLES / "class.csv", output, "--url", url, "--seed", "7"]
    assert ran(command) == "8 responses: 5 correct, 2 incorrect, 1 undecided\n"
    with (EXAMPLES / "class.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with output.open(newline="") as file:
        graded = list(csv.DictReader(file))
    assert [{name: row[name] for name in rows[0]} for row in graded] == rows
    assert [tuple(row[f"twinpath_{name}"] for name in ("verdict", "answer", "given", "note")) for row in graded] == [
        ("correct", "24", "24", ""),
        ("incorrect", "24", "26", "should be 24: 92 - 68 = 26"),
        ("correct", "36", "36", ""),
        ("correct", "31", "31", ""),
        ("incorrect", "29", "39", "should be 29: 50 - 21 = 39"),
        ("undecided", "192", "", "No answer was read from the response: no number."),
        ("correct", "5", "5", ""),
        ("correct", "210", "210", ""),
    ]


def test_grade_csv_with_expected_answers_and_a_wrong_row(url: str, tmp_path: Path) -> None:
    path = tmp_path / "class.csv"
    path.write_text("problem,response,expected\nHow many?,a dozen,12\n,12,12\nHow many?,,7\n")
    command = [sys.executable, EXAMPLES / "grade_csv.py", path, tmp_path / "out.csv", "--url", url]
    assert ran(command) == "3 responses: 1 correct, 1 error, 1 undecided\n"


def test_notebook(url: str) -> None:
    scope: dict[str, Any] = {}
    cells = json.loads((EXAMPLES / "notebook.ipynb").read_text())["cells"]
    shown = [executed(at(url, "".join(cell["source"])), scope) for cell in cells if cell["cell_type"] == "code"]
    _, solution, grade, table, _ = shown
    assert (solution.answer, solution.verdict, grade.verdict) == ("31", "agreed", "incorrect")
    assert "<b>31</b>" in solution._repr_html_()
    assert "4 * 8 = 36 <b>should be 32</b>" in grade._repr_html_()
    assert list(table["answer"]) == ["5", "192", "210"]
    assert "<td>210</td>" in table._repr_html_()


def executed(source: str, scope: dict[str, Any]) -> Any:
    """Value of the last line of a cell, as a notebook shows it."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), scope)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), scope) if isinstance(last, ast.Expr) else None


def test_langchain(url: str) -> None:
    written = ran([sys.executable, EXAMPLES / "langchain_chat.py", url]).splitlines()
    assert written[0] == "The best explanation of the voted answer:"
    assert written[1].endswith("The answer is 192")
    assert written[3:] == [written[1]]


def test_javascript(url: str) -> None:
    written = ran([node(), EXAMPLES / "solve.mjs", url]).splitlines()
    assert written[0] == written[-1] == "agreed: 36"
    assert written[1].endswith("The answer is 36") or "36 * 12 = 432" in written[1]
    assert len(written) > 3
    assert all(re.fullmatch(r"\d+: \d+(  \d+: \d+)*", line) for line in written[2:-1])
