"""When is a vote decided? Pure rules over the votes counted so far and the number of paths still missing.

The solver asks after every path of the fixed order, never in the order of arrival: the same seed gives the same
decision whatever the load, and short outputs get no advantage.
"""

from collections.abc import Sequence

from service.types import PathKind, Policy
from service.vote import Tally, beta_confidence

BETA_THRESHOLD = 0.95
"""Adaptive-Consistency's threshold (arXiv 2305.11860). It stops at 4-0, 6-1, 8-2, 9-3, 11-4 and 12-5."""


def decided(policy: Policy, tallies: Sequence[Tally], missing: Sequence[PathKind]) -> bool:
    """Whether the leader of `tallies` may be answered with.

    Args:
        policy: `fixed` waits for every path. `lossless` stops when the missing paths cannot overtake the leader: the
            answer is that of the full vote. `adaptive` also stops when the leader is ahead with a Beta confidence of
            `BETA_THRESHOLD` and has a vote of each kind that was asked for.
        tallies: the votes so far, the leader first.
        missing: the kinds of the paths not counted yet, in order; each may add a vote of weight 1.
    """
    if not missing:
        return True
    if policy is Policy.FIXED or not tallies:
        return False
    leader = tallies[0]
    runner_up = tallies[1].weight if len(tallies) > 1 else 0.0
    if leader.weight - runner_up > len(missing):
        return True
    if policy is Policy.LOSSLESS:
        return False
    return _both_kinds(leader, missing) and _beta(leader, tallies) >= BETA_THRESHOLD


def _both_kinds(leader: Tally, missing: Sequence[PathKind]) -> bool:
    """A kind that no missing path can add any more is not waited for."""
    return (leader.cot > 0 or PathKind.COT not in missing) and (leader.pot > 0 or PathKind.POT not in missing)


def _beta(leader: Tally, tallies: Sequence[Tally]) -> float:
    second = tallies[1] if len(tallies) > 1 else None
    return beta_confidence(leader.cot + leader.pot, second.cot + second.pot if second else 0)
