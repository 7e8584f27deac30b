"""Replay of recorded samples under a stopping policy.

Vote and rules are the service's own. A replay counts the paths in the fixed order until the rule decides, as a busy
service does.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from service.evaluation.calibration.samples import Sampled, SampledPath
from service.evaluation.problems import read_wire
from service.paths.equality import matches
from service.paths.pot import extract_program
from service.solve.calibration import Calibration
from service.solve.left_out_numbers import GivenNumber, given_numbers, left_out
from service.solve.stopping import StoppingRule, decided, min_paths_to_decide
from service.solve.vote import Ballot, Tally, count, winner
from service.types import PathKind, Policy

UNCALIBRATED = Calibration()


@dataclass(frozen=True, slots=True)
class Replay:
    """State of a vote when its rule stopped.

    Args:
        votes: the tallies, the leader first.
        counted: number of counted paths.
        started: paths that were started until then.
    """

    votes: tuple[Tally, ...]
    counted: int
    started: tuple[SampledPath, ...]

    @property
    def tokens(self) -> int:
        """Completion tokens of all started paths, in full."""
        return sum(path.tokens for path in self.started)


def ballots(paths: Sequence[SampledPath]) -> list[Ballot]:
    """One ballot for each path with an answer, in order."""
    cast = []
    for position, path in enumerate(paths):
        answer = read_wire(path.answer)
        if answer is not None:
            cast.append(Ballot(position, path.kind, answer))
    return cast


def replay(policy: Policy, paths: Sequence[SampledPath], calibration: Calibration = UNCALIBRATED) -> Replay:
    """Replay `paths`, which are in the fixed order and are all that the policy may start."""
    return stop(calibration.rule(policy), paths, prefix_votes(paths))


def prefix_votes(paths: Sequence[SampledPath]) -> list[tuple[Tally, ...]]:
    """Votes after each prefix of `paths`, from none to all."""
    cast = ballots(paths)
    return [count(ballot for ballot in cast if ballot.index < number) for number in range(len(paths) + 1)]


def stop(rule: StoppingRule, paths: Sequence[SampledPath], votes: Sequence[tuple[Tally, ...]]) -> Replay:
    """Replay `paths` under a rule, from their `prefix_votes`."""
    if rule.policy is Policy.FIXED:
        return Replay(votes[-1], len(paths), tuple(paths))
    kinds = tuple(path.kind for path in paths)
    counted = started = 0
    while not decided(rule, votes[counted], kinds[counted:]):
        started = max(started, counted + min_paths_to_decide(rule, votes[counted], kinds[counted:]))
        counted += 1
    return Replay(votes[counted], counted, tuple(paths[:started]))


def uses_all_numbers(end: Replay, question: str) -> bool | None:
    """Whether a program of the leader uses every number of the question.

    Args:
        end: state of the vote.
        question: text of the problem.

    Returns:
        None without a program or a question, and for yes or no, which need not rest on the numbers.
    """
    leader = winner(end.votes)
    if leader and leader.answer.is_yes_no:
        return None
    behind = [end.started[position] for position in leader.paths] if leader and question else []
    programs = {path.text for path in behind if path.kind is PathKind.POT}
    numbers = given_numbers(question) if programs else ()
    return any(not _left_out(numbers, text) for text in programs) if programs else None


@cache  # thousands of orders hold the same programs
def _left_out(numbers: tuple[GivenNumber, ...], text: str) -> tuple[str, ...]:
    return left_out(numbers, [extract_program(text) or ""])


def first(sampled: Sampled, cot: int, pot: int) -> list[SampledPath]:
    """The first paths of each kind, in the service's alternating order."""
    kinds = [sampled.of(PathKind.COT)[:cot], sampled.of(PathKind.POT)[:pot]]
    return [kind[i] for i in range(max(cot, pot)) for kind in kinds if i < len(kind)]


def sampled_kinds(samples: Sequence[Sampled]) -> tuple[PathKind, ...]:
    """Kinds that were sampled."""
    return tuple(kind for kind in PathKind if any(sampled.of(kind) for sampled in samples))


def elected(paths: Sequence[SampledPath]) -> Tally | None:
    """Winner of a vote over all of `paths`."""
    return winner(count(ballots(paths)))


def greedy(samples: Sequence[Sampled], kind: PathKind) -> list[bool]:
    """Whether the greedy path of a kind is right, for each problem."""
    return [is_right(elected(s.of(kind, greedy=True)), s.gold) for s in samples]


def right_shares(samples: Sequence[Sampled], kind: PathKind) -> list[float]:
    """Share of a kind's sampled paths that are right, for each problem."""
    return [statistics.fmean(path.right for path in s.of(kind)) for s in samples]


def voted(samples: Sequence[Sampled], cot: int, pot: int) -> list[bool]:
    """Whether the vote over the first paths of each kind is right, for each problem."""
    return [is_right(elected(first(s, cot, pot)), s.gold) for s in samples]


def is_right(tally: Tally | None, gold: str) -> bool:
    """Whether the elected answer is the gold answer."""
    return tally is not None and matches(tally.answer, gold)
