"""The solver: one request, from problem to solution.

`Solver.solve` and `Solver._run_path` show the whole request. The solver depends neither on HTTP nor on vLLM.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

from opentelemetry.trace import SpanKind

from service import tracing
from service.engine.base import Completion, Engine, Finish, Sampling
from service.errors import EngineDeadError, EngineError
from service.paths.base import PathFormat
from service.paths.thinking import DELIMITERS, estimated_thought_chars, opens_thought
from service.sandbox.base import Execution, Sandbox
from service.solve.admission import Admission, Slots
from service.solve.calibration import Calibration
from service.solve.cut_off import limit_of, thinking_tokens
from service.solve.problem import PathResult, Problem, Solution, path_seed
from service.solve.problem_run import Observer, ProblemRun
from service.solve.reading import first_line, read_path
from service.types import PathKind, PathOutcome

logger = logging.getLogger(__name__)

ABORT_GRACE_S = 0.2
"""Seconds after the deadline for which the solver waits for an abort. A hung engine must not delay the answer."""

WARNING_INTERVAL_S = 60.0
"""Seconds between two lines of the log about paths that a token limit cut off."""

_SHUTTING_DOWN = "The service is shutting down; retry."


class Solver:
    """Solves any number of problems at the same time with one engine, one sandbox and one prompt format.

    Args:
        engine: samples the paths.
        sandbox: runs the programs.
        path_format: prompt format of the model.
        admission: admission control. Default: the default number of slots.
        calibration: calibration of the checkpoint. Default: uncalibrated.
        adapter: name of the LoRA adapter that samples the paths. Default: the base model of the engine.
    """

    def __init__(
        self,
        engine: Engine,
        sandbox: Sandbox,
        path_format: PathFormat,
        admission: Admission | None = None,
        calibration: Calibration | None = None,
        adapter: str | None = None,
    ) -> None:
        self._engine = engine
        self._adapter = adapter
        self._sandbox = sandbox
        self._format = path_format
        self._thoughts = path_format.thoughts
        self._opens_thought = {
            thinking: opens_thought(path_format.prompt(PathKind.COT, "?", thinking=thinking))
            for thinking in self._thoughts.modes
        }
        self._admission = admission or Admission()
        self._calibration = calibration or Calibration()
        self._next_warning = -math.inf
        self._drain_signals: set[asyncio.Future[None]] = set()
        self._aborts: set[asyncio.Task[None]] = set()

    @property
    def model(self) -> str:
        """Name of the model in solutions."""
        return self._adapter or self._engine.model

    async def solve(self, problem: Problem, problem_id: str, on_path_end: Observer | None = None) -> Solution:
        """Solve one problem.

        A failed path abstains and never fails its problem.

        Args:
            problem: the problem.
            problem_id: id of the solution.
            on_path_end: called with every path that ends.

        Raises:
            OverloadedError: the queue is full.
            PromptTooLongError: the problem exceeds the context length of the model.
            EngineDeadError: the engine died.
            EngineError: no path could be sampled, or the service is shutting down.
        """
        run = ProblemRun(problem, problem_id, self._calibration, on_path_end)
        # 1. wait for a free slot of the engine
        slots = await self._admission.enter(run.needed, run.seconds_left(), run.owner)
        if slots is None:
            run.out_of_time = True
            return run.solution(self.model)
        drained = asyncio.get_running_loop().create_future()
        self._drain_signals.add(drained)
        with slots:
            try:
                async with aclosing(self._finished_paths(run, slots, drained)) as paths:
                    async for path in paths:  # 2. to 4. are in `_run_path`
                        run.record(path)  # 5. merge equal answers and count the votes
                        if run.decided:  # 6. stopping rule, on the fixed order
                            break
            finally:
                self._drain_signals.discard(drained)
                await self._abort_rest(run)  # 7. abort what still runs
        run.record_aborted()
        solution = run.solution(self.model)
        if drained.done() and not solution.votes:
            raise EngineError(_SHUTTING_DOWN)
        self._log_warning(solution.warning)
        return solution

    def _log_warning(self, warning: str) -> None:
        """Log the warning of a solution, at most one in `WARNING_INTERVAL_S`."""
        now = time.monotonic()
        if warning and now >= self._next_warning:
            self._next_warning = now + WARNING_INTERVAL_S
            logger.warning("%s: most paths of a problem were cut off: %s", self.model, warning)

    async def _run_path(self, run: ProblemRun, index: int, slots: Slots) -> PathResult:
        """Run one path from prompt to answer."""
        started = time.monotonic()
        kind = run.kinds[index]
        try:
            completion = await self._sample(run, index)  # 2. one request to the engine, with its own seed
        except EngineDeadError:
            raise
        except EngineError as error:
            run.fail(error)
            return PathResult(index, kind, PathOutcome.ERROR, detail=first_line(error))
        finally:
            slots.end()
        completion = replace(completion, text=self._thoughts.cleaned(completion.text))
        if completion.finish is Finish.ABORT or run.stopped:
            result = PathResult(index, kind, PathOutcome.ABORTED, completion.text)
        else:  # 3. parse the rationale and repair its equations, 4. or run the program in the sandbox
            result = await read_path(
                index,
                kind,
                completion.text,
                complete=completion.finish is Finish.STOP,
                run_program=partial(self._run_program, run),
                reader=run.reader,
                opened=self._opens_thought[run.problem.thinking],
                stop=self._format.stop(kind),
            )
        return replace(
            self._with_tokens(run.problem, completion, result),
            seconds=time.monotonic() - started,
        )

    def _with_tokens(self, problem: Problem, completion: Completion, result: PathResult) -> PathResult:
        """Path with its numbers of tokens, and the limit that cut it off."""
        chars = result.thought_chars
        if result.outcome is PathOutcome.ABORTED:  # reading its text could delay the end of the problem
            delimiters = self._thoughts.delimiters or DELIMITERS[0]
            opened = self._opens_thought[problem.thinking]
            chars = estimated_thought_chars(completion.text, delimiters, opened=opened)
        result = replace(
            result,
            thought_chars=chars,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            thinking_tokens=thinking_tokens(completion, chars),
        )
        return replace(result, limit=limit_of(problem, completion, result))

    def drain(self) -> None:
        """Answer every open problem with its votes so far, and refuse every other problem.

        An open problem without a vote raises `EngineError`.
        """
        self._admission.close(EngineError(_SHUTTING_DOWN))
        for drained in self._drain_signals:
            if not drained.done():
                drained.set_result(None)

    async def _finished_paths(
        self, run: ProblemRun, slots: Slots, drained: asyncio.Future[None]
    ) -> AsyncGenerator[PathResult, None]:
        """Start paths as the vote needs them and the load allows, and yield each one that ends.

        Ends at the deadline and when the service shuts down.
        """
        while True:
            for index in run.next_paths(slots.load):
                slots.start(1)
                run.tasks[index] = asyncio.create_task(self._run_path(run, index, slots))
            running = run.unrecorded
            waited: list[asyncio.Future[Any]] = [*running.values(), drained]
            await asyncio.wait(waited, timeout=run.seconds_left(), return_when=asyncio.FIRST_COMPLETED)
            done = sorted(index for index, task in running.items() if task.done())
            for index in done:
                yield running[index].result()
            if not done or drained.done():
                run.out_of_time = not run.decided
                return

    async def _sample(self, run: ProblemRun, index: int) -> Completion:
        if run.stopped:
            return Completion("", 0, 0, Finish.ABORT)
        problem, kind = run.problem, run.kinds[index]
        sampling = Sampling(
            temperature=problem.temperature,
            top_p=problem.top_p,
            top_k=problem.top_k,
            min_p=problem.min_p,
            repetition_penalty=problem.repetition_penalty,
            max_tokens=problem.max_tokens,
            seed=path_seed(problem.seed, index),
            thinking_tokens=problem.thinking_tokens,
            skip_special_tokens=self._thoughts.leftovers is None,
            stop=() if problem.thinking else self._format.stop(kind),  # a thought may have them
            # Otherwise the time to a path's first token shows whether another key sent the same problem.
            cache_salt=problem.key or None,
            adapter=self._adapter,
        )
        prompt = self._format.prompt(kind, problem.text, thinking=problem.thinking)
        with run.sampling(index) as request_id, tracing.span("engine", SpanKind.CLIENT) as span:
            completion = await self._engine.sample(request_id, prompt, sampling)
            span.set_attributes(
                {
                    "twinpath.path": str(index),
                    "gen_ai.request.model": self.model,
                    "gen_ai.usage.input_tokens": completion.prompt_tokens,
                    "gen_ai.usage.output_tokens": completion.completion_tokens,
                    "gen_ai.response.finish_reasons": [completion.finish.value],
                }
            )
            return completion

    async def _run_program(self, run: ProblemRun, program: str) -> Execution | None:
        """Run a program, or wait for the run of an equal program. Returns None if the run was aborted."""
        execution = run.executions.get(program)
        if execution is None:
            execution = run.executions[program] = asyncio.create_task(self._execute(run, program))
        try:
            return await asyncio.shield(execution)
        except asyncio.CancelledError:
            if not execution.cancelled():
                raise
            return None

    async def _execute(self, run: ProblemRun, program: str) -> Execution:
        with tracing.span("sandbox") as span:
            execution = await self._sandbox.run(program, run.owner)
            span.set_attributes({"twinpath.outcome": execution.outcome.value, "twinpath.run_s": execution.seconds})
            return execution

    async def _abort_rest(self, run: ProblemRun) -> None:
        """Abort the paths, programs and readings that still run, and wait until all of them have ended.

        The wait ends `ABORT_GRACE_S` after the deadline. The abort then continues in the background.
        """
        run.stopped = True
        run.reader.abort()
        abort = asyncio.create_task(self._abort(run))
        self._aborts.add(abort)
        abort.add_done_callback(self._aborts.discard)
        await asyncio.wait({abort}, timeout=run.seconds_left() + ABORT_GRACE_S)
        if abort.done():
            abort.result()
        else:
            logger.warning("the engine did not abort all paths within %s s after the deadline", ABORT_GRACE_S)
            abort.add_done_callback(_log_failure)

    async def _abort(self, run: ProblemRun) -> None:
        try:
            await self._engine.abort(run.sampled_now())
        finally:
            for execution in run.executions.values():
                execution.cancel()
            await asyncio.gather(*run.tasks.values(), *run.executions.values(), return_exceptions=True)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.error("the abort of a problem's paths failed: %s", error)
