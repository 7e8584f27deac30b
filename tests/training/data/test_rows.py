"""Files of problems, rationales and examples: odd rows."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import ConfigurationError
from service.types import PathKind
from training.data.problem import Problem, Rationale, read_examples, read_problems, read_rationales, read_rows

PROBLEM = {"id": "a", "question": "Why?", "answer": "5"}
RATIONALE = {"id": "a", "kind": "cot", "teacher": "t", "text": "The answer is 5"}
DEEP = "[" * 100_000


def written(directory: Path, content: str | bytes) -> Path:
    path = directory / "rows.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_marks_line_ends_and_blank_lines_of_any_machine_are_read(tmp_path: Path) -> None:
    line = json.dumps(PROBLEM)
    path = written(tmp_path, f"\ufeff\r\n{line}\r\n\r\n  \t\n{line}")
    assert read_problems(path) == [Problem("a", "Why?", "5")] * 2
    assert list(read_rows(path)) == [PROBLEM] * 2


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"id": 7}, Problem("7", "Why?", "5")),
        ({"answer": 5}, Problem("a", "Why?", "5")),
        ({"answer": 5.5}, Problem("a", "Why?", "5.5")),
        ({"answer": True}, Problem("a", "Why?", "True")),
    ],
)
def test_numbers_and_truths_become_text(fields: dict[str, object], problem: Problem, tmp_path: Path) -> None:
    assert read_problems(written(tmp_path, json.dumps(PROBLEM | fields))) == [problem]


def test_further_columns_are_kept(tmp_path: Path) -> None:
    extra = {"equation": None, "extra": 1, "model_config": [2], "copy": {"x": 3}}
    (problem,) = read_problems(written(tmp_path, json.dumps(PROBLEM | extra)))
    assert problem.extra == extra
    (rationale,) = read_rationales(written(tmp_path, json.dumps(RATIONALE | {"tokens": 9})))
    assert rationale == Rationale("a", PathKind.COT, "t", "The answer is 5")
    assert rationale.extra == {"tokens": 9}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "the line is not valid JSON: EOF while parsing an object at column 1"),
        (DEEP, "the line is not valid JSON: recursion limit exceeded at column 202"),
        ('"id question answer"', "the line must be an object"),
        ("[1]", "the line must be an object"),
        ("{}", "`id` is missing; `question` is missing; `answer` is missing"),
        (json.dumps(PROBLEM | {"answer": None}), "`answer` must be a text"),
        (json.dumps(PROBLEM | {"answer": ["5"]}), "`answer` must be a text"),
        (json.dumps(PROBLEM | {"question": None}), "`question` must be a text"),
        ('{"id": "\\ud83d"}', "the line is not valid JSON: unexpected end of hex escape at column 15"),
        ('{"answer": ' + "1" * 5000 + "}", "the line is not valid JSON: number out of range at column 4313"),
        (b'{"id": "\xe9"}', "the line is not valid JSON: invalid unicode code point at column 9"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_refused_by_its_number(line: str | bytes, reason: str, tmp_path: Path) -> None:
    content = line if isinstance(line, bytes) else line.encode()
    path = written(tmp_path, json.dumps(PROBLEM).encode() + b"\n\n" + content)
    with pytest.raises(ConfigurationError) as raised:
        read_problems(path)
    assert str(raised.value) == f"{path}, line 3: {reason}"


@pytest.mark.parametrize("kind", ["thought", None, 1, ["cot"]])
def test_an_unknown_kind_is_refused(kind: object, tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps(RATIONALE | {"kind": kind}))
    with pytest.raises(ConfigurationError) as raised:
        read_rationales(path)
    assert str(raised.value) == f"{path}, line 1: `kind` must be `cot` or `pot`"


def test_an_example_needs_all_its_columns(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps(RATIONALE | {"question": "Why?", "source": "s", "weight": "heavy"}))
    with pytest.raises(ConfigurationError, match=r"line 1: `weight` must be a number$"):
        read_examples(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"the file .*/none\.jsonl does not exist; relative paths start at"):
        read_problems(tmp_path / "none.jsonl")
    with pytest.raises(ConfigurationError, match=r"the file .* cannot be read: Is a directory"):
        read_problems(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    for read in (read_problems, read_rationales, read_examples, lambda path: list(read_rows(path))):
        with suppress(ConfigurationError):
            read(written(tmp_path, content))
