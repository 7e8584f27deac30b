"""Routes `POST /solve` and `POST /solve/stream` for one problem."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from asgi_correlation_id import correlation_id
from fastapi import APIRouter, Depends, HTTPException, Request, Response

from service.api.auth import key_name
from service.api.disconnect import while_connected
from service.api.sse import EventStream, Publish, open_stream
from service.components import Components
from service.errors import InputError, OverloadedError
from service.schemas import SolveRequest, SolveResponse, VoteEvent
from service.schemas.from_solution import path_event, solve_response, vote_event
from service.schemas.problem_details import MEDIA_TYPE, ProblemDetails
from service.solve.problem import PathResult, Problem, Solution
from service.solve.problem_run import Observer, ProblemRun

logger = logging.getLogger(__name__)
router = APIRouter(tags=["solve"])

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDetails, "content": {MEDIA_TYPE: {}}, "description": description}
    for status, description in {
        400: "The body is not valid JSON.",
        408: "The body did not arrive in time.",
        413: "The body is too large.",
        415: "The Content-Type of the body is not JSON.",
        422: "A field is invalid. `errors` names it.",
        429: "The queue is full, or the API key has reached a limit.",
        503: "The engine cannot sample.",
    }.items()
}
"""Responses to requests that fail, for the OpenAPI document."""
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: a `path` when each path ends, a `vote` when the count changes, and last "
        "the `answer` (the response of `/solve`) or an `error` (problem details). Comments keep the connection open.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


async def require_json(request: Request) -> None:  # async, because FastAPI runs sync functions in a thread
    """Check that the Content-Type of the body is JSON.

    Raises:
        HTTPException: 415, it is not.
    """
    # Without this, any web page could have a browser post a form to a service on this machine that has no keys.
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != "application/json" and not declared.endswith("+json"):
        raise HTTPException(
            415,
            "The Content-Type of the body must be application/json. With curl, add "
            "-H 'Content-Type: application/json'.",
            {"Accept": "application/json"},
        )


def request_id() -> str:
    """Id of the current request."""
    return correlation_id.get() or secrets.token_hex(16)


def components_of(request: Request) -> Components:
    """Components of the application that received the request."""
    components: Components = request.app.state.components
    return components


def problem_of(body: SolveRequest, request: Request) -> Problem:
    """Problem of a request.

    Raises:
        InputError: the problem is longer than the service accepts, its model is not served, or no path is left.
    """
    components = components_of(request)
    limit = components.settings.max_problem_chars
    if len(body.problem) > limit:
        raise InputError(f"The problem has {len(body.problem)} characters; the maximum is {limit}.", "problem")
    return components.problem(body, key_name(request.scope), request_id())


async def solve_and_record(
    problem: Problem, request: Request, observer: Observer | None = None, *, problem_id: str | None = None
) -> Solution:
    """Solve a problem, update the metrics, and log the result.

    Args:
        problem: the problem.
        request: the HTTP request.
        observer: called when a path ends.
        problem_id: id of the problem. Default: the id of the request.
    """
    components = components_of(request)
    metrics = components.metrics
    first_path = metrics.first_path()
    began = time.monotonic()

    def observe(result: PathResult, run: ProblemRun) -> None:
        first_path(result)
        if observer:
            observer(result, run)

    with metrics.inflight.track_inprogress():
        try:
            solution = await components.solve(problem, problem_id or request_id(), observe)
        except (InputError, OverloadedError):
            raise
        except Exception:
            metrics.observe_failure(time.monotonic() - began)
            raise
    metrics.observe_solution(solution)
    response = solve_response(solution, trace=False)
    logger.info(
        "solved",
        extra={
            "status": response.status.value,
            "model": response.model,
            "confidence": response.confidence,
            "paths": response.paths.model_dump(),
            "completion_tokens": response.usage.completion_tokens,
            "total_s": response.timing.total_s,
        },
    )
    return solution


@router.post("/solve", responses=ERRORS, dependencies=[Depends(require_json)])
async def solve(body: SolveRequest, request: Request) -> SolveResponse:
    """Solve a math word problem: sample paths of both kinds, run the programs, vote."""
    solution = await while_connected(request, solve_and_record(problem_of(body, request), request))
    return solve_response(solution, trace=body.trace)


@router.post(
    "/solve/stream",
    responses=ERRORS | _EVENTS,
    response_class=Response,
    dependencies=[Depends(require_json)],
)
async def solve_stream(body: SolveRequest, request: Request) -> EventStream:
    """Solve a math word problem, and send each path when it ends, each change of the vote, and the answer."""
    problem = problem_of(body, request)

    def work(publish: Publish) -> Awaitable[Solution]:
        on_vote = vote_observer(lambda vote: publish("vote", vote.model_dump_json()))

        def observe(path: PathResult, run: ProblemRun) -> None:
            publish("path", path_event(path).model_dump_json())
            on_vote(path, run)

        return solve_and_record(problem, request, observe)

    return await open_stream(
        work,
        result=lambda solution: [("answer", solve_response(solution, trace=body.trace).model_dump_json())],
        failure=lambda details: ("error", details.model_dump_json()),
    )


def vote_observer(on_vote: Callable[[VoteEvent], None]) -> Observer:
    """Observer of a problem that calls `on_vote` each time the vote changes."""
    last: VoteEvent | None = None

    def observe(_: PathResult, run: ProblemRun) -> None:
        nonlocal last
        vote = vote_event(run.votes, run.confidence, decided=run.decided)
        if vote.votes and vote != last:
            last = vote
            on_vote(vote)

    return observe
