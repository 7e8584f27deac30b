"""The state of one problem while it is being solved: which paths run, which have ended, what they voted.

The solver drives it. Paths are counted in the fixed order: an ended path waits until all before it have ended.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from service import stopping
from service.errors import EngineError
from service.sandbox.base import Execution
from service.solution import PathResult, Problem, Solution, Status, Timing
from service.types import PathKind, PathOutcome
from service.vote import Ballot, Tally, beta_confidence, count, winner


class Attempt:
    """One problem's run. `kinds` holds the kind of every planned path, in the fixed order."""

    def __init__(self, problem: Problem, problem_id: str) -> None:
        self.problem = problem
        self.kinds = plan(problem.cot, problem.pot)
        self.votes: tuple[Tally, ...] = ()
        self.decided = False
        self.stopped = False
        self.out_of_time = False
        self.engine_error: EngineError | None = None
        self.executions: dict[str, asyncio.Future[Execution]] = {}
        self._id = problem_id
        self._results: dict[int, PathResult] = {}
        self._counted = 0
        self._sampling: dict[int, str] = {}
        self._started = self._sampling_began = self._sampling_ended = time.monotonic()

    def seconds_left(self) -> float:
        """Until the deadline; never negative."""
        return max(0.0, self._started + self.problem.deadline_s - time.monotonic())

    @contextmanager
    def sampling(self, index: int) -> Iterator[str]:
        """While the engine samples this path: its request id."""
        if not self._sampling and not self._results:
            self._sampling_began = time.monotonic()
        self._sampling[index] = f"{self._id}-{index}"
        try:
            yield self._sampling[index]
        finally:
            del self._sampling[index]
            self._sampling_ended = time.monotonic()

    def sampled_now(self) -> list[str]:
        """Request ids of the paths that the engine samples at this moment."""
        return list(self._sampling.values())

    def record(self, result: PathResult) -> None:
        """Take a path that ended, and count those whose turn has come until the vote is decided."""
        self._results[result.index] = result
        while not self.decided and not self.stopped and self._counted in self._results:
            self._counted += 1
            self.votes = count(self._ballots())
            self.decided = stopping.decided(self.problem.policy, self.votes, self.kinds[self._counted :])

    def solution(self, model: str) -> Solution:
        """The end. Out of time, every path that has ended votes; else those that the decision rests on.

        Raises:
            EngineError: the engine failed on every path.
        """
        if self.engine_error and all(result.outcome is PathOutcome.ERROR for result in self._results.values()):
            raise self.engine_error
        if self.out_of_time:
            self.votes = count(self._ballots())
        leader = winner(self.votes)
        confidence = _confidence(self.votes)
        abstains = leader is None or confidence < self.problem.min_confidence
        status = Status.DEADLINE if self.out_of_time else Status.ABSTAINED if abstains else Status.ANSWERED
        return Solution(
            id=self._id,
            status=status,
            answer=None if leader is None or abstains else leader.answer,
            confidence=confidence,
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
            Ballot(result.index, result.kind, result.answer)
            for result in self._results.values()
            if result.answer is not None and (self._counts(result))
        ]

    def _timing(self) -> Timing:
        runs = [run.result() for run in self.executions.values() if not run.cancelled() and not run.exception()]
        return Timing(
            queue_s=self._sampling_began - self._started,
            engine_s=self._sampling_ended - self._sampling_began,
            sandbox_s=sum(run.seconds for run in runs),
            total_s=time.monotonic() - self._started,
        )


def plan(cot: int, pot: int) -> tuple[PathKind, ...]:
    """The fixed order: both kinds in turn, what is left of the longer one after that."""
    both = min(cot, pot)
    return (PathKind.COT, PathKind.POT) * both + (PathKind.COT,) * (cot - both) + (PathKind.POT,) * (pot - both)


def _confidence(votes: tuple[Tally, ...]) -> float:
    """The Beta posterior of the leader against the runner-up; 0 without a vote."""
    if not votes:
        return 0.0
    counts = [tally.cot + tally.pot for tally in votes[:2]]
    return beta_confidence(counts[0], counts[1] if len(counts) > 1 else 0)
