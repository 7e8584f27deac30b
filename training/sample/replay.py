"""Votes over samples: what any policy would have answered with them, by the service's own vote and rules.

A replay counts recorded paths in the fixed order until the rule decides, as a busy service does. It costs nothing, so
every rule and weight is tried on the same paths.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from service.paths.answer import matches, parse_answer
from service.solve.calibration import Calibration
from service.solve.stopping import Rule, decided, min_paths_to_decide
from service.solve.vote import Ballot, Tally, count, winner
from service.types import PathKind, Policy
from training.sampling import Sampled, SampledPath

PLAIN = Calibration()


@dataclass(frozen=True, slots=True)
class Replay:
    """Where a rule stopped: the votes then, the kinds of the counted paths, and the paths that had been started."""

    votes: tuple[Tally, ...]
    counted: tuple[PathKind, ...]
    started: tuple[SampledPath, ...]

    @property
    def tokens(self) -> int:
        """Completion tokens of all started paths, in full."""
        return sum(path.tokens for path in self.started)


def ballots(paths: Sequence[SampledPath], calibration: Calibration = PLAIN) -> list[Ballot]:
    """One ballot for each path with an answer and a weight, in the order of `paths`."""
    cast = []
    for place, path in enumerate(paths):
        answer = parse_answer(path.answer) if path.answer is not None else None
        weight = calibration.weight(path.kind, repaired=path.repaired)
        if answer is not None and weight:
            cast.append(Ballot(place, path.kind, answer, weight))
    return cast


def replay(policy: Policy, paths: Sequence[SampledPath], calibration: Calibration = PLAIN) -> Replay:
    """What `policy` makes of `paths`, which are in the fixed order and are all that it may start."""
    return stopped(calibration.rule(policy), paths, counts(paths, calibration))


def counts(paths: Sequence[SampledPath], calibration: Calibration = PLAIN) -> list[tuple[Tally, ...]]:
    """The votes after none of `paths`, the first, the first two, and so on to all."""
    cast = ballots(paths, calibration)
    return [count(ballot for ballot in cast if ballot.index < number) for number in range(len(paths) + 1)]


def stopped(rule: Rule, paths: Sequence[SampledPath], votes: Sequence[tuple[Tally, ...]]) -> Replay:
    """What `rule` makes of `paths` and their `counts`, which every rule with the same weights shares."""
    kinds = rule.allowed(tuple(path.kind for path in paths))
    counted = started = 0
    while not decided(rule, votes[counted], kinds[counted:]):
        started = max(started, counted + min_paths_to_decide(rule, votes[counted], kinds[counted:]))
        counted += 1
    return Replay(votes[counted], kinds[:counted], tuple(paths[:started]))


def first(sampled: Sampled, cot: int, pot: int) -> list[SampledPath]:
    """The first paths of each kind, in the service's alternating order."""
    kinds = [sampled.of(PathKind.COT)[:cot], sampled.of(PathKind.POT)[:pot]]
    return [kind[i] for i in range(max(cot, pot)) for kind in kinds if i < len(kind)]


def elected(paths: Sequence[SampledPath], calibration: Calibration = PLAIN) -> Tally | None:
    """The winner of a vote over all of `paths`."""
    return winner(count(ballots(paths, calibration)))


def greedy(samples: Sequence[Sampled], kind: PathKind) -> list[bool]:
    """Whether one greedy path of a kind gets each problem right."""
    return [is_right(elected(s.of(kind, greedy=True)), s.gold) for s in samples]


def right_shares(samples: Sequence[Sampled], kind: PathKind) -> list[float]:
    """Which share of a kind's sampled paths is right, problem by problem."""
    return [statistics.fmean(path.right for path in s.of(kind)) for s in samples]


def voted(samples: Sequence[Sampled], cot: int, pot: int, calibration: Calibration = PLAIN) -> list[bool]:
    """Whether the vote of the first paths of each kind gets each problem right."""
    return [is_right(elected(first(s, cot, pot), calibration), s.gold) for s in samples]


def is_right(tally: Tally | None, gold: str) -> bool:
    """Whether the elected answer is the gold one."""
    return tally is not None and matches(tally.answer, gold)
