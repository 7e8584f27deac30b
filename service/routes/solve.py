"""`POST /solve`: one problem in, its answer out."""

import logging
import secrets
import time
from typing import Any

from asgi_correlation_id import correlation_id
from fastapi import APIRouter, Depends, HTTPException, Request

from service.checkpoint import Decoding
from service.errors import InputError
from service.metrics import Metrics
from service.problem_json import MEDIA_TYPE, ProblemDocument
from service.schemas import SolveRequest, SolveResponse
from service.settings import Settings
from service.solution import Problem
from service.solver import Solver

logger = logging.getLogger(__name__)
router = APIRouter()

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDocument, "content": {MEDIA_TYPE: {}}, "description": description}
    for status, description in {
        400: "The body is no JSON.",
        413: "The body is too large.",
        415: "The body is not declared as JSON.",
        422: "A field is wrong; `errors` names it.",
        503: "The engine cannot sample.",
    }.items()
}


def require_json(request: Request) -> None:
    """Refuse a body that is not declared as JSON.

    Raises:
        HTTPException: 415.
    """
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != "application/json" and not declared.endswith("+json"):
        raise HTTPException(415, "Send the body with Content-Type: application/json.")


def problem_of(body: SolveRequest, request: Request) -> Problem:
    """The request's problem, with the service's settings for what it leaves out.

    Raises:
        InputError: the problem is longer than the service takes.
    """
    settings: Settings = request.app.state.settings
    decoding: Decoding = request.app.state.decoding
    if len(body.problem) > settings.max_problem_chars:
        raise InputError(
            f"The problem has {len(body.problem)} characters; {settings.max_problem_chars} are taken.", "problem"
        )
    return body.to_problem(settings, temperature=decoding.temperature, top_p=decoding.top_p, seed=secrets.randbits(53))


@router.post("/solve", responses=_ERRORS, dependencies=[Depends(require_json)])
async def solve(body: SolveRequest, request: Request) -> SolveResponse:
    """Solve a math word problem: sample paths of both kinds, run the programs, vote."""
    problem = problem_of(body, request)
    solver: Solver = request.app.state.solver
    metrics: Metrics = request.app.state.metrics
    began = time.monotonic()
    with metrics.inflight.track_inprogress():
        try:
            solution = await solver.solve(problem, correlation_id.get() or secrets.token_hex(16), metrics.first_path())
        except InputError:
            raise
        except Exception:
            metrics.observe_failure(time.monotonic() - began)
            raise
    metrics.observe_solution(solution)
    response = SolveResponse.of(solution, trace=body.trace)
    logger.info(
        "solved",
        extra={
            "status": response.status.value,
            "confidence": response.confidence,
            "paths": response.paths.model_dump(),
            "completion_tokens": response.usage.completion_tokens,
            "total_s": response.timing.total_s,
        },
    )
    return response
