"""The whole request without HTTP: order, seeds, votes, failures, deadlines, cancellation, and nothing left behind."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine.base import Completion, Sampling
from service.engine.fake import FakeEngine
from service.errors import EngineDeadError, EngineError, PromptTooLongError, SandboxError
from service.fair_queue import Owner
from service.paths.base import FormatV1
from service.paths.thinking import Split
from service.sandbox.base import ANYONE, Execution, Outcome, Sandbox
from service.sandbox.fake import FakeSandbox
from service.solve import reading
from service.solve.admission import Admission
from service.solve.calibration import Calibration
from service.solve.problem import PathResult, Problem, Solution, path_seed
from service.solve.problem_run import ProblemRun, plan
from service.solve.reading import read_rationale
from service.solve.solver import ABORT_GRACE_S, Solver
from service.types import PathKind, PathOutcome, Policy, Status
from tests.support.engines import TurnEngine, computing_sandbox, cot, ok, playing, pot, problem, texts

COT, POT = PathKind.COT, PathKind.POT


@pytest.fixture(autouse=True)
def _nothing_is_lost(lost: list[dict[str, Any]]) -> None:
    """No test here leaves an exception that nobody retrieved."""


class SlowSandbox(FakeSandbox):
    """Every program runs until it is cancelled, or for some seconds."""

    def __init__(self, seconds: float = 3600.0) -> None:
        super().__init__()
        self._seconds = seconds
        self.running = 0

    async def run(self, program: str, owner: Owner = ANYONE) -> Execution:
        self.programs.append(program)
        self.running += 1
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self.running -= 1
        return ok(5, self._seconds)


async def solved(
    engine: TurnEngine | FakeEngine,
    given: Problem,
    sandbox: Sandbox | None = None,
    calibration: Calibration | None = None,
) -> Solution:
    """Solve, and see that nothing is left at the engine or in the event loop."""
    sandbox = sandbox or computing_sandbox()
    await engine.start()
    await sandbox.start()
    try:
        return await Solver(engine, sandbox, FormatV1("<bos>"), calibration=calibration).solve(given, "p")
    finally:
        assert engine.running == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}


def run(coroutine: Coroutine[Any, Any, Solution]) -> Solution:
    """On a loop of its own, for properties; an exception that nobody retrieved fails."""
    contexts: list[dict[str, Any]] = []

    async def watched() -> Solution:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: contexts.append(context))
        return await coroutine

    solution = asyncio.run(watched())
    assert contexts == []
    return solution


def votes(solution: Solution) -> list[tuple[str, int, int]]:
    return [(tally.answer.text, tally.cot, tally.pot) for tally in solution.votes]


def outcomes(solution: Solution) -> list[str]:
    return [path.outcome.value for path in solution.paths]


def decision(solution: Solution) -> tuple[object, ...]:
    """What must not depend on the order in which paths end."""
    return (
        solution.status,
        solution.answer,
        solution.votes,
        solution.confidence,
        [p.index for p in solution.paths if p.counted],
    )


async def test_paths_are_sampled_in_the_fixed_order_each_by_itself() -> None:
    engine = TurnEngine([cot(1), pot(1), cot(1)])
    await solved(engine, problem("Why?", cot=2, pot=1, seed=3, max_tokens=50))
    assert [prompt for _, prompt, _ in engine.sampled] == [
        "<bos>Question: Why?\nReasoning:\n",
        "<bos>Question: Why?\nProgram:\n",
        "<bos>Question: Why?\nReasoning:\n",
    ]
    assert [sampling for _, _, sampling in engine.sampled] == [
        Sampling(0.7, 0.9, 50, path_seed(3, index), ()) for index in range(3)
    ]
    assert len({request_id for request_id, _, _ in engine.sampled}) == 3


async def test_the_formats_stop_strings_reach_the_engine() -> None:
    class Stopping(FormatV1):
        def stop(self, kind: PathKind) -> tuple[str, ...]:
            return (f"\n{kind}:",)

    engine = TurnEngine([cot(1), pot(1)])
    await Solver(engine, FakeSandbox(), Stopping()).solve(problem(cot=1, pot=1), "p")
    assert [sampling.stop for _, _, sampling in engine.sampled] == [("\ncot:",), ("\npot:",)]


def test_path_seeds_are_fixed_distinct_and_in_range() -> None:
    assert [path_seed(7, index) for index in range(2)] == [5751740483655848561, 7643869921872156431]
    seeds = [path_seed(seed, index) for seed in range(100) for index in range(64)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


async def test_a_whole_solution() -> None:
    given = problem(cot=2, pot=2)
    engine = TurnEngine([cot(51), pot(51), "I do not know.", pot(48)], order=[3, 2, 1, 0])
    solution = await solved(engine, given)
    assert (solution.id, solution.status, solution.model, solution.seed) == ("p", Status.ANSWERED, "turns", 7)
    assert (solution.answer and solution.answer.text, votes(solution)) == ("51", [("51", 1, 1), ("48", 0, 1)])
    assert solution.confidence == 0.6875
    assert outcomes(solution) == ["voted", "voted", "unparsed", "voted"]
    assert [(path.index, path.kind) for path in solution.paths] == [(0, COT), (1, POT), (2, COT), (3, POT)]
    assert [path.program for path in solution.paths] == [None, "ans = 51", None, "ans = 48"]
    assert [(path.prompt_tokens, path.completion_tokens) for path in solution.paths] == [(10, 5)] * 4
    assert all(path.counted and path.seconds > 0 for path in solution.paths)


@settings(max_examples=60)
@given(
    order=st.permutations(range(12)),
    together=st.integers(1, 12),
    cast=st.lists(st.sampled_from([None, 1, 1, 2, 3]), min_size=12, max_size=12),
    policy=st.sampled_from(Policy),
)
def test_the_decision_does_not_depend_on_the_order_of_arrival(
    order: list[int], together: int, cast: list[int | None], policy: Policy
) -> None:
    given = problem(cot=6, pot=6, policy=policy)
    written = texts(cast, plan(6, 6))
    in_order = run(solved(TurnEngine(written), given))
    in_disorder = run(solved(TurnEngine(written, order, together=together), given))
    assert decision(in_disorder) == decision(in_order)


@settings(max_examples=80)
@given(
    order=st.permutations(range(10)),
    cast=st.lists(st.sampled_from([None, 1, 1, 2, 3]), min_size=10, max_size=10),
)
def test_lossless_answers_as_fixed_does(order: list[int], cast: list[int | None]) -> None:
    written = texts(cast, plan(7, 3))
    fixed = run(solved(TurnEngine(written), problem(cot=7, pot=3, policy=Policy.FIXED)))
    lossless = run(solved(TurnEngine(written, order), problem(cot=7, pot=3, policy=Policy.LOSSLESS)))
    assert (lossless.status, lossless.answer) == (fixed.status, fixed.answer)


async def test_the_same_seed_improvises_the_same_decision_at_any_speed() -> None:
    sandbox = FakeSandbox(default=ok(21))
    given = problem("A pen costs 3 dollars. How much do 7 pens cost?", cot=10, pot=10, policy=Policy.ADAPTIVE)
    solutions = [await solved(FakeEngine(tokens_per_s=rate), given, sandbox) for rate in (None, 500.0, 2000.0)]
    assert decision(solutions[0]) == decision(solutions[1]) == decision(solutions[2])


@pytest.mark.parametrize(
    ("policy", "counted"), [(Policy.FIXED, 20), (Policy.LOSSLESS, 11), (Policy.ADAPTIVE, 4)], ids=lambda p: str(p)
)
async def test_a_unanimous_vote_stops_where_its_policy_says(policy: Policy, counted: int) -> None:
    engine = TurnEngine(texts([5] * 20, plan(10, 10)))
    solution = await solved(engine, problem(cot=10, pot=10, policy=policy))
    assert votes(solution) == [("5", (counted + 1) // 2, counted // 2)]
    assert outcomes(solution) == ["voted"] * counted + ["aborted"] * (20 - counted)
    assert len(engine.aborted) == 20 - counted
    assert solution.planned == len(solution.paths) == 20


async def test_fixed_waits_for_the_last_path() -> None:
    solution = await solved(TurnEngine(texts([5, 5, 5, 6], plan(2, 2)), order=[0, 1, 2, 3]), problem())
    assert votes(solution) == [("5", 2, 1), ("6", 0, 1)]


async def test_paths_that_ended_before_the_decision_and_were_not_needed_do_not_count() -> None:
    engine = TurnEngine(texts([5] * 20, plan(10, 10)), order=[*range(4, 20), 3, 2, 1, 0])
    solution = await solved(engine, problem(cot=10, pot=10, policy=Policy.ADAPTIVE))
    assert votes(solution) == [("5", 2, 2)]
    assert [path.counted for path in solution.paths] == [True] * 4 + [False] * 16
    assert engine.aborted == []


async def test_equal_programs_run_once() -> None:
    sandbox = computing_sandbox()
    written = ["ans = 5", "ans = 6", "```python\nans = 5\n```", "ans = 5"]
    solution = await solved(TurnEngine(written), problem(cot=0, pot=4), sandbox)
    assert votes(solution) == [("5", 0, 3), ("6", 0, 1)]
    assert sandbox.programs == ["ans = 5", "ans = 6"]


async def test_programs_run_while_other_paths_are_sampled() -> None:
    started = asyncio.Event()

    class Observed(FakeSandbox):
        async def run(self, program: str, owner: Owner = ANYONE) -> Execution:
            started.set()
            return ok(5)

    class Waiting(TurnEngine):
        """Ends the rationale only once a program runs."""

        async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
            if prompt.endswith("Reasoning:\n"):
                async with asyncio.timeout(10):
                    await started.wait()
            return await super().sample(request_id, prompt, sampling)

    solution = await solved(Waiting([cot(5), pot(5)]), problem(cot=1, pot=1), Observed())
    assert votes(solution) == [("5", 1, 1)]


@pytest.mark.parametrize(
    ("execution", "outcome", "detail"),
    [
        (Execution(Outcome.ERROR, None, "NameError: x", 0.1), PathOutcome.ERROR, "NameError: x"),
        (Execution(Outcome.TIMEOUT, None, "too slow", 2.0), PathOutcome.TIMEOUT, "too slow"),
        (Execution(Outcome.MEMORY, None, "no memory", 0.1), PathOutcome.MEMORY, "no memory"),
        (Execution(Outcome.OUTPUT, None, "too long", 0.1), PathOutcome.OUTPUT, "too long"),
        (Execution(Outcome.DENIED, None, "import os", 0.1), PathOutcome.DENIED, "import os"),
        (Execution(Outcome.CRASHED, None, "killed", 0.1), PathOutcome.CRASHED, "killed"),
        (ok([1, 2]), PathOutcome.UNPARSED, "the result of the program is not an answer"),
        (ok("no idea at all"), PathOutcome.UNPARSED, "the result of the program is not an answer"),
    ],
)
async def test_programs_that_fail_abstain(execution: Execution, outcome: PathOutcome, detail: str) -> None:
    solution = await solved(
        TurnEngine([cot(5), "ans = f()"]), problem(cot=1, pot=1), FakeSandbox({"ans = f()": execution})
    )
    assert (solution.status, votes(solution)) == (Status.ANSWERED, [("5", 1, 0)])
    failed = solution.paths[1]
    assert (failed.outcome, failed.answer, failed.detail, failed.program) == (outcome, None, detail, "ans = f()")


async def test_texts_without_an_answer_or_a_program_abstain() -> None:
    solution = await solved(TurnEngine(["Let me think", "Let me think", "", ""]), problem())
    assert (solution.status, solution.answer, solution.confidence) == (Status.ABSTAINED, None, 0.0)
    assert [path.detail for path in solution.paths] == ["no answer in the text", "no program in the text"] * 2
    assert outcomes(solution) == ["unparsed"] * 4


async def test_a_final_equation_speaks_only_for_a_text_that_the_model_ended() -> None:
    engine = playing(["They have 3 + 4 = 7 in all"], ["pass"])
    whole = await solved(engine, problem(cot=1, pot=0, max_tokens=100))
    cut = await solved(engine, problem(cot=1, pot=0, max_tokens=13))
    assert (votes(whole), votes(cut)) == ([("7", 1, 0)], [])


async def test_a_repaired_path_votes_for_the_repaired_answer() -> None:
    solution = await solved(TurnEngine(["697 - 228 = 516. The answer is 516"]), problem(cot=1, pot=0))
    path = solution.paths[0]
    assert (votes(solution), path.repaired, path.text) == ([("469", 1, 0)], True, "697 - 228 = 469. The answer is 469")


async def test_an_engine_error_on_one_path_abstains() -> None:
    engine = TurnEngine([cot(5), EngineError("no memory\nat line 1"), cot(5), pot(6)])
    solution = await solved(engine, problem())
    assert (solution.status, votes(solution)) == (Status.ANSWERED, [("5", 2, 0), ("6", 0, 1)])
    failed = solution.paths[1]
    assert (failed.outcome, failed.detail, failed.completion_tokens) == (PathOutcome.ERROR, "no memory", 0)


async def test_an_engine_error_and_programs_that_raise_abstain_together() -> None:
    sandbox = FakeSandbox(default=Execution(Outcome.ERROR, None, "NameError", 0.0))
    solution = await solved(TurnEngine([EngineError("no memory"), pot(6)]), problem(cot=1, pot=1), sandbox)
    assert (solution.status, outcomes(solution)) == (Status.ABSTAINED, ["error", "error"])


async def test_an_engine_error_on_all_paths_is_raised() -> None:
    with pytest.raises(EngineError, match=r"^error 2$"):
        await solved(TurnEngine([EngineError(f"error {n}") for n in range(4)], order=[2, 3, 1, 0]), problem())


@pytest.mark.parametrize("policy", Policy)
async def test_a_dead_engine_is_raised_at_once(policy: Policy) -> None:
    engine = TurnEngine([cot(5), EngineDeadError("gone"), cot(5), pot(5)], order=[1])
    with pytest.raises(EngineDeadError, match=r"^gone$"):
        await solved(engine, problem(policy=policy, deadline_s=600.0))
    assert len(engine.aborted) == 3


async def test_an_engine_that_dies_under_all_paths_is_raised_once() -> None:
    with pytest.raises(EngineDeadError, match=r"^gone$"):
        await solved(TurnEngine([EngineDeadError("gone")] * 4, together=4), problem())


@pytest.mark.parametrize("together", [1, 4])
async def test_a_prompt_that_is_too_long_is_raised(together: int) -> None:
    with pytest.raises(PromptTooLongError, match=r"^3000 tokens$") as raised:
        await solved(TurnEngine([PromptTooLongError("3000 tokens")] * 4, together=together), problem())
    assert raised.value.field == "problem"


async def test_a_fault_of_ours_is_raised_and_nothing_is_left() -> None:
    with pytest.raises(ZeroDivisionError):
        await solved(TurnEngine([cot(5), ZeroDivisionError(), cot(5), pot(5)], order=[1]), problem())


async def test_a_sandbox_that_cannot_run_abstains() -> None:
    sandbox = FakeSandbox({"ans = 5": SandboxError("no zygote\nat all")})
    solution = await solved(TurnEngine([cot(5), pot(5), cot(5), pot(5)]), problem(), sandbox)
    assert (votes(solution), outcomes(solution)) == ([("5", 2, 0)], ["voted", "crashed", "voted", "crashed"])
    assert [solution.paths[index].detail for index in (1, 3)] == ["no zygote"] * 2
    assert sandbox.programs == ["ans = 5"]


async def timed(
    engine: TurnEngine | FakeEngine, given: Problem, sandbox: Sandbox | None = None
) -> tuple[Solution, float]:
    began = time.monotonic()
    solution = await solved(engine, given, sandbox)
    return solution, time.monotonic() - began


async def test_the_deadline_answers_with_the_votes_so_far() -> None:
    engine = TurnEngine([cot(7), pot(5), cot(7), pot(5)], order=[3, 1])
    solution, seconds = await timed(engine, problem(deadline_s=0.1))
    assert 0.1 <= seconds < 0.35
    assert (solution.status, votes(solution)) == (Status.DEADLINE, [("5", 0, 2)])
    assert (solution.answer and solution.answer.text, solution.confidence) == ("5", 0.875)
    assert outcomes(solution) == ["aborted", "voted", "aborted", "voted"]
    assert [path.completion_tokens for path in solution.paths] == [3, 5, 3, 5]
    assert solution.paths[0].text == "half a"


async def test_the_deadline_does_not_wait_for_programs() -> None:
    sandbox = SlowSandbox()
    solution, seconds = await timed(TurnEngine([cot(7), pot(5), cot(8), pot(5)]), problem(deadline_s=0.1), sandbox)
    assert 0.1 <= seconds < 0.35
    assert (solution.status, votes(solution)) == (Status.DEADLINE, [("7", 1, 0), ("8", 1, 0)])
    assert outcomes(solution) == ["voted", "aborted", "voted", "aborted"]
    assert [path.completion_tokens for path in solution.paths] == [5, 5, 5, 5]
    assert (sandbox.running, sandbox.programs) == (0, ["ans = 5"])


async def test_the_deadline_does_not_wait_for_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()

    def slow(index: int, split: Split, complete: bool) -> PathResult:
        held.wait(10)
        return read_rationale(index, split, complete)

    monkeypatch.setattr(reading, "read_rationale", slow)
    long = "She counts the apples. " * 100 + cot(7)
    solution, seconds = await timed(TurnEngine([long, pot(5), long, pot(5)]), problem(deadline_s=0.1))
    held.set()
    assert 0.1 <= seconds < 0.35
    assert (solution.status, votes(solution)) == (Status.DEADLINE, [("5", 0, 2)])
    assert outcomes(solution) == ["aborted", "voted", "aborted", "voted"]
    assert solution.paths[0].text == long


async def test_long_texts_vote_as_short_ones_do() -> None:
    long = "She counts the apples. " * 100 + cot(7)
    solution = await solved(TurnEngine([long, pot(7)] * 4, together=8), problem(cot=4, pot=4, policy=Policy.FIXED))
    assert (solution.status, votes(solution)) == (Status.ANSWERED, [("7", 4, 4)])


@pytest.mark.slow
@pytest.mark.alone
async def test_hostile_texts_do_not_hold_the_event_loop() -> None:
    hostile = ("*".join(f"1.{decimals}" for decimals in range(111, 151)) + "=5\n") * 60 + cot(7)
    solver = Solver(TurnEngine([hostile] * 64, together=64), computing_sandbox(), FormatV1("<bos>"))
    solving = asyncio.create_task(solver.solve(problem(cot=64, pot=0, policy=Policy.FIXED), "p"))
    gaps, last = [], time.monotonic()
    while not solving.done():
        await asyncio.sleep(0.001)
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
    assert votes(await solving) == [("7", 64, 0)]
    assert sorted(gaps)[int(0.99 * len(gaps))] < 0.05


async def test_the_deadline_with_no_vote() -> None:
    solution, seconds = await timed(TurnEngine([cot(7)], order=[]), problem(cot=1, pot=0, deadline_s=0.05))
    assert seconds < 0.3
    assert (solution.status, solution.answer, solution.confidence) == (Status.DEADLINE, None, 0.0)


async def test_a_deadline_that_has_passed_at_once() -> None:
    engine = TurnEngine([cot(7)], order=[])
    solution = await solved(engine, problem(cot=1, pot=0, deadline_s=1e-9))
    assert (solution.status, outcomes(solution)) == (Status.DEADLINE, ["aborted"])


async def test_a_hung_engine_does_not_hold_up_the_deadline() -> None:
    class Hung(TurnEngine):
        async def abort(self, request_ids: Sequence[str]) -> None:
            await released.wait()
            await super().abort(request_ids)

    released = asyncio.Event()
    engine, sandbox = Hung([cot(5), pot(5), cot(7), pot(7)], order=[0, 1]), computing_sandbox()
    await sandbox.start()
    solver = Solver(engine, sandbox, FormatV1())
    began = time.monotonic()
    solution = await solver.solve(problem(deadline_s=0.1), "p")
    assert 0.1 + ABORT_GRACE_S <= time.monotonic() - began < 0.1 + ABORT_GRACE_S + 0.2
    assert (solution.status, votes(solution)) == (Status.DEADLINE, [("5", 1, 1)])
    assert outcomes(solution) == ["voted", "voted", "aborted", "aborted"]
    assert solution.paths[3].detail == "did not end in time"
    released.set()
    while engine.running:
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_hung_engine_and_a_program_that_still_runs_leave_a_true_timing() -> None:
    """Nothing has ended when the abort is no longer waited for: no path, and not the program either."""

    class Hung(TurnEngine):
        async def abort(self, request_ids: Sequence[str]) -> None:
            await released.wait()
            await super().abort(request_ids)

    class Endless(FakeSandbox):
        async def run(self, program: str, owner: Owner = ANYONE) -> Execution:
            await released.wait()
            raise AssertionError("cancelled before")

    released = asyncio.Event()
    solver = Solver(Hung([cot(5), pot(5)], order=[1]), Endless(), FormatV1())
    solution = await solver.solve(problem(cot=1, pot=1, deadline_s=0.1), "p")
    assert (solution.status, outcomes(solution)) == (Status.DEADLINE, ["aborted", "aborted"])
    assert 0.1 <= solution.timing.engine_s <= solution.timing.total_s < 1
    assert solution.timing.sandbox_s == 0
    released.set()
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0)


async def test_time_may_run_out_in_the_queue() -> None:
    engine = TurnEngine([cot(5)] * 2, order=[])
    solver = Solver(engine, FakeSandbox(), FormatV1(), Admission(slots=1, max_queue=1))
    first = asyncio.create_task(solver.solve(problem(cot=1, pot=0), "p"))
    await asyncio.sleep(0)
    second = await solver.solve(problem(cot=1, pot=0, deadline_s=0.05), "q")
    assert (second.status, second.answer, second.paths, second.votes) == (Status.DEADLINE, None, (), ())
    assert 0.05 <= second.timing.queue_s == second.timing.total_s < 0.3
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert len(engine.sampled) == 1


async def test_a_busy_engine_gets_no_more_paths_than_the_vote_needs() -> None:
    engine = TurnEngine(texts([5, 5, 6, 5, 5, 5, 5] + [5] * 13, plan(10, 10)))
    sandbox = computing_sandbox()
    await sandbox.start()
    solver = Solver(engine, sandbox, FormatV1(), Admission(slots=1, max_queue=0))
    solution = await solver.solve(problem(cot=10, pot=10, policy=Policy.ADAPTIVE), "p")
    assert votes(solution) == [("5", 3, 3), ("6", 1, 0)]
    assert (len(solution.paths), solution.planned, engine.aborted) == (7, 20, [])
    # Four may decide; the third disagrees, so that three more are needed.
    assert [sampling.seed for _, _, sampling in engine.sampled] == [path_seed(7, index) for index in range(7)]


@settings(max_examples=60)
@given(
    cast=st.lists(st.sampled_from([None, 1, 1, 1, 2]), min_size=10, max_size=10),
    order=st.permutations(range(10)),
    slots=st.integers(1, 12),
    policy=st.sampled_from(list(Policy)),
    calibration=st.sampled_from([Calibration(), Calibration(threshold=0.8)]),
)
def test_the_load_changes_what_runs_and_never_what_is_decided(
    cast: list[int | None], order: list[int], slots: int, policy: Policy, calibration: Calibration
) -> None:
    given = problem(cot=5, pot=5, policy=policy)
    written = texts(cast, plan(5, 5))

    async def busy() -> Solution:
        sandbox = computing_sandbox()
        await sandbox.start()
        engine = TurnEngine(written, order)
        solver = Solver(engine, sandbox, FormatV1("<bos>"), Admission(slots=slots), calibration)
        return await solver.solve(given, "p")

    idle = run(solved(TurnEngine(written), given, calibration=calibration))
    assert decision(run(busy())) == decision(idle)


async def test_a_calibrated_confidence() -> None:
    calibration = Calibration(confidence_map=((0.0, 0.1), (1.0, 0.9)))
    sandbox = computing_sandbox()
    await sandbox.start()
    engine = TurnEngine([cot(7), pot(5), cot(7), "?", "1 + 1 = 3. The answer is 3"])
    solver = Solver(engine, sandbox, FormatV1(), calibration=calibration)
    solution = await solver.solve(problem(cot=3, pot=2), "p")
    assert votes(solution) == [("7", 2, 0), ("5", 0, 1), ("2", 1, 0)]
    assert solution.calibrated
    assert solution.confidence == pytest.approx(0.1 + 0.8 * 3 / (5 + 2))
    assert (solution.paths[4].repaired, solution.paths[4].stated and solution.paths[4].stated.text) == (True, "3")


async def test_tokens_of_aborted_paths_are_counted() -> None:
    engine = playing([cot(5) + " because" * 200], [pot(5) + "\n#" * 200], tokens_per_s=100)
    solution = await solved(engine, problem(max_tokens=400, deadline_s=0.2))
    assert outcomes(solution) == ["aborted"] * 4
    assert all(15 <= path.completion_tokens <= 45 for path in solution.paths)
    assert {path.prompt_tokens for path in solution.paths} == {14}


async def cancelled(engine: TurnEngine | FakeEngine, sandbox: Sandbox, after_turns: int) -> None:
    await engine.start()
    await sandbox.start()
    task = asyncio.create_task(Solver(engine, sandbox, FormatV1()).solve(problem(), "p"))
    for _ in range(after_turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("turns", [1, 2, 3, 10, 60])
async def test_cancellation_aborts_everything_and_leaves_no_task(turns: int) -> None:
    engine = TurnEngine([cot(5), pot(5), cot(5), pot(6)], order=[1])
    sandbox = SlowSandbox()
    await cancelled(engine, sandbox, turns)
    assert (engine.running, sandbox.running) == (0, 0)
    assert {request_id for request_id, _, _ in engine.sampled} >= set(engine.aborted)


async def test_cancellation_reaches_the_shipped_engine() -> None:
    engine = playing([cot(5)], [pot(5)], tokens_per_s=0.01)
    await engine.start()
    task = asyncio.create_task(Solver(engine, FakeSandbox(), FormatV1()).solve(problem(), "p"))
    await asyncio.sleep(0.01)
    assert engine.running == 4
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert engine.running == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_failing_abort_leaves_no_task_either() -> None:
    class Stubborn(TurnEngine):
        async def abort(self, request_ids: Sequence[str]) -> None:
            await super().abort(request_ids)
            raise EngineDeadError("gone while aborting")

    with pytest.raises(EngineDeadError, match="aborting"):
        await solved(Stubborn([cot(5)] * 20), problem(cot=20, pot=0, policy=Policy.LOSSLESS))


async def test_problems_at_the_same_time_do_not_mix() -> None:
    engine = FakeEngine(lambda prompt, sampling: cot(prompt.split()[1]), tokens_per_s=1000)
    await engine.start()
    solver = Solver(engine, FakeSandbox(), FormatV1())
    given = [problem(f"{n} is it", cot=3, pot=0) for n in range(10)]
    solutions = await asyncio.gather(*(solver.solve(one, "same id") for one in given))
    assert [votes(solution) for solution in solutions] == [[(str(n), 3, 0)] for n in range(10)]


async def test_the_observer_is_told_of_every_path_that_ends() -> None:
    told: list[tuple[int, str, list[tuple[str, int]]]] = []

    def observer(result: PathResult, run: ProblemRun) -> None:
        told.append(
            (
                result.index,
                result.outcome.value,
                [(tally.answer.text, tally.cot + tally.pot) for tally in run.votes],
            )
        )

    engine: TurnEngine = TurnEngine([cot(5), pot(6), "?", pot(5)], order=[1, 0, 3, 2])
    sandbox = computing_sandbox()
    await sandbox.start()
    await Solver(engine, sandbox, FormatV1()).solve(problem(), "p", observer)
    assert told == [
        (1, "voted", []),
        (0, "voted", [("5", 1), ("6", 1)]),
        (3, "voted", [("5", 1), ("6", 1)]),
        (2, "unparsed", [("5", 2), ("6", 1)]),
    ]


async def test_paths_that_end_together_are_told_in_the_fixed_order() -> None:
    told: list[int] = []
    solver = Solver(TurnEngine([cot(5)] * 6, [5, 3, 1, 0, 2, 4], together=6), FakeSandbox(), FormatV1())
    await solver.solve(problem(cot=6, pot=0), "p", lambda result, run: told.append(result.index))
    assert told == [0, 1, 2, 3, 4, 5]


async def test_timing_of_engine_and_sandbox() -> None:
    engine = playing([cot(5)], [pot(5)], tokens_per_s=100)  # 7 and 5 tokens
    solution = await solved(engine, problem(cot=1, pot=1), SlowSandbox(0.05))
    timing = solution.timing
    assert timing.sandbox_s == 0.05
    assert 0 <= timing.queue_s < 0.05
    assert 0.07 <= timing.engine_s < 0.2
    assert timing.engine_s + timing.queue_s <= timing.total_s < 0.4
    assert 0.1 <= solution.paths[1].seconds < 0.3


async def test_an_engine_that_was_dead_before_is_raised() -> None:
    class Dead(TurnEngine):
        async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
            raise EngineDeadError("gone")

    with pytest.raises(EngineDeadError, match=r"^gone$"):
        await solved(Dead([]), problem())


async def test_in_a_hurry_each_problem_is_answered_as_it_stands() -> None:
    """One has a vote, one has none, one waits for its turn, one comes too late."""
    engine = TurnEngine([cot(5), pot(5), cot(5), pot(5)], order=[0])
    solver = Solver(engine, computing_sandbox(), FormatV1(), Admission(slots=8, max_queue=1))
    voted = asyncio.create_task(solver.solve(problem(), "voted"))
    while engine.running != 3:
        await asyncio.sleep(0)
    engine._turn.clear()
    silent = asyncio.create_task(solver.solve(problem(), "silent"))
    while engine.running != 7:
        await asyncio.sleep(0)
    third = asyncio.create_task(solver.solve(problem(), "third"))
    waiting = asyncio.create_task(solver.solve(problem(), "waiting"))
    await asyncio.sleep(0.01)
    solver.drain()
    solver.drain()
    late = asyncio.create_task(solver.solve(problem(), "late"))
    solution = await voted
    assert solution.answer is not None
    assert (solution.status, solution.answer.text, solution.planned) == (Status.DEADLINE, "5", 4)
    for task in (silent, third, waiting, late):
        with pytest.raises(EngineError, match=r"^The service is shutting down; retry\.$"):
            await task
    assert engine.running == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
