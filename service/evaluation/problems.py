"""Problems with gold answers, and their file."""

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from service.errors import ConfigurationError, InputError, json_reason
from service.paths.answer import Answer, parse_answer
from service.paths.equality import matches, parse_gold
from service.schemas import SolveRequest

GOLD_FORMS = "Write each `answer` as one number, a time, yes, no or an option letter."
"""Advice for gold answers that cannot be read."""
_CACHE_SIZE = 4096


@dataclass(frozen=True, slots=True)
class LabeledProblem:
    """A problem with its gold answer.

    Args:
        id: id of the row.
        text: the word problem.
        answer: gold answer.
        line: line number in the file, counted from 1. 0 for a problem of no file.
    """

    id: str
    text: str
    answer: str
    line: int = field(default=0, compare=False)

    @property
    def is_readable(self) -> bool:
        """Whether an answer can match the gold answer."""
        return parse_gold(self.answer) is not None


def read_problems(path: Path, limit: int | None = None) -> list[LabeledProblem]:
    """Read JSON Lines of `id`, `question` and `answer`. Other fields are ignored.

    Args:
        path: the file.
        limit: maximum number of problems.

    Raises:
        ConfigurationError: a row is invalid, the file is empty, or no gold answer can be read.
    """
    problems: list[LabeledProblem] = []
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            if limit is not None and len(problems) == limit:
                break
            try:
                problems.append(_read_problem(line, number))
            except InputError as error:
                raise ConfigurationError(f"{path}, line {number}: {error}") from None
    if not problems:
        raise ConfigurationError(f"{path} is empty; each line must be a JSON object with id, question and answer.")
    if not any(problem.is_readable for problem in problems):
        raise ConfigurationError(f"{path}: no `answer` can be read, such as {problems[0].answer!r}. {GOLD_FORMS}")
    return problems


def _read_problem(line: str, number: int) -> LabeledProblem:
    try:
        row = json.loads(line.rstrip("\r\n"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"the line is not valid JSON: {json_reason(error)}", "line") from None
    if not isinstance(row, dict):
        raise InputError("the line is not a JSON object.", "line")
    missing = [name for name in ("id", "question", "answer") if name not in row]
    if missing:
        raise InputError(f"`{missing[0]}` is missing; a row needs id, question and answer.", missing[0])
    try:
        text = SolveRequest.checked(problem=row["question"]).problem
    except InputError as error:
        raise InputError(f"`question` is invalid: {error}", "question") from None
    return LabeledProblem(str(row["id"]), text, str(row["answer"]), number)


@lru_cache(maxsize=_CACHE_SIZE)
def is_right(answer: str | None, gold: str) -> bool:
    """Whether an answer in wire format matches a gold answer."""
    parsed = read_wire(answer)
    return parsed is not None and matches(parsed, gold)


@lru_cache(maxsize=_CACHE_SIZE)
def read_wire(answer: str | None) -> Answer | None:
    """Answer from its wire format, or None. The paths of a problem repeat few answers."""
    return parse_answer(answer) if answer is not None else None
