"""Tiny yes/no problems, their rationales and their training examples."""

from collections.abc import Collection, Sequence
from pathlib import Path

from service.types import PathKind
from training.data.problem import Example, Problem, Rationale, write_rows

KINDS = tuple(PathKind)


def problems(count: int) -> list[Problem]:
    """Questions in which yes and no alternate."""
    return [
        Problem(
            f"yes-no/{i}",
            f"Ann has {i + 12} pens and needs {_needed(i)}. Does she have enough?",
            "no" if i % 2 else "yes",
        )
        for i in range(count)
    ]


def rationales(count: int, kinds: Collection[PathKind] = KINDS) -> list[Rationale]:
    """One rationale of each kind per problem. A program leaves a boolean or a word."""
    found = []
    for i, problem in enumerate(problems(count)):
        sign = "<" if i % 2 else ">="
        cot = f"She has {i + 12} pens, and {i + 12} {sign} {_needed(i)}. The answer is {problem.answer}"
        enough = "pens >= needed" if i % 3 else '"yes" if pens >= needed else "no"'
        pot = f"pens = {i + 12}\nneeded = {_needed(i)}\nans = {enough}"
        texts = {PathKind.COT: cot, PathKind.POT: pot}
        found += [Rationale(problem.id, kind, "script", texts[kind]) for kind in PathKind if kind in kinds]
    return found


def examples(count: int, kinds: Collection[PathKind] = KINDS) -> list[Example]:
    """Training examples of the rationales."""
    questions = {problem.id: problem.question for problem in problems(count)}
    return [Example(r.id, r.kind, questions[r.id], r.text, "tiny") for r in rationales(count, kinds)]


def write(directory: Path, count: int, kinds: Collection[PathKind] = KINDS) -> None:
    """Write `problems.jsonl` and `rationales.jsonl`."""
    _write(directory / "problems.jsonl", problems(count))
    _write(directory / "rationales.jsonl", rationales(count, kinds))


def _write(path: Path, rows: Sequence[Problem | Rationale]) -> None:
    write_rows(path, (row.row() for row in rows))


def _needed(i: int) -> int:
    return i + 15 if i % 2 else i + 7
