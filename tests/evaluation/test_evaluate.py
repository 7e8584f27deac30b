"""Exact figures over a few problems, and what a wrong file says."""

import asyncio
import json
from pathlib import Path

import pytest

from service.engine.fake import FakeEngine, Script
from service.errors import ConfigurationError, EngineError
from service.evaluation.evaluate import MEASURES, Question, Report, evaluate, is_right, read_questions, wilson
from service.paths.base import FormatV1
from service.schemas import PathBudget, PathTrace, SolveRequest, SolveResponse
from service.settings import Settings
from service.solve.solver import Solver, path_seed
from service.types import PathKind, PathOutcome, Policy
from tests.support.engines import TurnEngine, computing_sandbox, cot, in_turn, lines, pot

QUESTIONS = [Question("a", "apples?", "1"), Question("b", "bees?", "2"), Question("c", "cats?", "3")]


def by_question(prompt: str, scripts: dict[str, tuple[list[str], list[str]]], played: dict[str, Script]) -> Script:
    name = next(name for name in scripts if name in prompt)
    return played.setdefault(name, in_turn(*scripts[name]))


async def report_of(
    scripts: dict[str, tuple[list[str], list[str]]], concurrency: int = 1
) -> tuple[Report, list[SolveRequest]]:
    """Evaluate `QUESTIONS` with two paths of each kind; also every request that was made."""
    played: dict[str, Script] = {}
    engine = FakeEngine(lambda prompt, sampling: by_question(prompt, scripts, played)(prompt, sampling))
    sandbox = computing_sandbox()
    await engine.start()
    await sandbox.start()
    solver = Solver(engine, sandbox, FormatV1())
    requests: list[SolveRequest] = []

    async def solve(request: SolveRequest) -> SolveResponse:
        requests.append(request)
        problem = request.to_problem(Settings(), temperature=0.7, top_p=1.0, seed=0)
        return SolveResponse.of(await solver.solve(problem, "id"), trace=request.trace)

    budget = PathBudget(cot=2, pot=2)
    report = await evaluate(solve, QUESTIONS, policy=Policy.FIXED, budget=budget, seed=5, concurrency=concurrency)
    return report, requests


SCRIPTS = {  # two sampled paths of each kind, then one greedy path of each kind
    "apples": ([cot(1), cot(1), cot(1)], [pot(1), pot(9), pot(9)]),
    "bees": ([cot(9), cot(9), cot(9)], [pot(2), pot(2), pot(2)]),
    "cats": (["Hm.", "Hm.", cot(3)], ["Hm.", "Hm.", "Hm."]),
}


async def test_the_figures_are_exact() -> None:
    report, _ = await report_of(SCRIPTS)
    # bees: two votes each, of one kind each; the tie goes to the earlier path, which is prose and wrong.
    right = {"cot_greedy": 2, "pot_greedy": 1, "cot_vote": 1, "pot_vote": 2, "vote": 1}
    assert tuple(right) == MEASURES
    assert report.accuracy == {measure: count / 3 for measure, count in right.items()}
    assert report.interval == {measure: wilson(count, 3) for measure, count in right.items()}
    assert report.paths_right == {"cot": (1 + 0 + 0) / 3, "pot": pytest.approx((0.5 + 1 + 0) / 3)}
    assert (report.n, report.model, report.policy, report.seed) == (3, "fake", "fixed", 5)
    assert report.paths_per_problem == 4.0
    assert report.completion_tokens_per_problem == (24 + 24 + 8) / 3
    assert report.problems_per_s == 3 / report.seconds
    assert report.cut_off == 0
    assert [row.confidence for row in report.rows] == [0.8125, 0.5, 0.0]
    assert report.calibration_error == pytest.approx(((1 - 0.8125) + 0.5 + 0.0) / 3)  # each in a bin of its own
    assert {point["coverage"]: point["accuracy"] for point in report.coverage}[0.5] == 1 / 2
    assert report.calibration_error_if_perfect["median"] < report.calibration_error_if_perfect["p95"]
    rows = [(row.id, row.gold, row.answer, row.status, row.paths, row.completion_tokens) for row in report.rows]
    assert rows == [
        ("a", "1", "1", "answered", 4, 24),
        ("b", "2", "9", "answered", 4, 24),
        ("c", "3", None, "abstained", 4, 8),
    ]
    assert report.rows[0].right == {
        "cot_greedy": True, "pot_greedy": False, "cot_vote": True, "pot_vote": True, "vote": True,
    }  # fmt: skip


