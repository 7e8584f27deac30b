"""Command `twinpath solve PROBLEM`, in this process or through a running service."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from service.cli.answer_view import AnswerView, live_vote
from service.cli.backend import connect, remedies
from service.cli.output import build_progress
from service.components import build
from service.errors import InputError
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


def problem_from_stdin(max_bytes: int) -> str:
    """Problem on standard input. Empty if it is closed.

    Raises:
        InputError: the input is too long, or is not UTF-8.
    """
    if sys.stdin is None:
        return ""
    content = sys.stdin.buffer.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise InputError(f"Standard input has over {max_bytes} bytes. Give a file of problems with --input.", "problem")
    try:
        return content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise InputError(f"Standard input is not UTF-8 text: byte {error.start} is invalid.", "problem") from None


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
    began = time.monotonic()
    with engine_output_in(settings.cache_dir / "engine.log") as err:
        with build_progress(err) as progress:
            components = build(settings, progress)
        async with AsyncExitStack() as stack:
            with err.status("Starting the engine"):
                await stack.enter_async_context(components)
            start_s = time.monotonic() - began
            problem = components.problem(request)
            with live_vote(err, problem.cot + problem.pot, is_shown=live) as vote:

                def observe(path: PathResult, run: ProblemRun) -> None:
                    vote.ended += path.outcome is not PathOutcome.ABORTED
                    vote.votes = vote_event(run.votes, run.confidence, decided=run.decided).votes

                solution = await components.solver.solve(problem, "solve", observe)
    return _Solved(solve_response(solution, trace=request.trace), problem.deadline_s, start_s)


@contextmanager
def engine_output_in(path: Path) -> Iterator[Console]:
    """Redirect the output of the engine and its processes to a file.

    Yields:
        A console on the real standard error.
    """
    # vLLM and torch write to descriptors 1 and 2 from C++ and from child processes.
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    real = [os.dup(descriptor) for descriptor in (1, 2)]
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    try:
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        encoding = sys.stderr.encoding if sys.stderr else "utf-8"
        with os.fdopen(os.dup(real[1]), "w", encoding=encoding, errors="replace") as stderr:
            yield Console(file=stderr)
    except Exception as error:
        error.add_note(f"The output of the engine is in {path}.")
        raise
    finally:
        for descriptor, copy in zip((1, 2), real, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(log)
