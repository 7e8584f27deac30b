"""Evaluation: accuracy, calibration error, tokens and time over a file of problems.

Each problem is solved twice: with the vote of the policy, and with one greedy path of each kind. The first run also
gives the votes of one kind and the accuracy of single sampled paths, at no cost.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from service.evaluation.problems import LabeledProblem
from service.evaluation.report import Report, report_of
from service.evaluation.scoring import Solved
from service.schemas import PathBudget, SolveRequest, SolveResponse
from service.solve.problem import path_seed
from service.types import Policy

Solve = Callable[[SolveRequest], Awaitable[SolveResponse]]
_Response = TypeVar("_Response")


class Stage(StrEnum):
    """Stage of an evaluation. Every problem passes through both, one stage after the other."""

    VOTE = "vote"
    GREEDY = "greedy"


Progress = Callable[[Stage], AbstractContextManager[Callable[[], None]]]
"""Context of a stage. It yields a function that is called after each problem."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures, and the problems with their responses."""

    report: Report
    solved: tuple[Solved, ...]


async def evaluate(
    solve: Solve,
    problems: Sequence[LabeledProblem],
    *,
    policy: Policy,
    budget: PathBudget,
    seed: int,
    concurrency: int,
    earlier_s: float = 0.0,
    progress: Progress = lambda stage: nullcontext(lambda: None),
) -> Evaluation:
    """Solve all problems and compute the figures.

    Args:
        solve: solves one request.
        problems: the problems, at least one of them with a readable gold answer.
        policy: stopping policy.
        budget: maximum number of paths of each kind.
        seed: seed from which the seed of every problem is derived.
        concurrency: maximum number of problems that are solved at the same time.
        earlier_s: wall-clock seconds of the votes in earlier runs that this one resumes.
        progress: progress of each stage.
    """
    requests = [
        SolveRequest(problem=problem.text, paths=budget, policy=policy, seed=path_seed(seed, i), trace=True)
        for i, problem in enumerate(problems)
        if problem.is_readable
    ]
    readable = [problem for problem in problems if problem.is_readable]

    async def solve_briefly(request: SolveRequest) -> SolveResponse:
        return (await solve(request)).without_thoughts()  # no figure needs them

    started = time.monotonic()
    with progress(Stage.VOTE) as advance:
        votes = await solve_all(solve_briefly, requests, concurrency, advance)
    seconds = earlier_s + time.monotonic() - started
    greedily = {"temperature": 0.0, "paths": PathBudget(cot=1, pot=1), "policy": Policy.FIXED}
    greedy_requests = [request.model_copy(update=greedily) for request in requests]
    with progress(Stage.GREEDY) as advance:
        greedy = await solve_all(solve_briefly, greedy_requests, concurrency, advance)
    solved = tuple(Solved(*three) for three in zip(readable, votes, greedy, strict=True))
    unread = [problem for problem in problems if not problem.is_readable]
    report = report_of(solved, unread, policy=policy, budget=budget, seed=seed, seconds=seconds)
    return Evaluation(report, solved)


async def solve_all(
    solve: Callable[[SolveRequest], Awaitable[_Response]],
    requests: Iterable[SolveRequest],
    concurrency: int,
    advance: Callable[[], None],
) -> list[_Response]:
    """Responses to all requests, in their order. The first error ends all others.

    Args:
        solve: solves one request.
        requests: the requests.
        concurrency: maximum number of requests that are solved at the same time.
        advance: called after each response.
    """
    places = asyncio.Semaphore(concurrency)

    async def solve_one(request: SolveRequest) -> _Response:
        async with places:
            response = await solve(request)
        advance()
        return response

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(solve_one(request)) for request in requests]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
