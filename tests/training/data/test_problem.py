"""The project's own problems."""

from pathlib import Path

from service.paths.equality import matches
from service.types import PathKind
from training.data.contamination import mask_numbers
from training.data.filtered import FilterResult
from training.data.problem import read_problems, read_rationales
from training.data.verify import verify
from training.recipe import Filter
from training.stages.filter import filter_rationales

ROOT = Path(__file__).parents[3]


def test_the_written_problems_are_distinct_and_their_programs_right() -> None:
    files = {"written.jsonl": 300, "svamp-like.jsonl": 1793, "svamp-like-test.jsonl": 600}
    sets = [read_problems(ROOT / "data" / name) for name in files]
    assert [len(problems) for problems in sets] == [*files.values()]
    problems = [problem for problems in sets for problem in problems]
    assert len({mask_numbers(problem.question) for problem in problems}) == len(problems)
    verified = verify([(PathKind.POT, problem.extra["program"]) for problem in problems])
    for problem, found in zip(problems, verified, strict=True):
        assert found.answer is not None, problem.id
        assert matches(found.answer, problem.answer), problem.id


def test_the_filter_keeps_every_rationale_of_the_example() -> None:
    problems = read_problems(ROOT / "examples/own_data.jsonl")
    rationales = read_rationales(ROOT / "examples/own_rationales.jsonl")
    assert [problem.id for problem in problems] == [f"own/{number}" for number in range(1, 21)]
    assert {(r.id, r.kind) for r in rationales} == {(p.id, kind) for p in problems for kind in PathKind}
    assert len({mask_numbers(problem.question) for problem in problems}) == 20
    filtered = filter_rationales({p.id: p for p in problems}, (), rationales, Filter())
    assert {(kind, *counts.items()) for (_, kind), counts in filtered.report.items()} == {
        (kind, (FilterResult.KEPT, 20)) for kind in PathKind
    }
