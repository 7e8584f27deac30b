"""File of problems with their answers, and the lines about it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.cli.columns import ANSWER, ID, PROBLEM
from service.cli.table import open_table
from service.evaluation.problems import GOLD_FORMS, LabeledProblem, labeled_problems
from service.json_lines import json_objects

_SHOWN_LINES = 5


@dataclass(frozen=True, slots=True)
class ProblemFile:
    """Problems of a file.

    Args:
        problems: the problems, up to a limit.
        rows: number of rows of the file.
    """

    problems: tuple[LabeledProblem, ...]
    rows: int

    @property
    def readable(self) -> list[LabeledProblem]:
        """Problems whose gold answer can be read."""
        return [problem for problem in self.problems if problem.is_readable]

    @property
    def unread(self) -> list[LabeledProblem]:
        """All other problems."""
        return [problem for problem in self.problems if not problem.is_readable]


def read_problem_file(
    path: Path, *, columns: Mapping[str, str | None], limit: int | None, say: Callable[[str, str], None]
) -> ProblemFile:
    """Read a table of rows with a problem, its answer and an id.

    Args:
        path: the table, or `STANDARD_INPUT`.
        columns: column names from options, by "problem", "id" and "answer".
        limit: maximum number of problems.
        say: prints a line in a style: the columns in use, and gold answers that cannot be read.

    Raises:
        ConfigurationError: the file or a row of it is invalid, or no gold answer can be read.
    """
    with open_table(path, (PROBLEM, ID, ANSWER), chosen=columns) as table:
        if table.columns:
            say(table.columns, "")
        rows = json_objects(table.rows(), table.place, table.unit)
        numbered = ((n, row if table.style is None else {"id": n} | row) for n, row in rows)
        problems = labeled_problems(numbered, table.place, unit=table.unit, limit=limit)
        found = ProblemFile(tuple(problems), table.count)
        if found.unread:
            say(_unread_golds(found.unread, table.unit), "yellow")
    return found


def _unread_golds(problems: Sequence[LabeledProblem], unit: str) -> str:
    shown = ", ".join(f"{problem.line} ({problem.answer!r})" for problem in problems[:_SHOWN_LINES])
    more = ", …" if len(problems) > _SHOWN_LINES else ""
    rows = f"{len(problems)} rows are" if len(problems) > 1 else "1 row is"
    return f"{rows} left out, because no answer can be read: {unit} {shown}{more}. {GOLD_FORMS}"
