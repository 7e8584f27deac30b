"""`POST /solve`: one problem in, its answer out; `POST /solve/stream`: the same, told as it happens."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

from asgi_correlation_id import correlation_id
from fastapi import APIRouter, Depends, HTTPException, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from service.api.disconnect import while_connected
from service.components import Components
from service.errors import InputError, OverloadedError, TwinpathError
from service.schemas import SolveRequest, SolveResponse, VoteEvent
from service.schemas.from_solution import path_event, solve_response, vote_event
from service.schemas.problem_details import MEDIA_TYPE, ProblemDetails, problem_details
from service.solve.problem import PathResult, Problem, Solution
from service.solve.problem_run import Observer, ProblemRun

logger = logging.getLogger(__name__)
router = APIRouter()

HEARTBEAT_S = 5
OPENING_S = 1.0
"""An error so soon is answered with its own HTTP status; a later one is an event of the open stream."""

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDetails, "content": {MEDIA_TYPE: {}}, "description": description}
    for status, description in {
        400: "The body is no JSON.",
        408: "The body was not whole in time.",
        413: "The body is too large.",
        415: "The body is not declared as JSON.",
        422: "A field is wrong; `errors` names it.",
        429: "The queue is full, or the API key's limit is reached; Retry-After says when to come back.",
        503: "The engine cannot sample.",
    }.items()
}
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: `path` as each path ends (a row of `trace`), `vote` as the count changes, "
        "`answer` last (what `/solve` answers), or `error` (a problem document). Comments keep the connection open.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


async def require_json(request: Request) -> None:  # async, though it awaits nothing: else it would run in a thread
    """Refuse a body that is not declared as JSON.

    Raises:
        HTTPException: 415.
    """
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != "application/json" and not declared.endswith("+json"):
        raise HTTPException(415, "Send the body with Content-Type: application/json.")


def request_id() -> str:
    """The id of the request that is being answered."""
    return correlation_id.get() or secrets.token_hex(16)


def components_of(request: Request) -> Components:
    """Components of the application that received the request."""
    components: Components = request.app.state.components
    return components


async def solve_and_record(
    problem: Problem, request: Request, observer: Observer | None = None, *, problem_id: str | None = None
) -> Solution:
    """Solve a problem, update the metrics and log the result. The default id is that of the request."""
    solver, metrics = components_of(request).solver, components_of(request).metrics
    first_path = metrics.first_path()
    began = time.monotonic()

    def observe(result: PathResult, run: ProblemRun) -> None:
        first_path(result)
        if observer:
            observer(result, run)

    with metrics.inflight.track_inprogress():
        try:
            solution = await solver.solve(problem, problem_id or request_id(), observe)
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
            "confidence": response.confidence,
            "paths": response.paths.model_dump(),
            "completion_tokens": response.usage.completion_tokens,
            "total_s": response.timing.total_s,
        },
    )
    return solution


@router.post("/solve", responses=_ERRORS, dependencies=[Depends(require_json)])
async def solve(body: SolveRequest, request: Request) -> SolveResponse:
    """Solve a math word problem: sample paths of both kinds, run the programs, vote."""
    solution = await while_connected(request, solve_and_record(components_of(request).problem(body), request))
    return solve_response(solution, trace=body.trace)


@router.post(
    "/solve/stream",
    responses=_ERRORS | _EVENTS,
    response_class=EventSourceResponse,
    dependencies=[Depends(require_json)],
)
async def solve_stream(body: SolveRequest, request: Request) -> EventSourceResponse:
    """Solve a math word problem, and tell of every path as it ends, of every change of the vote, and of the answer."""
    stream = EventStream(body.trace)
    task = asyncio.create_task(solve_and_record(components_of(request).problem(body), request, stream.observe))
    task.add_done_callback(stream.end)
    something: set[asyncio.Future[Any]] = {task, stream.first}
    try:
        await asyncio.wait(something, timeout=OPENING_S, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()  # an error has its own status
    except BaseException:
        task.cancel()
        raise
    return EventSourceResponse(stream_events(stream, task), ping=HEARTBEAT_S)


class EventStream:
    """What is to be told of one problem: a queue of events, closed by None."""

    def __init__(self, trace: bool) -> None:
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.events: asyncio.Queue[ServerSentEvent | None] = asyncio.Queue()
        self._trace = trace
        self._votes: VoteEvent | None = None

    def observe(self, result: PathResult, run: ProblemRun) -> None:
        self._tell("path", path_event(result).model_dump_json())
        vote = vote_event(run.votes, run.confidence, decided=run.decided)
        if vote.votes and vote != self._votes:
            self._votes = vote
            self._tell("vote", vote.model_dump_json())

    def end(self, task: asyncio.Task[Solution]) -> None:
        if task.cancelled():
            pass
        elif error := task.exception():
            logger.log(logging.WARNING if isinstance(error, TwinpathError) else logging.ERROR, "stream: %s", error)
            self._tell("error", problem_details(error, correlation_id.get()).model_dump_json())
        else:
            self._tell("answer", solve_response(task.result(), trace=self._trace).model_dump_json())
        self.events.put_nowait(None)

    def _tell(self, event: str, data: str) -> None:
        self.events.put_nowait(ServerSentEvent(data, event=event))
        if not self.first.done():
            self.first.set_result(None)


async def stream_events(stream: EventStream, task: asyncio.Task[Solution]) -> AsyncIterator[ServerSentEvent]:
    """The events; a caller who leaves cancels this, and with it the problem."""
    try:
        while event := await stream.events.get():
            yield event
    finally:
        task.cancel()
