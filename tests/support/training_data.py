"""Problems, rationales and examples for the tests of training."""

from pathlib import Path

from service.types import PathKind
from training.data.problem import Example, Problem, Rationale, write_rows
from training.rehearsal import script


def problems(count: int) -> list[Problem]:
    """Scripted problems."""
    return [Problem(f"scripted/{i}", question, answer) for i, (question, answer) in enumerate(script.problems(count))]


def rationales(count: int) -> list[Rationale]:
    """A rationale of each kind for each problem."""
    return [
        Rationale(problem.id, kind, "script", script.rationale(kind, problem.question))
        for problem in problems(count)
        for kind in PathKind
    ]


def examples(count: int) -> list[Example]:
    """Training examples of these rationales, from the source `tiny`."""
    questions = {problem.id: problem.question for problem in problems(count)}
    return [Example(r.id, r.kind, questions[r.id], r.text, "tiny") for r in rationales(count)]


def write_problems(path: Path, count: int) -> Path:
    """Write a file of problems."""
    write_rows(path, (problem.row() for problem in problems(count)))
    return path


def write_rationales(path: Path, count: int) -> Path:
    """Write a file of rationales."""
    write_rows(path, (rationale.row() for rationale in rationales(count)))
    return path
