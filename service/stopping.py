"""When is a vote decided, and how many paths should run now? Pure rules over the votes counted so far.

The solver asks after every path of the fixed order, never in the order of arrival: the same seed gives the same
decision whatever the load, and short outputs get no advantage. The load decides how many paths run ahead of the
decision, never what is decided.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from service.types import PathKind, Policy
from service.vote import EQUAL_WEIGHTS, Tally, Weights, beta_confidence

BETA_THRESHOLD = 0.95
"""Adaptive-Consistency's threshold (arXiv 2305.11860). It stops at 4-0, 6-1, 8-2, 9-3, 11-4 and 12-5."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What decides a vote: the policy, the adaptive policy's threshold and patience, and what each kind's vote weighs.

    `fixed` waits for every path. `lossless` stops when the missing paths cannot overtake the leader: the answer is that
    of the full vote. `adaptive` also stops when the leader is ahead with a Beta confidence of `threshold` and has a
    vote of each kind that was asked for; and it counts no more than a share of `patience` of the planned paths, rounded
    up: a vote that so many leave open, more of them seldom put right.
    """

    policy: Policy
    threshold: float = BETA_THRESHOLD
    weights: Weights = field(default_factory=lambda: EQUAL_WEIGHTS)
    patience: float = 1.0

    def allowed(self, kinds: tuple[PathKind, ...]) -> tuple[PathKind, ...]:
        """Of all planned paths, in order, those that may be sampled."""
        if self.policy is not Policy.ADAPTIVE:
            return kinds
        return kinds[: math.ceil(round(self.patience * len(kinds), 6))]  # 0.1 of 30 is a little over 3 in binary


def decided(rule: Rule, tallies: Sequence[Tally], missing: Sequence[PathKind]) -> bool:
    """Whether the leader of `tallies` may be answered with.

    Args:
        rule: what decides.
        tallies: the votes so far, the leader first.
        missing: the kinds of the paths not counted yet, in order.
    """
    return _decided(rule, _Standing.of(tallies), missing)


def soonest(rule: Rule, tallies: Sequence[Tally], missing: Sequence[PathKind]) -> int:
    """How many of the missing paths decide the vote if every one of them votes for the leader.

    Fewer paths cannot decide it: so many can run at once and none of them is in vain.
    """
    standing = _Standing.of(tallies)
    for number, kind in enumerate(missing):
        if _decided(rule, standing, missing[number:]):
            return number
        standing = standing.with_vote(kind, rule.weights[kind])
    return len(missing)


def paths_to_start(needed: int, running: int, unstarted: int, share: int) -> int:
    """How many paths to start now.

    Args:
        needed: what `soonest` says.
        running: paths that have started and are not counted yet.
        unstarted: paths left of the budget.
        share: paths that the engine has room for though the vote may not need them, see `Grant.share`: for the lowest
            latency on an idle engine; 0 on a busy one, which runs what the vote needs, so that nothing is wasted.
    """
    return max(0, min(unstarted, max(needed - running, share)))


@dataclass(frozen=True, slots=True)
class _Standing:
    """The leader's votes and the runner-up's."""

    cot: int = 0
    pot: int = 0
    weight: float = 0.0
    against: int = 0
    weight_against: float = 0.0

    @classmethod
    def of(cls, tallies: Sequence[Tally]) -> "_Standing":
        if not tallies:
            return cls()
        leader, rest = tallies[0], tallies[1:2]
        return cls(leader.cot, leader.pot, leader.weight, sum(t.cot + t.pot for t in rest), sum(t.weight for t in rest))

    def with_vote(self, kind: PathKind, weight: float) -> "_Standing":
        cot = kind is PathKind.COT
        return _Standing(self.cot + cot, self.pot + (not cot), self.weight + weight, self.against, self.weight_against)


def _decided(rule: Rule, standing: _Standing, missing: Sequence[PathKind]) -> bool:
    if not missing:
        return True
    if rule.policy is Policy.FIXED or not standing.weight:
        return False
    if standing.weight - standing.weight_against > math.fsum(rule.weights[kind] for kind in missing):
        return True
    if rule.policy is Policy.LOSSLESS:
        return False
    # A kind that no missing path can add any more is not waited for.
    of_each_kind = (standing.cot > 0 or PathKind.COT not in missing) and (
        standing.pot > 0 or PathKind.POT not in missing
    )
    return of_each_kind and beta_confidence(standing.cot + standing.pot, standing.against) >= rule.threshold
