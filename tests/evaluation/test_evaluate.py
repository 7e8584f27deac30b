"""Exact figures over a few problems."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Annotated

import pytest
from pydantic import TypeAdapter

from service.cli.evaluation_view import _by_verdict
from service.engine.fake import FakeEngine, Script
from service.errors import EngineError
from service.evaluation.evaluate import Evaluation, Stage, evaluate
from service.evaluation.html.page import report_page
from service.evaluation.problems import LabeledProblem
from service.evaluation.report import Report, VerdictCount, trust_words
from service.evaluation.report import report_of as compute
from service.evaluation.scoring import MEASURES
from service.evaluation.statistics import wilson
from service.schemas import PathBudget, PathTrace, SolveRequest, SolveResponse
from service.schemas.from_solution import solve_response
from service.schemas.later_values import LaterValues
from service.solve.problem import path_seed
from service.types import PathKind, PathOutcome, Policy, Verdict
from tests.support.components import fake_components
from tests.support.engines import TurnEngine, computing_sandbox, cot, in_turn, pot
from tests.support.thinking import ALWAYS, thinks

PROBLEMS = [LabeledProblem("a", "apples?", "1"), LabeledProblem("b", "bees?", "2"), LabeledProblem("c", "cats?", "3")]


def by_problem(prompt: str, scripts: dict[str, tuple[list[str], list[str]]], played: dict[str, Script]) -> Script:
    name = next(name for name in scripts if name in prompt)
    return played.setdefault(name, in_turn(*scripts[name]))


async def evaluation_of(
    scripts: dict[str, tuple[list[str], list[str]]], concurrency: int = 1
) -> tuple[Evaluation, list[SolveRequest]]:
    """Evaluation over `PROBLEMS` with two paths of each kind, and every request."""
    played: dict[str, Script] = {}
    engine = FakeEngine(lambda prompt, sampling: by_problem(prompt, scripts, played)(prompt, sampling))
    requests: list[SolveRequest] = []
    async with fake_components(engine, computing_sandbox()) as components:

        async def solve(request: SolveRequest) -> SolveResponse:
            requests.append(request)
            solution = await components.solve(components.problem(request), "id")
            return solve_response(solution, trace=request.trace)

        budget = PathBudget(cot=2, pot=2)
        found = await evaluate(solve, PROBLEMS, policy=Policy.FIXED, budget=budget, seed=5, concurrency=concurrency)
    return found, requests


async def report_of(scripts: dict[str, tuple[list[str], list[str]]], concurrency: int = 1) -> Report:
    return (await evaluation_of(scripts, concurrency))[0].report


SCRIPTS = {  # two sampled paths of each kind, then one greedy path of each kind
    "apples": ([cot(1), cot(1), cot(1)], [pot(1), pot(9), pot(9)]),
    "bees": ([cot(9), cot(9), cot(9)], [pot(2), pot(2), pot(2)]),
    "cats": (["Hm.", "Hm.", cot(3)], ["Hm.", "Hm.", "Hm."]),
}


async def test_the_figures_are_exact() -> None:
    report = await report_of(SCRIPTS)
    # bees: two answers of two votes, each of one kind. The tie goes to the earlier path, a wrong rationale.
    right = {"cot_greedy": 2, "pot_greedy": 1, "cot_vote": 1, "pot_vote": 2, "vote": 1}
    assert tuple(right) == MEASURES
    assert report.accuracy == {measure: count / 3 for measure, count in right.items()}
    assert report.interval == {measure: wilson(count, 3) for measure, count in right.items()}
    assert report.paths_right == {"cot": (1 + 0 + 0) / 3, "pot": pytest.approx((0.5 + 1 + 0) / 3)}
    assert (report.n, report.model, report.policy, report.seed) == (3, "demo", "fixed", 5)
    assert report.paths_per_problem == 4.0
    assert report.completion_tokens_per_problem == (24 + 24 + 8) / 3
    assert report.problems_per_s == 3 / report.seconds
    assert report.cut_off == 0
    assert [row.confidence for row in report.rows] == [0.8125, 0.5, 0.0]
    assert report.calibration_error_before == pytest.approx(report.calibration_error)  # without a calibration
    assert report.calibration_error == pytest.approx(((1 - 0.8125) + 0.5 + 0.0) / 3)  # each in a bin of its own
    assert {point.coverage: point.accuracy for point in report.coverage}[0.5] == 1 / 2
    assert report.calibration_error_if_perfect.median < report.calibration_error_if_perfect.p95
    rows = [(row.id, row.gold, row.answer, row.status, row.paths, row.completion_tokens) for row in report.rows]
    assert rows == [
        ("a", "1", "1", "answered", 4, 24),
        ("b", "2", "9", "answered", 4, 24),
        ("c", "3", None, "abstained", 4, 8),
    ]
    assert report.rows[0].right == {
        "cot_greedy": True, "pot_greedy": False, "cot_vote": True, "pot_vote": True, "vote": True,
    }  # fmt: skip


async def test_a_calibrated_confidence_stands_beside_the_agreement_of_the_attempts() -> None:
    evaluation, _ = await evaluation_of(SCRIPTS)
    calibrated = [
        replace(one, vote=one.vote.model_copy(update={"calibrated": True, "confidence": 0.35}))
        for one in evaluation.solved
    ]
    found = compute(calibrated, [], policy=Policy.FIXED, budget=PathBudget(cot=2, pot=2), seed=5, seconds=1.0)
    assert [(row.confidence, row.agreement) for row in found.rows] == [(0.35, 0.8125), (0.35, 0.5), (0.35, 0.0)]
    assert found.calibration_error == pytest.approx(abs(0.35 - 1 / 3))
    assert found.calibration_error_before == pytest.approx(((1 - 0.8125) + 0.5) / 3)
    assert trust_words(found).startswith("calibration error 0.017; the agreement of the attempts has 0.229. By chance")


async def test_a_verdict_of_a_later_version_is_counted_last() -> None:
    evaluation, _ = await evaluation_of(SCRIPTS)
    later = TypeAdapter(Annotated[Verdict, LaterValues()]).validate_python("certain")
    first, *others = evaluation.solved
    solved = [replace(first, vote=first.vote.model_copy(update={"verdict": later})), *others]
    report = compute(solved, [], policy=Policy.FIXED, budget=PathBudget(cot=2, pot=2), seed=5, seconds=1.0)
    assert list(report.by_verdict.items()) == [
        ("torn", VerdictCount(1, 0)), ("none", VerdictCount(1, 0)), ("certain", VerdictCount(1, 1)),
    ]  # fmt: skip
    page = report_page(replace(evaluation, report=report))
    assert _by_verdict(report).plain == "torn: right 0 of 1 · no answer: 1 · certain: 1 of 1"
    assert '<span class="chip certain">Certain</span>' in page


async def test_trust_and_costs_are_exact() -> None:
    report = await report_of(SCRIPTS)
    # apples: 3 to 1. bees: a tie. cats: no vote.
    assert report.by_verdict == {"unsure": VerdictCount(1, 1), "torn": VerdictCount(1, 0), "none": VerdictCount(1, 0)}
    assert [row.verdict for row in report.rows] == ["unsure", "torn", "none"]
    left = [(point.min_confidence, point.answered, point.right) for point in report.by_min_confidence]
    assert left == [(i / 10, 2, 1) for i in range(1, 6)] + [(i / 10, 1, 1) for i in (6, 7, 8)] + [(0.9, 0, 0)]
    assert report.wrong == ("b", "c")
    assert (report.calibrated, report.token_share) == (False, 1.0)


async def test_progress_counts_the_problems_of_each_stage() -> None:
    seen: list[str] = []

    @contextmanager
    def progress(stage: Stage) -> Iterator[Callable[[], None]]:
        yield lambda: seen.append(stage)
        seen.append("end")

    async with fake_components() as components:

        async def solve(request: SolveRequest) -> SolveResponse:
            return solve_response(await components.solve(components.problem(request), "id"), trace=True)

        evaluation = await evaluate(
            solve, PROBLEMS, policy=Policy.FIXED, budget=PathBudget(cot=1, pot=1), seed=0, concurrency=2,
            earlier_s=1000.0, progress=progress,
        )  # fmt: skip
    assert seen == ["vote"] * 3 + ["end"] + ["greedy"] * 3 + ["end"]
    assert 1000.0 <= evaluation.report.seconds < 1010.0
    assert [one.problem for one in evaluation.solved] == PROBLEMS
    assert [one.greedy.paths.planned for one in evaluation.solved] == [2, 2, 2]


async def test_the_report_as_json() -> None:
    report = await report_of(SCRIPTS)
    written = json.loads(json.dumps(asdict(report)))
    assert set(written["calibration_error_if_perfect"]) == {"median", "p95"}
    assert written["coverage"][-1] == {"coverage": 1.0, "accuracy": 1 / 3}
    assert written["interval"]["vote"] == list(wilson(1, 3))
    assert set(written["rows"][0]) == {
        "id", "gold", "answer", "status", "verdict", "confidence", "agreement", "right", "paths_right",
        "completion_tokens", "saved_tokens", "paths", "seconds",
    }  # fmt: skip


async def test_paths_beyond_the_decision_elect_nothing_but_are_right_or_wrong() -> None:
    ends = [("1", PathOutcome.VOTED), ("9", PathOutcome.VOTED), ("9", PathOutcome.VOTED), (None, PathOutcome.UNPARSED),
            (None, PathOutcome.ABORTED)]  # fmt: skip
    trace = [
        PathTrace(
            index=index, kind=PathKind.COT, text="", answer=answer, outcome=outcome, counted=index < 1,
            vote=answer if index < 1 else None, repaired=False, stated=None, program=None, detail="", tokens=1, seconds=0.0,
        )
        for index, (answer, outcome) in enumerate(ends)
    ]  # fmt: skip

    async def solve(request: SolveRequest) -> SolveResponse:
        components = fake_components(TurnEngine([cot(1)] * 20), computing_sandbox())
        response = solve_response(await components.solve(components.problem(request), "id"), trace=True)
        return response.model_copy(update={"trace": trace})

    evaluation = await evaluate(solve, PROBLEMS[:1], policy=Policy.FIXED, budget=PathBudget(), seed=0, concurrency=1)
    report = evaluation.report
    assert report.rows[0].right["cot_vote"]
    assert report.rows[0].paths_right == {"cot": 1 / 4}  # one of the four that ended. No program ended.


async def test_each_problem_is_solved_twice_with_its_own_seed() -> None:
    _, requests = await evaluation_of(SCRIPTS)
    assert [request.problem for request in requests] == ["apples?", "bees?", "cats?"] * 2
    assert [request.seed for request in requests] == [path_seed(5, index) for index in range(3)] * 2
    assert [request.temperature for request in requests] == [None] * 3 + [0.0] * 3
    assert [request.policy for request in requests] == [Policy.FIXED] * 6
    assert [request.paths for request in requests] == [PathBudget(cot=2, pot=2)] * 3 + [PathBudget(cot=1, pot=1)] * 3
    assert all(request.trace for request in requests)


async def test_concurrent_problems_give_the_same_rows() -> None:
    one = await report_of(SCRIPTS)
    many = await report_of(SCRIPTS, concurrency=3)
    assert [(row.id, row.right) for row in many.rows] == [(row.id, row.right) for row in one.rows]


async def test_concurrency_is_bounded() -> None:
    running = most = ticks = 0
    stages: list[Stage] = []

    async def solve(request: SolveRequest) -> SolveResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(0)
            raise EngineError("no engine")
        finally:
            running -= 1

    @contextmanager
    def progress(stage: Stage) -> Iterator[Callable[[], None]]:
        stages.append(stage)
        yield tick

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    with pytest.raises(EngineError, match=r"^no engine$"):
        await evaluate(
            solve, PROBLEMS, policy=Policy.FIXED, budget=PathBudget(), seed=0, concurrency=2, progress=progress
        )
    assert (most, ticks, running, stages) == (2, 0, 0, [Stage.VOTE])


async def test_gold_answers_that_cannot_be_read_are_left_out() -> None:
    problems = [PROBLEMS[0], LabeledProblem("x", "bees?", "Ann"), LabeledProblem("y", "bees?", ""), PROBLEMS[2]]
    requests: list[SolveRequest] = []

    async def solve(request: SolveRequest) -> SolveResponse:
        requests.append(request)
        async with fake_components(TurnEngine([cot(1), pot(1)]), computing_sandbox()) as components:
            return solve_response(await components.solve(components.problem(request), "id"), trace=True)

    budget = PathBudget(cot=1, pot=1)
    evaluation = await evaluate(solve, problems, policy=Policy.FIXED, budget=budget, seed=5, concurrency=1)
    report = evaluation.report
    assert (report.n, report.unread_golds) == (2, ("x", "y"))
    assert [row.id for row in report.rows] == ["a", "c"]
    assert report.accuracy["vote"] == 1 / 2
    assert [request.seed for request in requests] == [path_seed(5, 0), path_seed(5, 3)] * 2
    assert asdict(report)["unread_golds"] == ("x", "y")


async def test_votes_that_a_limit_cut_off_are_counted_and_their_thoughts_are_dropped() -> None:
    components = fake_components(FakeEngine(thinks), computing_sandbox(), path_format=ALWAYS)
    problems = [LabeledProblem(f"{line}", f"How many pens? {line}", "21", line) for line in (1, 2)]

    async with components:

        async def solve(request: SolveRequest) -> SolveResponse:
            given = request.model_copy(update={"max_tokens": 3000 if "1" in request.problem else 7000})
            return solve_response(await components.solve(components.problem(given), "id"), trace=True)

        evaluation = await evaluate(
            solve, problems, policy=Policy.FIXED, budget=PathBudget(cot=2, pot=2), seed=1, concurrency=1
        )
    assert (evaluation.report.warned, evaluation.report.warning) == (
        1,
        "4 of 4 paths reached the limit of 3,000 tokens; raise `max_tokens`.",
    )
    for solved in evaluation.solved:
        for response in (solved.vote, solved.greedy):
            assert response.trace is not None
            assert all(len(path.text) < 100 for path in response.trace)
