"""Stopping rules, and how many paths of a problem run at once.

All functions are pure. The decision depends on the longest finished prefix of the fixed order, not on arrival: the
same seed gives the same decision at any load. The load changes only how many paths run ahead of the decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.solve.vote import Tally, beta_confidence
from service.types import PathKind, Policy

BETA_THRESHOLD = 0.95
"""Threshold of Adaptive-Consistency (arXiv 2305.11860). It stops at 4-0, 6-1, 8-2, 9-3, 11-4 and 12-5."""

MAX_ROOM = 1 << 20  # more slots than an engine has


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """Policy and threshold that decide a vote.

    `fixed` waits for every path. `lossless` stops when the missing paths cannot overtake the leader, so the answer is
    that of the full vote. `adaptive` also stops when the leader's Beta confidence reaches `threshold` and the leader
    has a vote of each requested kind.
    """

    policy: Policy
    threshold: float = BETA_THRESHOLD


@dataclass(frozen=True, slots=True)
class Load:
    """Engine slots of one problem and of the others, in paths.

    Args:
        held: slots of this problem, reserved or in use.
        sampling: slots of this problem in use.
        free: slots that no problem holds.
        active_problems: problems that hold slots, this one included.
        max_eager_paths: paths per problem that may run ahead of need.
        room: slots that this problem may take in addition to those in use.
    """

    held: int
    sampling: int
    free: int
    active_problems: int
    max_eager_paths: int
    room: int = MAX_ROOM


def decided(rule: StoppingRule, tallies: Sequence[Tally], missing: Sequence[PathKind]) -> bool:
    """Whether the leader of `tallies` is the answer.

    Args:
        rule: policy and threshold.
        tallies: the votes so far, the leader first.
        missing: kinds of the paths that were not counted yet, in order.
    """
    return _decided(rule, _Standing.of(tallies), missing)


def min_paths_to_decide(rule: StoppingRule, tallies: Sequence[Tally], missing: Sequence[PathKind]) -> int:
    """Lower bound of the number of missing paths that decide the vote.

    Fewer paths cannot decide it, whatever they vote for, so this many can run at once without waste. Without loose
    votes, this many votes for one answer decide it.
    """
    if decided(rule, tallies, missing):
        return 0
    fewest = len(missing)
    for start in _Standing.best(tallies):
        standing = start
        for number, kind in enumerate(missing[: fewest - 1], 1):
            standing = standing.with_vote(kind)
            if _decided(rule, standing, missing[number:]):
                fewest = number
                break
    return fewest


def paths_to_start(needed: int, uncounted: int, unstarted: int, load: Load) -> int:
    """Number of paths to start now.

    A busy engine runs only the needed paths, so that none is wasted. An idle engine also runs paths ahead of need,
    which lowers the latency. Their limits are this problem's part of the free slots, and `max_eager_paths`.

    Args:
        needed: paths that must still be counted, from `min_paths_to_decide`.
        uncounted: started paths that were not counted yet.
        unstarted: planned paths that were not started yet.
        load: slots of the engine.
    """
    part = load.held + load.free // load.active_problems
    eager = min(part, load.max_eager_paths) - load.sampling
    return max(0, min(unstarted, load.room, max(needed - uncounted, eager)))


@dataclass(frozen=True, slots=True)
class _Standing:
    """Votes and their kinds for the leader, votes for the runner-up, and the leader's lead in the worst case."""

    votes: int = 0
    kinds: frozenset[PathKind] = frozenset()
    against: int = 0
    lead: int = 0

    @classmethod
    def of(cls, tallies: Sequence[Tally]) -> "_Standing":
        """Standing of a vote.

        In the worst case, all loose votes of the others join the one with the most firm votes. The minor votes of the
        leader outgrow its printed answer. Classes with firm votes never unite.
        """
        if not tallies:
            return cls()
        leader, *others = tallies
        rival = max((tally.votes - tally.loose for tally in others), default=0) + sum(t.loose for t in others)
        lead = leader.votes - 2 * leader.minor - rival
        return cls(leader.votes, _kinds([leader]), others[0].votes if others else 0, lead)

    @classmethod
    def best(cls, tallies: Sequence[Tally]) -> frozenset["_Standing"]:
        """Best standings that each class can have after its next votes: all loose votes join it and become firm."""
        loose = sum(tally.loose for tally in tallies)
        standings = set() if tallies else {cls()}
        for candidate in tallies:
            others = [tally for tally in tallies if tally is not candidate]
            votes = candidate.votes - candidate.loose + loose
            rival = max((tally.votes - tally.loose for tally in others), default=0)
            kinds = _kinds([candidate, *(tally for tally in others if tally.loose)])
            standings.add(cls(votes, kinds, rival, votes - rival))
        return frozenset(standings)

    def with_vote(self, kind: PathKind) -> "_Standing":
        return _Standing(self.votes + 1, self.kinds | {kind}, self.against, self.lead + 1)


def _kinds(tallies: Sequence[Tally]) -> frozenset[PathKind]:
    counts = [(PathKind.COT, tally.cot) for tally in tallies] + [(PathKind.POT, tally.pot) for tally in tallies]
    return frozenset(kind for kind, votes in counts if votes)


def _decided(rule: StoppingRule, standing: _Standing, missing: Sequence[PathKind]) -> bool:
    if not missing:
        return True
    if rule.policy is Policy.FIXED or not standing.votes:
        return False
    if standing.lead > len(missing):
        return True
    if rule.policy is Policy.LOSSLESS:
        return False
    # The rule does not wait for a kind that no missing path can add.
    return standing.kinds >= set(missing) and beta_confidence(standing.votes, standing.against) >= rule.threshold
