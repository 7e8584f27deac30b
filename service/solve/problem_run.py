"""State of one problem being solved: its paths, votes and decision.

Paths are counted in the fixed order: a finished path waits until all paths before it have finished.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property

from service.errors import EngineError
from service.fair_queue import Owner
from service.sandbox.base import Execution
from service.solve.calibration import Calibration
from service.solve.cut_off import warning
from service.solve.left_out_numbers import GivenNumber, given_numbers, left_out
from service.solve.problem import PathResult, Problem, Solution, Timing
from service.solve.stopping import Load, min_paths_to_decide, paths_to_start
from service.solve.text_reader import TextReader
from service.solve.vote import Ballot, Tally, count, winner
from service.types import PathKind, PathOutcome, Status

_UNCALIBRATED = Calibration()
_run_numbers = itertools.count(1)

Observer = Callable[[PathResult, "ProblemRun"], None]
"""Called with every path that ends, and with the run after the path was recorded."""


class ProblemRun:
    """State of one problem.

    Args:
        problem: the problem.
        problem_id: id of the solution, and prefix of the paths' request ids.
        calibration: threshold and confidence map of the checkpoint.
        on_path_end: called after each path was recorded.

    Attributes:
        owner: owner of the problem's work in the queues.
        kinds: kind of every planned path, in the fixed order.
        decided: whether the leader of `votes` is the answer.
        stopped: whether the remaining paths are being aborted.
        out_of_time: whether the deadline passed, or the service shut down, before the decision.
        tasks: task of every started path, by index.
        executions: sandbox run of every different program.
        reader: reads the texts of the paths.
    """

    def __init__(
        self,
        problem: Problem,
        problem_id: str,
        calibration: Calibration = _UNCALIBRATED,
        on_path_end: Observer | None = None,
    ) -> None:
        self.problem = problem
        self.kinds = plan(problem.cot, problem.pot)
        self.decided = False
        self.stopped = False
        self.out_of_time = False
        self.tasks: dict[int, asyncio.Task[PathResult]] = {}
        self.executions: dict[str, asyncio.Future[Execution]] = {}
        self.reader = TextReader()
        self._calibration = calibration if problem.calibrated else _UNCALIBRATED
        self._on_path_end = on_path_end
        self._rule = self._calibration.rule(problem.policy)
        self._id = problem_id
        self._request_id = f"{problem_id}-{next(_run_numbers)}"  # two problems may have the same id
        self.owner = Owner(problem.key, problem.request, self._request_id)
        self._results: dict[int, PathResult] = {}
        self._engine_errors: list[EngineError] = []
        self._started_paths = 0
        self._counted = 0
        self._next_check = 0  # with fewer counted paths the vote cannot be decided
        self._tallies: tuple[int, tuple[Tally, ...]] = 0, ()  # of a number of counted paths
        self._left_out: dict[str, bool] = {}  # whether a program leaves out a number
        self._sampling: dict[int, str] = {}
        self._sampling_began = self._sampling_ended = 0.0  # 0: no path was sampled
        self._began = time.monotonic()

    def seconds_left(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, self._began + self.problem.deadline_s - time.monotonic())

    @property
    def votes(self) -> tuple[Tally, ...]:
        """Tallies of the counted paths, the leader first."""
        if self._tallies[0] != self._counted:
            self._tallies = self._counted, count(self._ballots())
        return self._tallies[1]

    @property
    def confidence(self) -> float:
        """Confidence in the leader of the votes counted so far, in [0, 1]."""
        counted = sum(map(self._counts, self._results.values()))
        return self._calibration.confidence(self.votes, counted, uses_all=self._uses_all)

    @property
    def needed(self) -> int:
        """Number of paths that must still be counted before the vote can be decided."""
        return min_paths_to_decide(self._rule, self.votes, self.kinds[self._counted :])

    def next_paths(self, load: Load) -> range:
        """Indices of the paths to start now. They count as started."""
        started = self._started_paths
        number = paths_to_start(self.needed, started - self._counted, len(self.kinds) - started, load)
        self._started_paths += number
        return range(started, started + number)

    @property
    def unrecorded(self) -> dict[int, asyncio.Task[PathResult]]:
        """Tasks of the started paths that were not recorded yet, by index."""
        return {index: task for index, task in self.tasks.items() if index not in self._results}

    @contextmanager
    def sampling(self, index: int) -> Iterator[str]:
        """Mark a path as being sampled, and yield its request id."""
        self._sampling_began = self._sampling_began or time.monotonic()
        self._sampling[index] = f"{self._request_id}-{index}"
        try:
            yield self._sampling[index]
        finally:
            del self._sampling[index]
            self._sampling_ended = time.monotonic()

    def sampled_now(self) -> list[str]:
        """Request ids of the paths that are being sampled."""
        return list(self._sampling.values())

    def fail(self, error: EngineError) -> None:
        """Add an engine failure of a path. The path is recorded as well."""
        self._engine_errors.append(error)

    def record(self, path: PathResult) -> None:
        """Record a finished path, then count the finished prefix of the fixed order until the vote is decided."""
        self._results[path.index] = path
        while not self.decided and not self.stopped and self._counted in self._results:
            self._counted += 1
            if self._counted >= self._next_check:
                needed = self.needed
                self.decided, self._next_check = not needed, self._counted + needed
        if self._on_path_end:
            self._on_path_end(path, self)

    def record_aborted(self) -> None:
        """Record every started path that was not recorded before the stop."""
        for index, task in self.unrecorded.items():
            if task.done():
                self.record(task.result())
            else:  # the engine does not answer the abort
                self.record(PathResult(index, self.kinds[index], PathOutcome.ABORTED, detail="did not end in time"))

    def solution(self, model: str) -> Solution:
        """Final solution.

        After the deadline every finished path votes. Otherwise only the paths that the decision rests on vote.

        Raises:
            EngineError: the engine failed on every path.
        """
        if self._engine_errors and len(self._engine_errors) == len(self._results):
            raise self._engine_errors[0]
        if self.out_of_time:
            self._tallies = self._counted, count(self._ballots())
        leader = winner(self.votes)
        confidence = self.confidence
        abstains = leader is None or confidence < self.problem.min_confidence
        paths = tuple(replace(path, counted=self._counts(path)) for _, path in sorted(self._results.items()))
        status = Status.DEADLINE if self.out_of_time else Status.ABSTAINED if abstains else Status.ANSWERED
        return Solution(
            id=self._id,
            status=status,
            answer=None if leader is None or abstains else leader.answer,
            confidence=confidence,
            calibrated=self._calibration.calibrated,
            votes=self.votes,
            planned=len(self.kinds),
            paths=paths,
            timing=self._timing(),
            model=model,
            seed=self.problem.seed,
            left_out=left_out(self._numbers, programs) if (programs := self._programs) else (),
            warning=warning(self.problem, paths),
        )

    @cached_property
    def _numbers(self) -> tuple[GivenNumber, ...]:
        return given_numbers(self.problem.text)

    @property
    def _programs(self) -> list[str]:
        """Programs of the leader, in the fixed order. A yes or no has none: it need not rest on the numbers."""
        is_computed = bool(self.votes) and not self.votes[0].answer.is_yes_no
        behind = [self._results[index] for index in self.votes[0].paths] if is_computed else []
        return [path.program for path in behind if path.kind is PathKind.POT and path.program]

    @property
    def _uses_all(self) -> bool | None:
        """Whether a program of the leader uses every number of the problem, or None without a program."""
        if not self._calibration.calibrated or not (programs := self._programs):
            return None
        for program in programs:
            if program not in self._left_out:
                self._left_out[program] = bool(left_out(self._numbers, [program]))
        return not all(self._left_out[program] for program in programs)

    def _counts(self, path: PathResult) -> bool:
        return path.outcome is not PathOutcome.ABORTED and (self.out_of_time or path.index < self._counted)

    def _ballots(self) -> list[Ballot]:
        return [
            Ballot(path.index, path.kind, path.answer)
            for path in self._results.values()
            if path.answer is not None and self._counts(path)
        ]

    def _timing(self) -> Timing:
        ended = [run for run in self.executions.values() if run.done() and not run.cancelled()]
        now = time.monotonic()
        return Timing(
            queue_s=(self._sampling_began or now) - self._began,
            engine_s=(now if self._sampling else self._sampling_ended) - self._sampling_began,
            sandbox_s=sum(run.result().seconds for run in ended if not run.exception()),
            total_s=now - self._began,
        )


def plan(cot: int, pot: int) -> tuple[PathKind, ...]:
    """Fixed order of the paths: both kinds alternate, then the rest of the kind with more paths."""
    both = min(cot, pot)
    return (PathKind.COT, PathKind.POT) * both + (PathKind.COT,) * (cot - both) + (PathKind.POT,) * (pot - both)
