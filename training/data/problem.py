"""Problems and rationales, as every stage reads and writes them: JSON Lines, one object a line.

A problem has `id`, `question` and `answer` (gold, as text); a rationale belongs to one problem and is a teacher's text
of one kind. Unknown columns of a source (`equation`, `solution`, `correct`, …) survive in `extra`, for stages that know
them.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.errors import ConfigurationError
from service.types import PathKind


@dataclass(frozen=True, slots=True)
class Problem:
    """A question and its gold answer. `id` is unique over all sources."""

    id: str
    question: str
    answer: str
    extra: dict[str, Any] = field(default_factory=dict, compare=False)

    def row(self) -> dict[str, Any]:
        """The JSON object of this problem."""
        return {"id": self.id, "question": self.question, "answer": self.answer, **self.extra}


@dataclass(frozen=True, slots=True)
class Rationale:
    """A text of one kind that leads to the answer of the problem `id`; `teacher` says whose."""

    id: str
    kind: PathKind
    teacher: str
    text: str
    extra: dict[str, Any] = field(default_factory=dict, compare=False)

    def row(self) -> dict[str, Any]:
        """The JSON object of this rationale."""
        return {"id": self.id, "kind": self.kind.value, "teacher": self.teacher, "text": self.text, **self.extra}


def read_problems(path: Path) -> list[Problem]:
    """All problems of a file; raises `ConfigurationError` naming file and line where one lacks a field."""
    return [
        Problem(row.pop("id"), row.pop("question"), str(row.pop("answer")), row)
        for row in read_rows(path, ("id", "question", "answer"))
    ]


def read_rationales(path: Path) -> list[Rationale]:
    """All rationales of a file; raises `ConfigurationError` naming file and line where one lacks a field."""
    return [
        Rationale(row.pop("id"), PathKind(row.pop("kind")), row.pop("teacher"), row.pop("text"), row)
        for row in read_rows(path, ("id", "kind", "teacher", "text"))
    ]


def read_rows(path: Path, required: Iterable[str] = ()) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file, each with the `required` fields."""
    if not path.is_file():
        raise ConfigurationError(f"there is no file {path}")
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
                raise ConfigurationError(f"{path}:{number}: lacks {', '.join(missing)}")
            yield row


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write JSON Lines; the same rows give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
