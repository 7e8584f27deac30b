"""The fixed order, and the state of a run as its paths end."""

import math
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import EngineError
from service.paths.answer import Answer
from service.solve import problem_run
from service.solve.calibration import Calibration
from service.solve.problem import PathResult
from service.solve.problem_run import ProblemRun, plan
from service.solve.stopping import decided
from service.solve.vote import Ballot, Tally, count
from service.types import PathKind, PathOutcome, Policy, Status
from tests.support.engines import problem

COT, POT = PathKind.COT, PathKind.POT


def voted(index: int, number: int, kind: PathKind | None = None) -> PathResult:
    kind = kind or (COT, POT)[index % 2]
    return PathResult(index, kind, PathOutcome.VOTED, answer=Answer(str(number), Fraction(number)))


def failed(index: int, outcome: PathOutcome) -> PathResult:
    return PathResult(index, (COT, POT)[index % 2], outcome)


def shown(run: ProblemRun) -> list[tuple[str, int, int]]:
    return [(tally.answer.text, tally.cot, tally.pot) for tally in run.votes]


@pytest.mark.parametrize(
    ("cot", "pot", "kinds"),
    [(2, 2, "cpcp"), (3, 1, "cpcc"), (1, 3, "cppp"), (0, 2, "pp"), (2, 0, "cc"), (1, 0, "c"), (0, 1, "p")],
)
def test_the_plan_alternates_and_ends_with_what_is_left(cot: int, pot: int, kinds: str) -> None:
    assert plan(cot, pot) == tuple({"c": COT, "p": POT}[kind] for kind in kinds)


def test_paths_are_counted_in_the_fixed_order_and_wait_for_those_before_them() -> None:
    run = ProblemRun(problem(), "id")
    run.record(voted(3, 1))
    run.record(voted(1, 2))
    assert shown(run) == []
    run.record(voted(0, 2))
    assert shown(run) == [("2", 1, 1)]
    assert not run.decided
    run.record(voted(2, 1))
    assert shown(run) == [("2", 1, 1), ("1", 1, 1)]
    assert run.decided


def test_counting_stops_where_the_vote_is_decided() -> None:
    run = ProblemRun(problem(cot=5, pot=5, policy=Policy.ADAPTIVE), "id")
    for index in (9, 8, 7, 6, 5, 4, 3, 2, 1):
        run.record(voted(index, 0 if index > 3 else 5))
    assert not run.decided
    run.record(voted(0, 5))
    assert run.decided
    assert shown(run) == [("5", 2, 2)]
    solution = run.solution("m")
    assert [path.counted for path in solution.paths] == [True] * 4 + [False] * 6
    assert (solution.status, solution.confidence) == (Status.ANSWERED, 31 / 32)


@given(
    st.lists(st.sampled_from([None, 1, 1, 1, 2, 3]), min_size=1, max_size=16),
    st.sampled_from(Policy),
    st.integers(0, 8),
    st.booleans(),
)
@settings(max_examples=300)
def test_the_vote_is_decided_at_the_first_path_that_decides_it(
    numbers: list[int | None], policy: Policy, pot: int, at_once: bool
) -> None:
    run = ProblemRun(problem(cot=max(1, len(numbers) - pot), pot=min(pot, len(numbers) - 1), policy=policy), "id")
    paths = [
        voted(index, number, kind) if number else replace(failed(index, PathOutcome.UNPARSED), kind=kind)
        for index, (number, kind) in enumerate(zip(numbers, run.kinds, strict=False))
    ]
    ballots: list[Ballot] = []
    first = 0
    while first < len(paths):
        first += 1
        ballots += [Ballot(path.index, path.kind, path.answer) for path in paths[first - 1 : first] if path.answer]
        if decided(Calibration().rule(policy), count(ballots), run.kinds[first:]):
            break
    for path in reversed(paths) if at_once else paths:
        run.record(path)
    assert run.decided
    assert run.votes == count(ballots)
    assert sum(tally.votes for tally in run.votes) == len(ballots)


@pytest.mark.parametrize(("policy", "most"), [(Policy.FIXED, 2), (Policy.LOSSLESS, 12), (Policy.ADAPTIVE, 48)])
def test_a_burst_of_paths_is_seldom_counted(policy: Policy, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []

    def counted(ballots: Iterable[Ballot]) -> tuple[Tally, ...]:
        given = list(ballots)
        counts.append(len(given))
        return count(given)

    monkeypatch.setattr(problem_run, "count", counted)
    run = ProblemRun(problem(cot=64, pot=64, policy=policy), "id")
    for index in range(128):
        run.record(voted(index, index))
    assert (run.decided, counts[-1], len(counts) <= most) == (True, 128, True)


_SHIFTED = Calibration(confidence_map=((0.0, 0.5), (1.0, 0.5)), all_numbers_shift=1.0, left_out_shift=-1.0)
_UP, _DOWN = 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(1))


