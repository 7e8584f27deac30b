"""The state of one problem while it is being solved: which paths have started, which have ended, what they voted.

The solver drives it. Paths are counted in the fixed order: an ended path waits until all before it have ended.
"""

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from service.calibration import Calibration
from service.errors import EngineError
from service.sandbox.base import Execution
from service.solution import PathResult, Problem, Solution, Status, Timing
from service.stopping import decided, paths_to_start, soonest
from service.types import PathKind, PathOutcome
from service.vote import Ballot, Tally, count, winner

_UNCALIBRATED = Calibration()
_numbers = itertools.count(1)


class Attempt:
    """One problem's run. `kinds` holds the kind of every planned path, in the fixed order."""

    def __init__(self, problem: Problem, problem_id: str, calibration: Calibration = _UNCALIBRATED) -> None:
        self.problem = problem
        self.kinds = plan(problem.cot, problem.pot)
        self.votes: tuple[Tally, ...] = ()
        self.decided = False
        self.stopped = False
        self.out_of_time = False
        self.executions: dict[str, asyncio.Future[Execution]] = {}
        self._calibration = calibration
        self._rule = calibration.rule(problem.policy)
        self._allowed = self._rule.allowed(self.kinds)
        self._id = problem_id
        self._request_id = f"{problem_id}-{next(_numbers)}"  # callers may give two problems the same id
        self._results: dict[int, PathResult] = {}
        self._engine_errors: list[EngineError] = []
        self._begun = 0
        self._counted = 0
        self._sampling: dict[int, str] = {}
        self._sampling_began = self._sampling_ended = 0.0  # 0: no path was sampled
        self._started = time.monotonic()

    def seconds_left(self) -> float:
        """Until the deadline; never negative."""
        return max(0.0, self._started + self.problem.deadline_s - time.monotonic())

    def __contains__(self, index: int) -> bool:
        """Whether this path has ended."""
        return index in self._results

    @property
    def confidence(self) -> float:
        """How sure the leader of the votes counted so far is."""
        counted = [result.kind for result in self._results.values() if self._counts(result)]
        return self._calibration.confidence(self.votes, counted)

    @property
    def needed(self) -> int:
        """Paths that must still be counted before the vote can be decided."""
        return soonest(self._rule, self.votes, self._allowed[self._counted :])

    def start(self, share: int) -> range:
        """The indices of the paths to start now; `share` as in `paths_to_start`."""
        number = paths_to_start(self.needed, self._begun - self._counted, len(self._allowed) - self._begun, share)
        self._begun += number
        return range(self._begun - number, self._begun)

    @contextmanager
    def sampling(self, index: int) -> Iterator[str]:
        """While the engine samples this path: its request id."""
        self._sampling_began = self._sampling_began or time.monotonic()
        self._sampling[index] = f"{self._request_id}-{index}"
        try:
            yield self._sampling[index]
        finally:
            del self._sampling[index]
            self._sampling_ended = time.monotonic()

    def sampled_now(self) -> list[str]:
        """Request ids of the paths that the engine samples at this moment."""
        return list(self._sampling.values())

    def fail(self, error: EngineError) -> None:
        """The engine failed on a path, which is recorded besides."""
        self._engine_errors.append(error)

    def record(self, result: PathResult) -> None:
        """Take a path that ended, and count those whose turn has come until the vote is decided."""
        self._results[result.index] = result
        while not self.decided and not self.stopped and self._counted in self._results:
            self._counted += 1
            self.votes = count(self._ballots())
            self.decided = decided(self._rule, self.votes, self._allowed[self._counted :])

    def solution(self, model: str) -> Solution:
        """The end. Out of time, every path that has ended votes; else those that the decision rests on.

        Raises:
            EngineError: the engine failed on every path.
        """
        if self._engine_errors and len(self._engine_errors) == len(self._results):
            raise self._engine_errors[0]
        if self.out_of_time:
            self.votes = count(self._ballots())
        leader = winner(self.votes)
        confidence = self.confidence
        abstains = leader is None or confidence < self.problem.min_confidence
        status = Status.DEADLINE if self.out_of_time else Status.ABSTAINED if abstains else Status.ANSWERED
        return Solution(
            id=self._id,
            status=status,
            answer=None if leader is None or abstains else leader.answer,
            confidence=confidence,
            calibrated=self._calibration.calibrated,
            votes=self.votes,
            planned=len(self.kinds),
            paths=tuple(replace(result, counted=self._counts(result)) for _, result in sorted(self._results.items())),
            timing=self._timing(),
            model=model,
            seed=self.problem.seed,
        )

    def _counts(self, result: PathResult) -> bool:
        return result.outcome is not PathOutcome.ABORTED and (self.out_of_time or result.index < self._counted)

    def _ballots(self) -> list[Ballot]:
        return [
            Ballot(result.index, result.kind, result.answer, weight)
            for result in self._results.values()
            if result.answer is not None
            and self._counts(result)
            and (weight := self._calibration.weight(result.kind, repaired=result.repaired))
        ]

    def _timing(self) -> Timing:
        ended = [run for run in self.executions.values() if run.done() and not run.cancelled()]
        now = time.monotonic()
        return Timing(
            queue_s=(self._sampling_began or now) - self._started,
            engine_s=(now if self._sampling else self._sampling_ended) - self._sampling_began,
            sandbox_s=sum(run.result().seconds for run in ended if not run.exception()),
            total_s=now - self._started,
        )


def plan(cot: int, pot: int) -> tuple[PathKind, ...]:
    """The fixed order: both kinds in turn, what is left of the longer one after that."""
    both = min(cot, pot)
    return (PathKind.COT, PathKind.POT) * both + (PathKind.COT,) * (cot - both) + (PathKind.POT,) * (pot - both)
