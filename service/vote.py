"""The vote: equal answers merged, counted, ordered; and how sure its leader is.

In a request it stands after parsing and the sandbox: one `Ballot` for each path that gave an answer, one `Tally` for
each different answer. Paths that failed cast no ballot. Pure: no clock, no chance, no settings; weights and the
stopping rule belong to the caller.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from service.paths.answer import Answer
from service.types import PathKind

Weights = Mapping[PathKind, float]
"""What a vote of each kind weighs; positive."""

EQUAL_WEIGHTS: Weights = MappingProxyType(dict.fromkeys(PathKind, 1.0))


@dataclass(frozen=True, slots=True)
class Ballot:
    """One path's vote. `index` is the path's place in the fixed order, unique within a problem."""

    index: int
    kind: PathKind
    answer: Answer
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Tally:
    """One answer's votes of each kind, and the sum of their weights."""

    answer: Answer
    cot: int
    pot: int
    weight: float


def count(ballots: Iterable[Ballot]) -> tuple[Tally, ...]:
    """One tally for each different answer, the winner first, whatever the order of `ballots`.

    Ordered by weight. A tie goes to the answer with more kinds behind it (two independent ways to the same answer),
    then to the one with more votes, then to the one whose first ballot comes earliest in the fixed order.
    """
    groups: dict[Answer, list[Ballot]] = {}
    for ballot in sorted(ballots, key=lambda ballot: ballot.index):
        groups.setdefault(ballot.answer, []).append(ballot)
    ranked = sorted(groups.values(), key=_rank)
    return tuple(_tally(group) for group in ranked)


def winner(tallies: Sequence[Tally]) -> Tally | None:
    """The first of what `count` returned; None where nobody voted."""
    return tallies[0] if tallies else None


def beta_confidence(v1: int, v2: int) -> float:
    """How likely the leader with `v1` votes is the majority against a runner-up with `v2`, under a uniform prior.

    P = 1 - I_0.5(v1 + 1, v2 + 1), the Beta rule of Adaptive-Consistency (arXiv 2305.11860), by the binomial sum
    I_0.5(a, b) = sum over k from a to a + b - 1 of C(a + b - 1, k) / 2^(a + b - 1), in exact integers.
    """
    if v1 < 0 or v2 < 0:
        raise ValueError(f"votes cannot be negative: {v1}, {v2}")
    trials = v1 + v2 + 1
    below, ways = 0, 1  # ways = C(trials, k)
    for k in range(v1 + 1):
        below += ways
        ways = ways * (trials - k) // (k + 1)
    return below / (1 << trials)


def _rank(group: list[Ballot]) -> tuple[float, int, int, int]:
    kinds = len({ballot.kind for ballot in group})
    return -_weight(group), -kinds, -len(group), group[0].index


def _weight(group: list[Ballot]) -> float:
    return math.fsum(ballot.weight for ballot in group)  # the exact sum: equal weights tie whatever their order


def _tally(group: list[Ballot]) -> Tally:
    cot = sum(ballot.kind is PathKind.COT for ballot in group)
    return Tally(group[0].answer, cot, len(group) - cot, _weight(group))