@pytest.mark.parametrize(
    ("programs", "confidence", "left_out"),
    [
        ({}, 0.5, ()),
        ({1: "ans = 76 - 25"}, _UP, ()),
        ({1: "ans = 51"}, _DOWN, ("76", "25")),
        ({1: "ans = 76", 3: "ans = 25"}, _DOWN, ()),  # no number is left out by both
        ({1: "ans = 51", 3: "ans = 76 - 25"}, _UP, ()),
        ({1: "ans = 51", 5: "ans = 76 - 25"}, _DOWN, ("76", "25")),  # the last path votes for another answer
    ],
)
def test_the_programs_of_the_leader_shift_the_confidence(
    programs: dict[int, str], confidence: float, left_out: tuple[str, ...]
) -> None:
    """A program that uses every number raises the confidence. Stopping does not change."""
    asked = problem(cot=3, pot=3, text="76 birds sat there, and 25 flew away.")
    runs = [ProblemRun(asked, "id", _SHIFTED), ProblemRun(asked, "id")]
    for run in runs:
        for index in range(6):
            kind = POT if index in programs else COT
            run.record(replace(voted(index, 51 if index < 5 else 48, kind), program=programs.get(index)))
    solution, plain = (run.solution("m") for run in runs)
    assert solution.confidence == pytest.approx(confidence)
    assert (solution.left_out, plain.left_out) == (left_out, left_out)
    assert plain.confidence == 15 / 16
    assert [path.counted for path in solution.paths] == [path.counted for path in plain.paths]


def test_programs_of_yes_or_no_shift_nothing() -> None:
    run = ProblemRun(problem(cot=0, pot=1, text="Are 76 birds more than 25?"), "id", _SHIFTED)
    run.record(PathResult(0, POT, PathOutcome.VOTED, answer=Answer("yes", None), program="ans = True"))
    solution = run.solution("m")
    assert (solution.confidence, solution.left_out) == (0.5, ())


def test_what_ends_after_the_stop_is_kept_and_not_counted() -> None:
    run = ProblemRun(problem(), "id")
    run.record(voted(0, 5))
    run.stopped = True
    run.record(voted(1, 6))
    run.record(failed(2, PathOutcome.ABORTED))
    run.record(failed(3, PathOutcome.ABORTED))
    assert shown(run) == [("5", 1, 0)]
    assert [path.counted for path in run.solution("m").paths] == [True, False, False, False]


def test_out_of_time_every_path_that_ended_votes() -> None:
    run = ProblemRun(problem(), "id")
    run.out_of_time = run.stopped = True
    for result in (failed(0, PathOutcome.ABORTED), voted(1, 5), failed(2, PathOutcome.ABORTED), voted(3, 5)):
        run.record(result)
    solution = run.solution("m")
    assert (solution.status, solution.answer and solution.answer.text) == (Status.DEADLINE, "5")
    assert solution.confidence == 0.875
    assert shown(run) == [("5", 0, 2)]
    assert [path.counted for path in solution.paths] == [False, True, False, True]


def test_out_of_time_without_a_vote() -> None:
    run = ProblemRun(problem(cot=1, pot=0), "id")
    run.out_of_time = run.stopped = True
    run.record(failed(0, PathOutcome.ABORTED))
    solution = run.solution("m")
    assert (solution.status, solution.answer, solution.confidence, solution.votes) == (Status.DEADLINE, None, 0.0, ())


@pytest.mark.parametrize("outcome", [outcome for outcome in PathOutcome if outcome is not PathOutcome.VOTED])
def test_what_did_not_vote_abstains(outcome: PathOutcome) -> None:
    run = ProblemRun(problem(cot=1, pot=1), "id")
    run.record(failed(0, outcome))
    run.record(failed(1, outcome))
    solution = run.solution("m")
    assert (solution.status, solution.answer, solution.confidence) == (Status.ABSTAINED, None, 0.0)


@pytest.mark.parametrize(("least", "status"), [(0.75, Status.ANSWERED), (0.7501, Status.ABSTAINED)])
def test_the_least_confidence(least: float, status: Status) -> None:
    run = ProblemRun(problem(cot=1, pot=0, min_confidence=least), "id")
    run.record(voted(0, 5))
    solution = run.solution("m")
    assert solution.status is status
    assert (solution.answer is not None) == (status is Status.ANSWERED)
    assert (solution.confidence, len(solution.votes)) == (0.75, 1)


def test_the_engine_failed_on_every_path() -> None:
    run = ProblemRun(problem(cot=1, pot=1), "id")
    for index in (0, 1):
        run.fail(EngineError("no memory"))
        run.record(failed(index, PathOutcome.ERROR))
    with pytest.raises(EngineError, match=r"^no memory$"):
        run.solution("m")


def test_a_program_that_raised_is_no_failure_of_the_engine() -> None:
    run = ProblemRun(problem(cot=1, pot=1), "id")
    run.fail(EngineError("no memory"))
    run.record(failed(0, PathOutcome.ERROR))
    run.record(failed(1, PathOutcome.ERROR))
    assert run.solution("m").status is Status.ABSTAINED


def test_the_solution_tells_what_it_is_of() -> None:
    run = ProblemRun(problem(cot=1, pot=1, seed=99), "the-id")
    run.record(voted(1, 5))
    run.record(voted(0, 5))
    solution = run.solution("a model")
    assert (solution.id, solution.model, solution.seed, solution.planned) == ("the-id", "a model", 99, 2)
    assert solution.paths == (replace(voted(0, 5), counted=True), replace(voted(1, 5), counted=True))


def test_request_ids_are_those_of_the_paths_being_sampled() -> None:
    first, second = ProblemRun(problem(), "id"), ProblemRun(problem(), "id")
    with first.sampling(0) as zero, first.sampling(3) as three:
        assert first.sampled_now() == [zero, three]
        assert (zero.startswith("id-"), zero.endswith("-0"), three.endswith("-3")) == (True, True, True)
        with second.sampling(0) as other:
            assert len({zero, three, other}) == 3
    assert first.sampled_now() == second.sampled_now() == []


def test_no_time_is_left_after_the_deadline() -> None:
    assert 29 < ProblemRun(problem(deadline_s=30.0), "id").seconds_left() <= 30
    assert ProblemRun(problem(deadline_s=-1.0), "id").seconds_left() == 0.0
