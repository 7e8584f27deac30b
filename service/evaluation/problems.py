"""Problems with gold answers, and their file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path

from service.errors import ConfigurationError, InputError
from service.json_lines import file_lines, json_objects
from service.paths.answer import Answer, parse_answer
from service.paths.equality import matches, parse_gold
from service.schemas import SolveRequest

GOLD_FORMS = "Write each right answer as one number, a time, yes, no or an option letter."
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
    """Read JSON Lines of `id`, `question` and `answer`. Other fields and blank lines are ignored.

    Args:
        path: the file.
        limit: maximum number of problems.

    Raises:
        ConfigurationError: a row is invalid, the file is empty, or no gold answer can be read.
    """
    return labeled_problems(json_objects(file_lines(path), str(path)), str(path), limit=limit)


def labeled_problems(
    rows: Iterable[tuple[int, Mapping[str, object]]], place: str, *, unit: str = "line", limit: int | None = None
) -> list[LabeledProblem]:
    """Problems of the rows of a file.

    Args:
        rows: number and fields of each row: `id`, `question` (or `problem`) and `answer`.
        place: name of the file.
        unit: name of a row in messages.
        limit: maximum number of problems.

    Raises:
        ConfigurationError: a row is invalid, the file is empty, or no gold answer can be read.
    """
    problems: list[LabeledProblem] = []
    for number, row in islice(rows, limit):
        try:
            problems.append(_labeled_problem(row, number))
        except InputError as error:
            raise ConfigurationError(f"{place}, {unit} {number}: {error}") from None
    if not problems:
        raise ConfigurationError(f"{place} is empty; each line must be a JSON object with id, question and answer.")
    if not any(problem.is_readable for problem in problems):
        raise ConfigurationError(f"{place}: no right answer can be read, such as {problems[0].answer!r}. {GOLD_FORMS}")
    return problems


def _labeled_problem(row: Mapping[str, object], number: int) -> LabeledProblem:
    name = "problem" if "problem" in row and "question" not in row else "question"
    missing = [field for field in ("id", name, "answer") if field not in row]
    if missing:
        raise InputError(f"`{missing[0]}` is missing; a row needs id, question and answer.", missing[0])
    try:
        text = SolveRequest.checked(problem=row[name]).problem
    except InputError as error:
        raise InputError(f"`{name}` is invalid: {error}", name) from None
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
