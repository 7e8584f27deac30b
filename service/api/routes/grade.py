"""Route `POST /grade`: a response to a problem, and its grade."""

import logging

from fastapi import APIRouter, Depends, Request

from service.api.disconnect import while_connected
from service.api.routes.solve import ERRORS, components_of, problem_of, request_id, require_json, solve_and_record
from service.schemas import GradeRequest, GradeResponse
from service.schemas.from_solution import grade_response
from service.solve import shared_votes
from service.solve.problem import Solution
from service.solve.shared_votes import Vote

logger = logging.getLogger(__name__)
router = APIRouter(tags=["grade"])


@router.post("/grade", responses=ERRORS, dependencies=[Depends(require_json)])
async def grade(body: GradeRequest, request: Request) -> GradeResponse:
    """Grade a response to a math word problem, by the expected answer or by a vote.

    With `expected`, no path is sampled and the request does not wait. Without it, the problem is solved as by `/solve`.
    """

    async def vote() -> Solution:
        return await solve_and_record(problem_of(body.solve_request(), request), request)

    return await while_connected(request, grade_and_record(body, request, vote, request_id()))


async def grade_and_record(body: GradeRequest, request: Request, vote: Vote, grade_id: str) -> GradeResponse:
    """Grade a response, update the metrics, and log the result.

    Args:
        body: problem and response.
        request: the HTTP request.
        vote: solves the problem. It is called only without an expected answer.
        grade_id: id of the grade.

    Raises:
        InputError: the problem is longer than the service accepts, its model is not served, or `expected` states no
            answer.
    """
    problem = problem_of(body.solve_request(), request)
    found = await shared_votes.grade(body.response, body.expected, vote)
    components_of(request).metrics.observe_grade(found)
    logger.info(
        "graded",
        extra={"verdict": found.verdict.value, "basis": found.basis.value, "confidence": found.confidence},
    )
    return grade_response(found, grade_id, problem.model)
