"""Explanation of an answer: the best path of each kind behind it."""

from collections.abc import Iterable, Sequence

from service.solve.problem import PathResult
from service.solve.vote import Tally
from service.types import PathKind


def best_path(paths: Iterable[PathResult], votes: Sequence[Tally], kind: PathKind) -> PathResult | None:
    """First path of a kind that voted for the leader. Paths without repair come first.

    Args:
        paths: paths of the solution, in the fixed order.
        votes: votes of the solution, the leader first.
        kind: kind of the path.
    """
    behind = votes[0].paths if votes else ()
    voters = (path for path in paths if path.kind is kind and path.index in behind)
    return min(voters, key=lambda path: path.repaired, default=None)
