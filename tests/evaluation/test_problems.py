"""Files of problems with gold answers, and errors of invalid files."""

import json
from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.evaluation.problems import LabeledProblem, is_right, labeled_problems, read_problems
from tests.support.engines import lines


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [("51", "51.0", True), ("1/2", "0.5", True), ("10/3", "3.33", True), ("yes", "yes", True), ("B", "B", True),
     ("50", "51", False), (None, "51", False), ("51", "no number", False)],
)  # fmt: skip
def test_is_right(answer: str | None, gold: str, right: bool) -> None:
    assert is_right(answer, gold) is right


def row(**fields: object) -> str:
    return json.dumps({"id": "1", "question": "Why?", "answer": "5"} | fields)


def test_problems_are_read_up_to_the_limit(tmp_path: Path) -> None:
    path = lines(tmp_path / "d.jsonl", row(), row(id=2, question=" How?\n", answer=7, more="ignored"), "{")
    assert read_problems(path, 2) == [LabeledProblem("1", "Why?", "5"), LabeledProblem("2", "How?", "7")]


def test_marks_windows_line_ends_and_blank_lines_are_read_over(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(b"\xef\xbb\xbf\r\n" + row().encode() + b"\r\n \r\n" + row(id=2).encode())
    problems = read_problems(path)
    assert [(problem.id, problem.line) for problem in problems] == [("1", 2), ("2", 4)]


def test_rows_of_a_table_may_name_the_question_problem() -> None:
    rows = [(2, {"id": 2, "problem": "Why?", "answer": "5"}), (3, {"id": 3, "problem": "How?", "answer": "Ann"})]
    problems = labeled_problems(rows, "class.csv", unit="row")
    assert problems == [LabeledProblem("2", "Why?", "5"), LabeledProblem("3", "How?", "Ann")]
    assert [(problem.line, problem.is_readable) for problem in problems] == [(2, True), (3, False)]
    with pytest.raises(ConfigurationError, match=r"^class\.csv, row 4: `problem` is invalid: `problem` must "):
        labeled_problems([(4, {"id": 4, "problem": " ", "answer": "5"})], "class.csv", unit="row")


def test_no_readable_gold_answer_is_an_error(tmp_path: Path) -> None:
    path = lines(tmp_path / "d.jsonl", row(answer="Ann"), row(answer="None"))
    with pytest.raises(ConfigurationError) as caught:
        read_problems(path)
    assert str(caught.value) == (
        f"{path}: no right answer can be read, such as 'Ann'. "
        "Write each right answer as one number, a time, yes, no or an option letter."
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "{",
            "the line is not valid JSON: Expecting property name enclosed in double quotes at column 2",
        ),
        ("[" * 100_000, "the line is not valid JSON: maximum recursion depth exceeded"),
        ("[]", "the line is not a JSON object."),
        ("5", "the line is not a JSON object."),
        ('{"id": "1", "question": "Why?"}', "`answer` is missing; a row needs id, question and answer."),
        ('{"id": "1", "answer": "5"}', "`question` is missing; a row needs id, question and answer."),
        ('{"question": "a", "answer": "5"}', "`id` is missing; a row needs id, question and answer."),
        (row(question=5), "`question` is invalid: `problem` must be a text that is not empty."),
        (row(question=" "), "`question` is invalid: `problem` must "),
        (row(question="\x00"), "`question` is invalid: `problem` must "),
        (row(question="\ud800"), "`question` is invalid: `problem` must "),
        (row(question=None), "`question` is invalid: `problem` must be a text that is not empty."),
    ],
)
def test_an_invalid_row_is_named_by_its_line(line: str, reason: str, tmp_path: Path) -> None:
    path = lines(tmp_path / "d.jsonl", row(), line)
    with pytest.raises(ConfigurationError) as raised:
        read_problems(path)
    assert str(raised.value).startswith(f"{path}, line 2: {reason}")
    assert "\n" not in str(raised.value)


def test_invalid_utf8_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(row().encode() + b'\n{"id": "1", "question": "\xff", "answer": "5"}\n')
    with pytest.raises(ConfigurationError, match=r", line 2: "):
        read_problems(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = lines(tmp_path / "d.jsonl")
    with pytest.raises(ConfigurationError) as raised:
        read_problems(path)
    assert str(raised.value) == f"{path} is empty; each line must be a JSON object with id, question and answer."
