"""Accuracy and costs of smaller budgets, replayed from recorded paths."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from service.evaluation.problems import is_right, read_wire
from service.evaluation.scoring import Solved
from service.schemas import PathBudget, PathTrace
from service.solve.stopping import StoppingRule, decided
from service.solve.vote import Ballot, Tally, count, winner
from service.types import PathKind, Policy, Status

_LOSSLESS = StoppingRule(Policy.LOSSLESS)


@dataclass(frozen=True, slots=True)
class BudgetPoint:
    """Votes of all problems under one budget.

    Args:
        kinds: kinds that vote: "both", "cot" or "pot".
        budget: maximum number of paths of each of these kinds.
        problems: number of problems.
        right: number of right answers among them.
        paths: mean number of counted paths per problem.
        completion_tokens: mean completion tokens of the counted paths per problem.
    """

    kinds: str
    budget: int
    problems: int
    right: int
    paths: float
    completion_tokens: float


def by_budget(solved: Sequence[Solved], budget: PathBudget, policy: Policy) -> list[BudgetPoint]:
    """Points of the budgets 1 + 1, 2 + 2 and so on, up to the budget of the evaluation.

    A vote under a smaller budget counts the same paths in the same order, so that the points are exact. Votes that the
    deadline ended are left out. The votes of one kind need every path: only the policy `fixed` has them.

    Args:
        solved: the solved problems.
        budget: budget of the votes. Without a number for each kind there are no points.
        policy: stopping policy of the votes.
    """
    cot, pot = budget.cot or 0, budget.pot or 0
    series = [("both", cot, pot)]
    if policy is Policy.FIXED and cot and pot:
        series += [("cot", cot, 0), ("pot", 0, pot)]
    whole = [one for one in solved if one.vote.status is not Status.DEADLINE]
    points = []
    for kinds, most_cot, most_pot in series if whole else ():
        replays = [_Replay(one, kinds, policy) for one in whole]
        for size in range(1, max(most_cot, most_pot) + 1):
            limit = min(size, most_cot) + min(size, most_pot)
            points.append(_point(kinds, size, [replay.vote(limit) for replay in replays]))
    return points


@dataclass(frozen=True, slots=True)
class _Vote:
    right: bool
    paths: int
    tokens: int


class _Replay:
    """Votes on the first counted paths of a problem.

    Args:
        solved: the problem.
        kinds: kinds that vote.
        policy: stopping policy.
    """

    def __init__(self, solved: Solved, kinds: str, policy: Policy) -> None:
        trace = solved.vote.trace or []
        counted = max((place for place, path in enumerate(trace, 1) if path.counted), default=0)
        self._paths = [path for path in trace[:counted] if kinds in ("both", path.kind)]
        self._ballots = [_ballot(path) for path in self._paths]
        self._solved = solved
        self._is_whole_vote = kinds == "both"
        self._policy = policy
        self._tallies: dict[int, tuple[Tally, ...]] = {}

    def vote(self, limit: int) -> _Vote:
        """Vote on at most `limit` paths. The paths end where the vote was decided."""
        longest = min(limit, len(self._paths))
        # With fewer paths to come, a leader is safe earlier. The Beta rule does not depend on them.
        length = longest if self._policy is Policy.FIXED else self._decided_at(longest, limit)
        return _Vote(self._is_right(length), length, sum(path.tokens for path in self._paths[:length]))

    def _decided_at(self, longest: int, limit: int) -> int:
        lengths = range(1, longest + 1)
        missing = (PathKind.COT,) * limit
        return next((n for n in lengths if decided(_LOSSLESS, self._count(n), missing[n:])), longest)

    def _is_right(self, length: int) -> bool:
        gold = self._solved.problem.answer
        if self._is_whole_vote and length == len(self._paths):
            return is_right(self._solved.vote.answer, gold)
        leader = winner(self._count(length))
        return leader is not None and is_right(leader.answer.text, gold)

    def _count(self, length: int) -> tuple[Tally, ...]:
        if length not in self._tallies:
            self._tallies[length] = count(filter(None, self._ballots[:length]))
        return self._tallies[length]


def _ballot(path: PathTrace) -> Ballot | None:
    answer = read_wire(path.answer)
    return Ballot(path.index, path.kind, answer) if answer else None


def _point(kinds: str, budget: int, votes: Sequence[_Vote]) -> BudgetPoint:
    return BudgetPoint(
        kinds=kinds,
        budget=budget,
        problems=len(votes),
        right=sum(vote.right for vote in votes),
        paths=statistics.fmean(vote.paths for vote in votes),
        completion_tokens=statistics.fmean(vote.tokens for vote in votes),
    )
