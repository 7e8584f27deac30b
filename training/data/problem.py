"""Problems, rationales and training examples as JSON Lines, one object per line."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from service.errors import ConfigurationError
from service.faults import fault_texts
from service.json_lines import file_lines
from service.types import PathKind


@dataclass(frozen=True, slots=True)
class Problem:
    """Question and gold answer.

    Args:
        id: identifier, unique over all sources.
        question: the word problem.
        answer: gold answer as text.
        extra: further columns of the source, such as `equation` or `solution`.
    """

    id: str
    question: str
    answer: str
    extra: dict[str, Any] = field(default_factory=dict, compare=False)

    def row(self) -> dict[str, Any]:
        """JSON object of this problem."""
        return {"id": self.id, "question": self.question, "answer": self.answer, **self.extra}


@dataclass(frozen=True, slots=True)
class Rationale:
    """Text of one kind that leads to the answer of a problem.

    Args:
        id: identifier of the problem.
        kind: CoT or PoT.
        teacher: author of the text.
        text: the rationale.
        extra: further columns of the source.
    """

    id: str
    kind: PathKind
    teacher: str
    text: str
    extra: dict[str, Any] = field(default_factory=dict, compare=False)

    def row(self) -> dict[str, Any]:
        """JSON object of this rationale."""
        return {"id": self.id, "kind": self.kind.value, "teacher": self.teacher, "text": self.text, **self.extra}


@dataclass(frozen=True, slots=True)
class Example:
    """Training example: one rationale with its question.

    Args:
        id: identifier of the problem.
        kind: CoT or PoT.
        question: the word problem.
        text: the rationale.
        source: name of the source in the recipe.
        weight: factor on the example's tokens within their task's mean.
    """

    id: str
    kind: PathKind
    question: str
    text: str
    source: str = ""
    weight: float = 1.0


class _Row(BaseModel):
    """JSON object of a file. Further columns are kept, and numbers become text where a column is text."""

    model_config = ConfigDict(frozen=True, extra="allow", coerce_numbers_to_str=True)

    @property
    def extra(self) -> dict[str, Any]:
        return self.model_extra or {}


class _ProblemRow(_Row):
    id: str
    question: str
    answer: Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, bool) else value)]


class _RationaleRow(_Row):
    id: str
    kind: PathKind
    teacher: str
    text: str


class _ExampleRow(_Row):
    id: str
    kind: PathKind
    question: str
    text: str
    source: str
    weight: float


_SomeRow = TypeVar("_SomeRow", bound=_Row)


def read_problems(path: Path) -> list[Problem]:
    """Read a file of problems.

    Raises:
        ConfigurationError: the file cannot be read or a line is invalid. The message names file and line.
    """
    return [Problem(row.id, row.question, row.answer, row.extra) for row in _rows(path, _ProblemRow)]


def read_rationales(path: Path) -> list[Rationale]:
    """Read a file of rationales.

    Raises:
        ConfigurationError: the file cannot be read or a line is invalid. The message names file and line.
    """
    return [Rationale(row.id, row.kind, row.teacher, row.text, row.extra) for row in _rows(path, _RationaleRow)]


def read_examples(path: Path) -> list[Example]:
    """Read a file of training examples.

    Raises:
        ConfigurationError: the file cannot be read or a line is invalid. The message names file and line.
    """
    return [
        Example(row.id, row.kind, row.question, row.text, row.source, row.weight) for row in _rows(path, _ExampleRow)
    ]


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Write a file of training examples."""
    write_rows(path, map(asdict, examples))


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Read the JSON objects of a file. A byte order mark and blank lines are skipped.

    Raises:
        ConfigurationError: the file cannot be read or a line is not a JSON object. The message names file and line.
    """
    return (row.extra for row in _rows(path, _Row))


def _rows(path: Path, kind: type[_SomeRow]) -> Iterator[_SomeRow]:
    try:
        for number, line in file_lines(path):
            yield _row(line, kind, f"{path}, line {number}")
    except FileNotFoundError:
        raise ConfigurationError(
            f"the file {path} does not exist; relative paths start at the current directory"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"the file {path} cannot be read: {error.strerror}") from None


def _row(line: bytes, kind: type[_SomeRow], place: str) -> _SomeRow:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        wrong = "; ".join(fault_texts(error, kind, "the line")).replace(" at line 1 column ", " at column ")
        raise ConfigurationError(f"{place}: {wrong}") from None


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write JSON Lines. The same rows give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
