"""Choices of one OpenAI request, each of which is a problem."""

import asyncio
from collections.abc import Sequence

from fastapi import Request

from service.api.allowance import Allowance
from service.api.routes.solve import components_of, request_id, solve_and_record
from service.errors import OverloadedError
from service.schemas import SolveResponse
from service.schemas.from_solution import solve_response
from service.solve.problem import Problem
from service.solve.problem_run import Observer


async def solve_choices(
    problems: Sequence[Problem], request: Request, observers: Sequence[Observer | None] = (), *, trace: bool = False
) -> list[SolveResponse]:
    """Solve the problems of a request. The first failure cancels the others.

    The limit of the key and `batch_concurrency` bound the open problems. The other problems of the request wait.

    Args:
        problems: the problem of each choice.
        request: the HTTP request.
        observers: observer of each problem. Default: none.
        trace: whether the responses hold every path.

    Returns:
        The responses in order.

    Raises:
        OverloadedError: the rate limit refuses the problems, or the queue has no room for the first one.
        TwinpathError: a problem failed.
    """
    own = request_id()
    allowance = Allowance.of(request.scope)
    allowance.charge(len(problems))
    places = asyncio.Semaphore(components_of(request).settings.batch_concurrency)

    async def solve(index: int, problem: Problem, observer: Observer | None) -> SolveResponse:
        problem_id = own if len(problems) == 1 else f"{own}-{index}"
        while True:
            try:
                async with places, allowance.place():
                    solution = await solve_and_record(problem, request, observer, problem_id=problem_id)
                    return solve_response(solution, trace=trace)  # the texts of the paths take much memory
            except OverloadedError as error:
                if index == 0:
                    raise
                await asyncio.sleep(error.retry_after_s)

    each = zip(range(len(problems)), problems, observers or [None] * len(problems), strict=True)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(solve(*choice)) for choice in each]
    except ExceptionGroup as failures:
        failure = failures.exceptions[0]
        if isinstance(failure, OverloadedError):  # a stream may be open, so that no status 429 can follow
            allowance.refund()
        raise failure from None
    return [task.result() for task in tasks]
