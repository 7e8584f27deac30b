"""Votes under smaller budgets, against votes that really have them."""

import random

import pytest

from service.engine.base import Sampling
from service.engine.fake import FakeEngine
from service.evaluation.by_budget import BudgetPoint, by_budget
from service.evaluation.problems import LabeledProblem, is_right
from service.evaluation.scoring import Solved
from service.schemas import PathBudget, SolveRequest, SolveResponse
from service.schemas.from_solution import solve_response
from service.types import Policy, Status
from tests.support.components import fake_components
from tests.support.engines import TurnEngine, computing_sandbox, cot, pot

MOST = 4
PROBLEMS = [LabeledProblem(f"{seed}", f"How many in box {seed}?", "1") for seed in range(7)]


def drawn(prompt: str, sampling: Sampling) -> str:
    """Path that depends only on its seed and kind."""
    answer = random.Random(sampling.seed).choice([1, 1, 2, 3, None])
    if answer is None:
        return "I do not know."
    return cot(answer) if prompt.endswith("Reasoning:\n") else pot(answer)


async def solved_with(budget: PathBudget, policy: Policy) -> list[Solved]:
    """Votes of an engine whose path i is the same under every budget."""
    found = []
    async with fake_components(FakeEngine(drawn), computing_sandbox()) as components:
        for seed, problem in enumerate(PROBLEMS):
            request = SolveRequest(problem=problem.text, paths=budget, policy=policy, seed=seed, trace=True)
            response = solve_response(await components.solve(components.problem(request), "id"), trace=True)
            found.append(Solved(problem, response, response))
    return found


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize(("most_cot", "most_pot"), [(MOST, MOST), (MOST, 2), (0, MOST)])
async def test_a_replayed_budget_is_the_budget_itself(policy: Policy, most_cot: int, most_pot: int) -> None:
    most = PathBudget(cot=most_cot, pot=most_pot)
    points = by_budget(await solved_with(most, policy), most, policy)
    both = [point for point in points if point.kinds == "both"]
    assert [point.budget for point in both] == [1, 2, 3, 4]
    for point in both:
        budget = PathBudget(cot=min(point.budget, most_cot), pot=min(point.budget, most_pot))
        votes = await solved_with(budget, policy)
        counted = [[path for path in one.vote.trace or [] if path.counted] for one in votes]
        assert point == BudgetPoint(
            kinds="both",
            budget=point.budget,
            problems=len(PROBLEMS),
            right=sum(is_right(one.vote.answer, one.problem.answer) for one in votes),
            paths=sum(map(len, counted)) / len(PROBLEMS),
            completion_tokens=sum(path.tokens for paths in counted for path in paths) / len(PROBLEMS),
        )


async def response_to(texts: list[str], budget: PathBudget, policy: Policy) -> SolveResponse:
    async with fake_components(TurnEngine(texts), computing_sandbox()) as components:
        request = SolveRequest(problem="How many?", paths=budget, policy=policy, seed=1, trace=True)
        return solve_response(await components.solve(components.problem(request), "id"), trace=True)


async def test_each_kind_has_a_curve_if_no_path_is_left_out() -> None:
    budget = PathBudget(cot=2, pot=2)
    vote = await response_to([cot(1), pot(2), cot(1), pot(2)], budget, Policy.FIXED)
    points = by_budget([Solved(LabeledProblem("a", "How many?", "2"), vote, vote)], budget, Policy.FIXED)
    assert points == [
        BudgetPoint("both", 1, 1, 0, 2, 10),
        BudgetPoint("both", 2, 1, 0, 4, 20),
        BudgetPoint("cot", 1, 1, 0, 1, 5),
        BudgetPoint("cot", 2, 1, 0, 2, 10),
        BudgetPoint("pot", 1, 1, 1, 1, 5),
        BudgetPoint("pot", 2, 1, 1, 2, 10),
    ]


async def test_votes_that_the_deadline_ended_are_left_out() -> None:
    budget = PathBudget(cot=1, pot=1)
    vote = await response_to([cot(1), pot(1)], budget, Policy.LOSSLESS)
    whole = Solved(LabeledProblem("a", "How many?", "1"), vote, vote)
    late = vote.model_copy(update={"status": Status.DEADLINE})
    cut = Solved(LabeledProblem("b", "How many?", "2"), late, late)
    assert by_budget([whole, cut], budget, Policy.LOSSLESS) == [BudgetPoint("both", 1, 1, 1, 2, 10)]
    assert by_budget([cut], budget, Policy.LOSSLESS) == []


async def test_without_numbers_of_paths_there_are_no_points() -> None:
    budget = PathBudget(cot=1, pot=1)
    vote = await response_to([cot(1), pot(1)], budget, Policy.FIXED)
    solved = [Solved(LabeledProblem("a", "How many?", "1"), vote, vote)]
    assert by_budget(solved, PathBudget(), Policy.FIXED) == []
