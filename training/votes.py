"""Votes over samples: what any number of paths of each kind would have elected, by the service's own vote."""

from collections.abc import Mapping, Sequence

from service.paths.answer import matches, parse_answer
from service.types import PathKind
from service.vote import Ballot, Tally, beta_confidence, count, winner
from training.sampling import Sampled, SampledPath

EQUAL: Mapping[PathKind, float] = {PathKind.COT: 1.0, PathKind.POT: 1.0}


def ballots(paths: Sequence[SampledPath], weights: Mapping[PathKind, float] = EQUAL) -> list[Ballot]:
    """One ballot for each path with an answer, in the order of `paths`."""
    cast = []
    for place, path in enumerate(paths):
        answer = parse_answer(path.answer) if path.answer is not None else None
        if answer is not None:
            cast.append(Ballot(place, path.kind, answer, weights[path.kind]))
    return cast


def first(sampled: Sampled, cot: int, pot: int) -> list[SampledPath]:
    """The first paths of each kind, in the service's alternating order."""
    kinds = [sampled.of(PathKind.COT)[:cot], sampled.of(PathKind.POT)[:pot]]
    return [kind[i] for i in range(max(cot, pot)) for kind in kinds if i < len(kind)]


def elected(paths: Sequence[SampledPath], weights: Mapping[PathKind, float] = EQUAL) -> Tally | None:
    """The winner of a vote over `paths`."""
    return winner(count(ballots(paths, weights)))


def is_right(tally: Tally | None, gold: str) -> bool:
    """Whether the elected answer is the gold one."""
    return tally is not None and matches(tally.answer, gold)


def confidence(paths: Sequence[SampledPath]) -> float:
    """The Beta rule's confidence in the winner of an equal vote (what the service reports uncalibrated)."""
    tallies = count(ballots(paths))
    if not tallies:
        return 0.0
    second = tallies[1].cot + tallies[1].pot if len(tallies) > 1 else 0
    return beta_confidence(tallies[0].cot + tallies[0].pot, second)


def kinds_behind(tally: Tally) -> int:
    """How many kinds of path voted for an answer."""
    return (tally.cot > 0) + (tally.pot > 0)
