"""Samples through the solver of the service."""

import asyncio

import pytest

from service.engine.fake import FakeEngine
from service.errors import EngineError, PromptTooLongError
from service.evaluation.calibration.samples import SampledPath
from service.evaluation.calibration.sampling import CUT_OFF, LeftOut, ProblemSamples, sample_problems, sampling_requests
from service.evaluation.evaluate import Solve
from service.evaluation.problems import LabeledProblem
from service.limits import MAX_DEADLINE_S
from service.schemas import PathBudget, SolveRequest, SolveResponse
from service.schemas.from_solution import solve_response
from service.solve.problem import path_seed
from service.types import PathKind, Policy, Status
from tests.support.components import fake_components
from tests.support.engines import computing_sandbox, cot, in_turn, pot

COT, POT = PathKind.COT, PathKind.POT
PROBLEMS = [LabeledProblem("a/1", "apples?", "7"), LabeledProblem("a/2", "bees?", "8")]
BUDGET = PathBudget(cot=2, pot=2)


async def sampled(solve: Solve, problems: list[LabeledProblem] = PROBLEMS) -> ProblemSamples:
    return await sample_problems(solve, problems, sampling_requests(problems, BUDGET, 5), 2, lambda: None)


def solving(engine: FakeEngine) -> Solve:
    async def solve(request: SolveRequest) -> SolveResponse:
        async with fake_components(engine, computing_sandbox()) as components:
            return solve_response(await components.solve(components.problem(request), "id"), trace=True)

    return solve


def test_each_problem_is_asked_for_every_path_with_its_own_seed() -> None:
    first, second = sampling_requests(PROBLEMS, BUDGET, 5)
    assert (first.problem, first.paths, first.policy, first.trace) == ("apples?", BUDGET, Policy.FIXED, True)
    assert (first.seed, second.seed) == (path_seed(5, 0), path_seed(5, 1))
    assert (first.deadline_s, first.temperature, first.model) == (MAX_DEADLINE_S, None, None)
    assert sampling_requests(PROBLEMS, BUDGET, 5, "maths")[1].model == "maths"


async def test_samples_are_the_paths_of_the_solver() -> None:
    engine = FakeEngine(in_turn(["3 + 4 = 8. The answer is 8", "Hm."], [pot(7), "not a program"]))
    found = await sampled(solving(engine), PROBLEMS[:1])
    (one,) = found.samples
    assert (one.id, one.gold, one.question, found.ids) == ("0", "7", "apples?", ("a/1",))
    explained, programmed, silent, broken = one.paths
    assert (explained.kind, explained.answer, explained.stated, explained.right) == (COT, "7", "8", True)
    assert (explained.repaired, explained.text) == (True, "")
    assert programmed == SampledPath(POT, 0, "ans = 7", programmed.tokens, "7", None, repaired=False, right=True)
    assert [(path.index, path.answer, path.right) for path in (silent, broken)] == [(1, None, False)] * 2
    assert (found.abstained, found.paths_per_kind) == (0.5, 2)
    assert (found.right(COT), found.right(POT)) == (0.5, 0.5)


async def test_problems_that_cannot_be_sampled_are_left_out() -> None:
    answer = solving(FakeEngine(in_turn([cot(7)], [pot(7)])))

    async def solve(request: SolveRequest) -> SolveResponse:
        if request.problem == "bees?":
            raise PromptTooLongError("The prompt has 9 tokens. The context length is 8.")
        response = await answer(request)
        return response.model_copy(update={"status": Status.DEADLINE}) if request.problem == "late?" else response

    found = await sampled(solve, [*PROBLEMS, LabeledProblem("c", "late?", "7")])
    assert found.ids == ("a/1",)
    assert found.left_out == (
        LeftOut("a/2", "The prompt has 9 tokens. The context length is 8."), LeftOut("c", CUT_OFF)
    )  # fmt: skip


async def test_a_failure_of_the_engine_ends_the_run() -> None:
    async def solve(request: SolveRequest) -> SolveResponse:
        await asyncio.sleep(0)
        raise EngineError("no engine")

    with pytest.raises(EngineError, match=r"^no engine$"):
        await sampled(solve)


def test_without_samples_every_share_is_zero() -> None:
    nothing = ProblemSamples((), (), ())
    assert (nothing.paths_per_kind, nothing.abstained, nothing.right(COT)) == (0, 0.0, None)
