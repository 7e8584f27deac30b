"""The vote: merges equal answers, counts them, and rates the leader."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.paths.answer import Answer
from service.types import PathKind


@dataclass(frozen=True, slots=True)
class Ballot:
    """Vote of one path. `index` is the position in the fixed order, unique within a problem."""

    index: int
    kind: PathKind
    answer: Answer


@dataclass(frozen=True, slots=True)
class Tally:
    """Votes for one answer, by kind."""

    answer: Answer
    cot: int
    pot: int

    @property
    def votes(self) -> int:
        """Votes of both kinds."""
        return self.cot + self.pot


def count(ballots: Iterable[Ballot]) -> tuple[Tally, ...]:
    """Count the votes: one tally per answer, the leader first.

    More votes come first. A tie goes to the answer with both kinds behind it, then to the answer whose first ballot
    has the lower index. The order of `ballots` does not matter.
    """
    groups: dict[Answer, list[Ballot]] = {}
    for ballot in sorted(ballots, key=lambda ballot: ballot.index):
        groups.setdefault(ballot.answer, []).append(ballot)
    return tuple(_tally(group) for group in sorted(groups.values(), key=_rank))


def winner(tallies: Sequence[Tally]) -> Tally | None:
    """First of the tallies that `count` returned, or None without a vote."""
    return tallies[0] if tallies else None


def beta_confidence(v1: int, v2: int) -> float:
    """Probability that the leader is the majority, from the two largest vote counts.

    P = 1 - I_0.5(v1 + 1, v2 + 1) under a uniform prior: the Beta rule of Adaptive-Consistency (arXiv 2305.11860). The
    regularized incomplete beta function is computed by its binomial sum in exact integers.

    Args:
        v1: votes for the leader.
        v2: votes for the runner-up.

    Raises:
        ValueError: a count is negative.
    """
    if v1 < 0 or v2 < 0:
        raise ValueError(f"votes must not be negative: {v1}, {v2}")
    trials = v1 + v2 + 1
    below, ways = 0, 1  # ways = C(trials, k)
    for k in range(v1 + 1):
        below += ways
        ways = ways * (trials - k) // (k + 1)
    return below / (1 << trials)


def _rank(group: list[Ballot]) -> tuple[int, int, int]:
    kinds = len({ballot.kind for ballot in group})
    return -len(group), -kinds, group[0].index


def _tally(group: list[Ballot]) -> Tally:
    cot = sum(ballot.kind is PathKind.COT for ballot in group)
    return Tally(group[0].answer, cot, len(group) - cot)
