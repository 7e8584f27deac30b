"""One request, from problem to solution. `Solver.solve` is the architecture; everything else here is a step of it.

The solver knows no HTTP and no vLLM. A path that fails abstains; it never fails its problem. What concerns the whole
problem is raised: `PromptTooLongError`, `EngineDeadError`, and `EngineError` when no path could be sampled.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from service.admission import Admission, Grant
from service.attempt import Attempt
from service.calibration import Calibration
from service.engine.base import Completion, Engine, Finish, Sampling
from service.errors import EngineDeadError, EngineError, SandboxError
from service.paths.answer import answer_from_value
from service.paths.base import PathFormat
from service.paths.cot import parse_cot
from service.paths.pot import extract_program
from service.sandbox.base import Execution, Outcome, Sandbox
from service.solution import PathResult, Problem, Solution
from service.types import PathKind, PathOutcome

logger = logging.getLogger(__name__)

GRACE_S = 0.2
"""How long after the deadline an abort is waited for; an engine that hangs must not hold the answer up."""

_STOPS = "The service stops; ask again."

Observer = Callable[[PathResult, Attempt], None]
"""Told of every path that ends, and how the vote stands then."""


class Solver:
    """Solves problems with one engine, one sandbox and one prompt format; any number of problems at the same time.

    Args:
        engine: samples the paths.
        sandbox: runs the programs.
        path_format: how the engine's model is asked.
        admission: the engine's slots, and who waits for them; None takes the default number.
        calibration: what the model's votes are worth; None weighs all the same.
    """

    def __init__(
        self,
        engine: Engine,
        sandbox: Sandbox,
        path_format: PathFormat,
        admission: Admission | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self._engine = engine
        self._sandbox = sandbox
        self._format = path_format
        self._admission = admission or Admission()
        self._calibration = calibration or Calibration()
        self._ending: set[asyncio.Task[None]] = set()
        self._deciding: set[asyncio.Future[None]] = set()

    async def solve(self, problem: Problem, problem_id: str, observer: Observer | None = None) -> Solution:
        """Wait for one's turn, sample paths, run the programs, count the votes, stop when they are decided.

        Args:
            problem: what to solve.
            problem_id: the solution's id; the paths' request ids begin with it.
            observer: told of every path that ends.

        Raises:
            OverloadedError: the queue is full.
            PromptTooLongError: the problem does not fit into the model's context.
            EngineError: no path could be sampled, or the service stops.
        """
        attempt = Attempt(problem, problem_id, self._calibration)
        grant = await self._admission.enter(attempt.needed, attempt.seconds_left())
        if grant is None:
            attempt.out_of_time = True
            return attempt.solution(self._engine.model)

        def ended(result: PathResult) -> None:
            attempt.record(result)
            if observer:
                observer(result, attempt)

        paths: dict[asyncio.Task[PathResult], int] = {}
        hurried = asyncio.get_running_loop().create_future()
        self._deciding.add(hurried)
        with grant:
            try:
                await self._sample_until_decided(attempt, grant, paths, ended, hurried)
            finally:
                self._deciding.discard(hurried)
                await self._stop(attempt, paths)
        for path, index in paths.items():
            if not path.done():
                ended(PathResult(index, attempt.kinds[index], PathOutcome.ABORTED, detail="it did not end in time"))
            elif path.result().index not in attempt:
                ended(path.result())
        solution = attempt.solution(self._engine.model)
        if hurried.done() and not solution.votes:
            raise EngineError(_STOPS)
        return solution

    def hurry(self) -> None:
        """The service stops: each problem is answered with its vote so far, and one that has none is given up."""
        self._admission.close(EngineError(_STOPS))
        for hurried in self._deciding:
            if not hurried.done():
                hurried.set_result(None)

    async def _sample_until_decided(
        self,
        attempt: Attempt,
        grant: Grant,
        paths: dict[asyncio.Task[PathResult], int],
        ended: Callable[[PathResult], None],
        hurried: asyncio.Future[None],
    ) -> None:
        """Keep as many paths running as the vote needs and the load allows, until it is decided or time is up."""
        while not attempt.decided:
            for index in attempt.start(grant.share):
                grant.start(1)
                paths[asyncio.create_task(self._walk(attempt, index, grant))] = index
            running = [path for path, index in paths.items() if index not in attempt]
            events: list[asyncio.Future[Any]] = [*running, hurried]
            await asyncio.wait(events, timeout=attempt.seconds_left(), return_when=asyncio.FIRST_COMPLETED)
            done = [path for path in running if path.done()]
            for result in sorted((path.result() for path in done), key=lambda result: result.index):
                ended(result)
            if not done or hurried.done():
                attempt.out_of_time = not attempt.decided
                return

    async def _walk(self, attempt: Attempt, index: int, grant: Grant) -> PathResult:
        """One path, from prompt to answer."""
        started = time.monotonic()
        kind = attempt.kinds[index]
        try:
            completion = await self._sample(attempt, index)
        except EngineDeadError:
            raise
        except EngineError as error:
            attempt.fail(error)
            return PathResult(index, kind, PathOutcome.ERROR, detail=_line(error))
        finally:
            grant.end()
        if completion.finish is Finish.ABORT or attempt.stopped:
            result = PathResult(index, kind, PathOutcome.ABORTED, completion.text)
        elif kind is PathKind.COT:
            result = _read_rationale(index, completion.text, complete=completion.finish is Finish.STOP)
        else:
            result = await self._run_program(attempt, index, completion.text)
        return replace(
            result,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            seconds=time.monotonic() - started,
        )

    async def _sample(self, attempt: Attempt, index: int) -> Completion:
        if attempt.stopped:
            return Completion("", 0, 0, Finish.ABORT)
        problem = attempt.problem
        sampling = Sampling(
            temperature=problem.temperature,
            top_p=problem.top_p,
            max_tokens=problem.max_tokens,
            seed=path_seed(problem.seed, index),
            stop=self._format.stop,
        )
        prompt = self._format.prompt(attempt.kinds[index], problem.text)
        with attempt.sampling(index) as request_id:
            return await self._engine.sample(request_id, prompt, sampling)

    async def _run_program(self, attempt: Attempt, index: int, text: str) -> PathResult:
        program = extract_program(text)
        if program is None:
            return PathResult(index, PathKind.POT, PathOutcome.UNPARSED, text, detail="the text holds no program")
        execution = attempt.executions.get(program)
        if execution is None:  # textually equal programs run once
            execution = attempt.executions[program] = asyncio.ensure_future(self._sandbox.run(program))
        try:
            return _read_execution(index, text, program, await asyncio.shield(execution))
        except SandboxError as error:
            return PathResult(index, PathKind.POT, PathOutcome.CRASHED, text, program=program, detail=_line(error))
        except asyncio.CancelledError:
            if not execution.cancelled():
                raise
            return PathResult(index, PathKind.POT, PathOutcome.ABORTED, text, program=program)

    async def _stop(self, attempt: Attempt, paths: Collection[asyncio.Task[PathResult]]) -> None:
        """Abort what is still sampled, drop what is still run, and wait until all of it has ended.

        An engine that does not answer is waited for until shortly after the deadline; then the abort goes on by itself.
        """
        attempt.stopped = True
        ending = asyncio.create_task(self._abort(attempt, paths))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        await asyncio.wait({ending}, timeout=attempt.seconds_left() + GRACE_S)
        if ending.done():
            ending.result()
        else:
            logger.warning("the engine has not ended a problem's paths %s s after its deadline", GRACE_S)
            ending.add_done_callback(_log_failure)

    async def _abort(self, attempt: Attempt, paths: Collection[asyncio.Task[PathResult]]) -> None:
        try:
            await self._engine.abort(attempt.sampled_now())
        finally:
            for execution in attempt.executions.values():
                execution.cancel()
            await asyncio.gather(*paths, *attempt.executions.values(), return_exceptions=True)


def path_seed(seed: int, index: int) -> int:
    """The seed of one path, in [0, 2^63): far from those of other paths and of neighbouring problem seeds."""
    digest = hashlib.blake2b(f"{seed}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def _read_rationale(index: int, text: str, *, complete: bool) -> PathResult:
    path = parse_cot(text, complete=complete)
    if path.answer is None:
        return PathResult(index, PathKind.COT, PathOutcome.UNPARSED, text, detail="the text states no answer")
    return PathResult(
        index,
        PathKind.COT,
        PathOutcome.VOTED,
        path.text,
        answer=path.answer,
        repaired=path.repaired,
        stated=path.stated,
    )


def _read_execution(index: int, text: str, program: str, execution: Execution) -> PathResult:
    if execution.outcome is not Outcome.OK or execution.value is None:
        outcome = PathOutcome(execution.outcome.value)  # the two share the names of failures
        return PathResult(index, PathKind.POT, outcome, text, program=program, detail=execution.detail)
    answer = answer_from_value(execution.value)
    if answer is None:
        detail = "the program's result is no answer"
        return PathResult(index, PathKind.POT, PathOutcome.UNPARSED, text, program=program, detail=detail)
    return PathResult(index, PathKind.POT, PathOutcome.VOTED, text, answer=answer, program=program)


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.error("a problem's paths could not be aborted: %s", error)
