"""Work of `twinpath solve PROBLEM`, in this process or through a service."""

import json
from dataclasses import dataclass

from rich.console import Console

from service.cli.answer_view import AnswerView, live_vote
from service.cli.backend import connect, remedies
from service.cli.engine_start import started_engine
from service.schemas import SolveRequest, SolveResponse, VoteEvent
from service.schemas.from_solution import solve_response, vote_event
from service.settings import Settings
from service.solve.problem import PathResult
from service.solve.problem_run import ProblemRun
from service.types import PathOutcome

EXIT_BELOW_MINIMUM = 3
"""Exit code if the confidence is below the minimum of the request."""


@dataclass(frozen=True, slots=True)
class _Solved:
    """Response, its deadline if it is known, and seconds to start the engine."""

    response: SolveResponse
    deadline_s: float | None
    start_s: float = 0.0


async def solve_and_show(settings: Settings, request: SolveRequest, *, url: str | None, as_json: bool) -> int:
    """Solve one problem and print the response.

    Args:
        settings: settings of the engine.
        request: the request. JSON shows its trace.
        url: running service. None solves in this process.
        as_json: whether to print JSON instead of the answer view.

    Returns:
        Exit code: 0, or `EXIT_BELOW_MINIMUM`.
    """
    live = not as_json
    solved = await (_solved_at(url, settings, request, live) if url else _solved_here(settings, request, live))
    response = solved.response
    if as_json:  # ASCII: escape sequences in the texts of a model must not reach a terminal
        print(json.dumps(response.model_dump(mode="json"), separators=(",", ":")))
    else:
        Console().print(AnswerView(response, solved.deadline_s, request.min_confidence, solved.start_s))
    return EXIT_BELOW_MINIMUM if response.answer is None and request.min_confidence > 0 else 0


async def _solved_at(url: str, settings: Settings, request: SolveRequest, live: bool) -> _Solved:
    paths = request.paths
    planned = None if paths is None or paths.cot is None or paths.pot is None else paths.cot + paths.pot
    options = request.model_dump(exclude={"problem"}, exclude_none=True)
    async with connect(url, settings) as client:
        with remedies(), live_vote(Console(stderr=True), planned, is_shown=live) as vote:
            async for event in client.stream(request.problem, **options):
                if isinstance(event, SolveResponse):
                    response = event  # a stream without it raises
                elif isinstance(event, VoteEvent):
                    vote.votes = event.votes
                elif event.outcome is not PathOutcome.ABORTED:
                    vote.ended += 1
    return _Solved(response, request.deadline_s)


async def _solved_here(settings: Settings, request: SolveRequest, live: bool) -> _Solved:
    async with started_engine(settings, is_quiet=not live) as started:
        components = started.components
        problem = components.problem(request)
        with live_vote(started.console, problem.cot + problem.pot, is_shown=live) as vote:

            def observe(path: PathResult, run: ProblemRun) -> None:
                vote.ended += path.outcome is not PathOutcome.ABORTED
                vote.votes = vote_event(run.votes, run.confidence, decided=run.decided).votes

            solution = await components.solve(problem, "solve", observe)
    return _Solved(solve_response(solution, trace=request.trace), problem.deadline_s, started.start_s)
