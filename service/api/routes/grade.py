"""Route `POST /grade`: a response to a problem, and its grade."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fastapi import APIRouter, Depends, Request

from service.api.disconnect import while_connected
from service.api.routes.solve import ERRORS, components_of, problem_of, request_id, require_json, solve_and_record
from service.schemas import GradeRequest, GradeResponse, SolveRequest
from service.schemas.from_solution import grade_response
from service.solve.grading import grade_by_expected, grade_by_vote
from service.solve.problem import Solution

logger = logging.getLogger(__name__)
router = APIRouter()

Vote = Callable[[SolveRequest], Awaitable[Solution]]
"""Solves the problem of a request."""


@router.post("/grade", responses=ERRORS, dependencies=[Depends(require_json)])
async def grade(body: GradeRequest, request: Request) -> GradeResponse:
    """Grade a response to a math word problem, by the expected answer or by a vote.

    With `expected`, no path is sampled and the request does not wait. Without it, the problem is solved as by `/solve`.
    """

    async def vote(problem: SolveRequest) -> Solution:
        return await solve_and_record(problem_of(problem, request), request)

    return await while_connected(request, grade_and_record(body, request, vote, request_id()))


async def grade_and_record(body: GradeRequest, request: Request, vote: Vote, grade_id: str) -> GradeResponse:
    """Grade a response, update the metrics, and log the result.

    Args:
        body: problem and response.
        request: the HTTP request.
        vote: solves the problem if the expected answer is not known.
        grade_id: id of the grade.

    Raises:
        InputError: the problem is longer than the service accepts, or `expected` states no answer.
    """
    components = components_of(request)
    problem = body.solve_request()
    # In a thread, because a long hostile text takes up to a second.
    if body.expected is not None:
        problem_of(problem, request)
        found = await asyncio.to_thread(grade_by_expected, body.response, body.expected)
    else:
        found = await asyncio.to_thread(grade_by_vote, body.response, await vote(problem))
    components.metrics.observe_grade(found)
    logger.info(
        "graded",
        extra={"verdict": found.verdict.value, "basis": found.basis.value, "confidence": found.confidence},
    )
    return grade_response(found, grade_id, components.engine.model)


class SharedVotes:
    """Votes of a batch. Responses to one problem share a vote, so that equal responses get equal grades.

    Args:
        vote: solves a problem. Its second argument is the id of the problem.
    """

    def __init__(self, vote: Callable[[SolveRequest, str], Awaitable[Solution]]) -> None:
        self._vote = vote
        self._votes: OrderedDict[str, _SharedVote] = OrderedDict()

    async def solve(self, problem: SolveRequest, problem_id: str) -> Solution:
        """Vote on a problem, which may be that of an earlier row. A failed vote is tried again by the next row."""
        key = problem.model_dump_json()
        shared = self._votes.setdefault(key, _SharedVote())
        self._votes.move_to_end(key)
        if len(self._votes) > _MAX_SHARED_VOTES:
            self._votes.popitem(last=False)
        async with shared.lock:
            if shared.solution is None:
                shared.solution = await self._vote(problem, problem_id)
        return shared.solution


_MAX_SHARED_VOTES = 64  # a solution holds the texts of its paths


@dataclass(slots=True)
class _SharedVote:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    solution: Solution | None = None
