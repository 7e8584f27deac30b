"""The vote: merges equal answers, counts them, and rates the leader."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from service.paths.answer import Answer, Unit
from service.paths.equality import AnswerClass, is_written_decimal, merge
from service.types import PathKind


@dataclass(frozen=True, slots=True)
class Ballot:
    """Vote of one path. `index` is the position in the fixed order, unique within a problem."""

    index: int
    kind: PathKind
    answer: Answer


@dataclass(frozen=True, slots=True)
class Tally:
    """Votes for one answer, by kind.

    Args:
        answer: answer of the class.
        cot: votes of chains of thought.
        pot: votes of programs.
        loose: votes that later ballots can move to another class. These are the votes for a written decimal, for an
            amount of cents, and for another value than `answer`.
        minor: votes for another value than `answer`. All votes for an amount of cents, which dollars would replace.
        paths: index of each ballot. They do not count for equality.
    """

    answer: Answer
    cot: int
    pot: int
    loose: int = 0
    minor: int = 0
    paths: tuple[int, ...] = field(default=(), compare=False)

    @property
    def votes(self) -> int:
        """Votes of both kinds."""
        return self.cot + self.pot


def count(ballots: Iterable[Ballot]) -> tuple[Tally, ...]:
    """Count the votes: one tally per class of `merge`, the leader first.

    More votes come first. A tie goes to the answer with both kinds behind it, then to the answer whose first ballot
    has the lower index. The answer of a class is its value with the most votes, then a stated value, then the one with
    the lower index. It is an amount in dollars and not in cents. The order of `ballots` does not matter.
    """
    by_value: dict[Answer, list[Ballot]] = {}
    for ballot in sorted(ballots, key=lambda ballot: ballot.index):
        by_value.setdefault(ballot.answer, []).append(ballot)
    cast = (ballot.answer for group in by_value.values() for ballot in group)
    tallies = [_tally(found, by_value) for found in merge(cast)]
    return tuple(sorted(tallies, key=_rank))


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


def _rank(tally: Tally) -> tuple[int, int, int]:
    return -tally.votes, -((tally.cot > 0) + (tally.pot > 0)), tally.paths[0]


def _tally(found: AnswerClass, by_value: dict[Answer, list[Ballot]]) -> Tally:
    def rank(answer: Answer) -> tuple[bool, int, bool, int]:
        group = by_value[answer]
        return _in_cents(group), -len(group), answer in found.rounded, group[0].index

    groups = [by_value[answer] for answer in sorted(found.stated | found.rounded, key=rank)]
    ballots = [ballot for group in groups for ballot in group]
    cot = sum(ballot.kind is PathKind.COT for ballot in ballots)
    printed = groups[0]
    is_written = all(is_written_decimal(ballot.answer) for ballot in printed)
    return Tally(
        printed[0].answer,
        cot,
        len(ballots) - cot,
        loose=len(ballots) - len(printed) * (not is_written and not _in_cents(printed)),
        minor=len(ballots) - len(printed) * (not _in_cents(printed)),
        paths=tuple(sorted(ballot.index for ballot in ballots)),
    )


def _in_cents(group: list[Ballot]) -> bool:
    return all(ballot.answer.unit is Unit.CENT for ballot in group)