async def test_paths_beyond_the_decision_elect_nothing_but_are_right_or_wrong() -> None:
    ends = [("1", PathOutcome.VOTED), ("9", PathOutcome.VOTED), ("9", PathOutcome.VOTED), (None, PathOutcome.UNPARSED),
            (None, PathOutcome.ABORTED)]  # fmt: skip
    trace = [
        PathTrace(
            index=index, kind=PathKind.COT, text="", answer=answer, outcome=outcome, counted=index < 1,
            repaired=False, stated=None, program=None, detail="", tokens=1, seconds=0.0,
        )
        for index, (answer, outcome) in enumerate(ends)
    ]  # fmt: skip

    async def solve(request: SolveRequest) -> SolveResponse:
        problem = request.to_problem(Settings(), temperature=0.7, top_p=1.0, seed=0)
        solver = Solver(TurnEngine([cot(1)] * 20), computing_sandbox(), FormatV1())
        response = SolveResponse.of(await solver.solve(problem, "id"), trace=True)
        return response.model_copy(update={"trace": trace})

    report = await evaluate(solve, QUESTIONS[:1], policy=Policy.FIXED, budget=PathBudget(), seed=0, concurrency=1)
    assert report.rows[0].right["cot_vote"]
    assert report.rows[0].paths_right == {"cot": 1 / 4}  # one of the four that ended; no path of the other kind did


async def test_each_problem_is_asked_twice_under_its_own_seed() -> None:
    _, requests = await report_of(SCRIPTS)
    assert [request.problem for request in requests] == ["apples?", "bees?", "cats?"] * 2
    assert [request.seed for request in requests] == [path_seed(5, index) for index in range(3)] * 2
    assert [request.temperature for request in requests] == [None] * 3 + [0.0] * 3
    assert [request.policy for request in requests] == [Policy.FIXED] * 6
    assert [request.paths for request in requests] == [PathBudget(cot=2, pot=2)] * 3 + [PathBudget(cot=1, pot=1)] * 3
    assert all(request.trace for request in requests)


async def test_problems_at_the_same_time_give_the_same_rows() -> None:
    one, _ = await report_of(SCRIPTS)
    many, _ = await report_of(SCRIPTS, concurrency=3)
    assert [(row.id, row.right) for row in many.rows] == [(row.id, row.right) for row in one.rows]


async def test_no_more_problems_at_a_time_than_asked_for() -> None:
    running = most = ticks = 0

    async def solve(request: SolveRequest) -> SolveResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(0)
            raise EngineError("no engine")
        finally:
            running -= 1

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    with pytest.raises(EngineError, match=r"^no engine$"):
        await evaluate(solve, QUESTIONS, policy=Policy.FIXED, budget=PathBudget(), seed=0, concurrency=2, tick=tick)
    assert (most, ticks, running) == (2, 0, 0)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (1, 1, 0.2065, 1.0),
        (81, 100, 0.7222, 0.8749),
    ],
)  # Wilson's interval as published tables and R's prop.test(correct = FALSE) give it
def test_wilson(right: int, n: int, low: float, high: float) -> None:
    assert wilson(right, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [("51", "51.0", True), ("1/2", "0.5", True), ("10/3", "3.33", True), ("yes", "yes", True), ("B", "B", True),
     ("50", "51", False), (None, "51", False), ("51", "no number", False)],
)  # fmt: skip
def test_is_right(answer: str | None, gold: str, right: bool) -> None:
    assert is_right(answer, gold) is right


def row(**fields: object) -> str:
    return json.dumps({"id": "1", "question": "Why?", "answer": "5"} | fields)


def test_questions_are_read_up_to_the_limit(tmp_path: Path) -> None:
    path = lines(tmp_path / "d.jsonl", row(), row(id=2, question=" How?\n", answer=7, more="ignored"), "{")
    assert read_questions(path, 2) == [Question("1", "Why?", "5"), Question("2", "How?", "7")]


@pytest.mark.parametrize(
    "wrong",
    ["{", "", "[]", "5", '{"id": "1", "question": "Why?"}', '{"id": "1", "answer": "5"}', '{"question": "a", "answer": "5"}',
     row(question=5), row(question=" "), row(question="\x00"), row(question="\ud800"), row(question=None)],
)  # fmt: skip
def test_a_wrong_row_is_named_by_its_line(wrong: str, tmp_path: Path) -> None:
    path = lines(tmp_path / "d.jsonl", row(), wrong)
    with pytest.raises(ConfigurationError) as raised:
        read_questions(path)
    assert str(raised.value).startswith(f"{path}, line 2: a row needs id, question and answer (")
    assert "\n" not in str(raised.value)


def test_bytes_that_are_no_utf8_are_named_by_their_line(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(row().encode() + b'\n{"id": "1", "question": "\xff", "answer": "5"}\n')
    with pytest.raises(ConfigurationError, match=r", line 2: "):
        read_questions(path)


def test_an_empty_file_holds_no_problem(tmp_path: Path) -> None:
    path = lines(tmp_path / "d.jsonl")
    with pytest.raises(ConfigurationError) as raised:
        read_questions(path)
    assert str(raised.value) == f"{path} holds no problem."
