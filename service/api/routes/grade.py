"""Route `POST /grade`: a response to a problem, and its grade."""

import logging

from fastapi import APIRouter, Depends, Request

from service.api.disconnect import while_connected
from service.api.routes.solve import ERRORS, components_of, problem_of, request_id, require_json, solve_and_record
from service.schemas.from_solution import grade_response
from service.schemas.grade import GradeRequest, GradeResponse
from service.solve.grading import Grade, grade_by_expected, grade_by_vote

logger = logging.getLogger(__name__)
router = APIRouter()


@router.post("/grade", responses=ERRORS, dependencies=[Depends(require_json)])
async def grade(body: GradeRequest, request: Request) -> GradeResponse:
    """Grade a response to a math word problem, by the expected answer or by a vote.

    With `expected`, no path is sampled and the request never waits. Without it, the problem is solved as by `/solve`.
    """
    return await while_connected(request, grade_and_record(body, request))


async def grade_and_record(body: GradeRequest, request: Request, *, grade_id: str | None = None) -> GradeResponse:
    """Grade a response, update the metrics, and log the result.

    Args:
        body: problem and response.
        request: the HTTP request.
        grade_id: id of the grade. Default: the id of the request.

    Raises:
        InputError: the problem is longer than the service accepts, or `expected` states no answer.
    """
    grade_id = grade_id or request_id()
    problem = problem_of(body.solve_request(), request)
    if body.expected is not None:
        found = grade_by_expected(body.response, body.expected)
    else:
        found = grade_by_vote(body.response, await solve_and_record(problem, request, problem_id=grade_id))
    _log(found)
    return grade_response(found, grade_id, components_of(request).engine.model)


def _log(grade: Grade) -> None:
    logger.info(
        "graded",
        extra={"verdict": grade.verdict.value, "basis": grade.basis.value, "confidence": grade.confidence},
    )
