"""Problems, rationales and training examples as JSON Lines, one object per line."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from service.errors import ConfigurationError
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


def read_problems(path: Path) -> list[Problem]:
    """Read a file of problems.

    Raises:
        ConfigurationError: the file does not exist or a line is invalid. The message names file and line.
    """
    return [
        Problem(row.pop("id"), row.pop("question"), str(row.pop("answer")), row)
        for row in read_rows(path, ("id", "question", "answer"))
    ]


def read_rationales(path: Path) -> list[Rationale]:
    """Read a file of rationales.

    Raises:
        ConfigurationError: the file does not exist or a line is invalid. The message names file and line.
    """
    return [
        Rationale(row.pop("id"), PathKind(row.pop("kind")), row.pop("teacher"), row.pop("text"), row)
        for row in read_rows(path, ("id", "kind", "teacher", "text"))
    ]


def read_examples(path: Path) -> list[Example]:
    """Read a file of training examples.

    Raises:
        ConfigurationError: the file does not exist or a line is invalid. The message names file and line.
    """
    return [
        Example(row["id"], PathKind(row["kind"]), row["question"], row["text"], row["source"], row["weight"])
        for row in read_rows(path, ("id", "kind", "question", "text", "source", "weight"))
    ]


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Write a file of training examples."""
    write_rows(path, map(asdict, examples))


def read_rows(path: Path, required: Iterable[str] = ()) -> Iterator[dict[str, Any]]:
    """Read the JSON objects of a file. Empty lines are skipped.

    Args:
        path: JSON Lines file.
        required: fields that each object must have.

    Raises:
        ConfigurationError: the file does not exist, or a line is not JSON or lacks a field.
    """
    if not path.is_file():
        raise ConfigurationError(f"the file {path} does not exist; relative paths start at the current directory")
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ConfigurationError(f"{path}:{number}: not a JSON object: {error}") from error
            missing = [name for name in required if name not in row]
            if missing:
                raise ConfigurationError(f"{path}:{number}: missing {', '.join(missing)}")
            yield row


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write JSON Lines. The same rows give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
