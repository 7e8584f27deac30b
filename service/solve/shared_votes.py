"""Grade of a response, and votes that responses share."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from service.solve.grading import Grade, grade_by_expected, grade_by_vote
from service.solve.problem import Solution

MAX_SHARED_VOTES = 64

Vote = Callable[[], Awaitable[Solution]]
"""Solves a problem."""

# A long hostile text takes up to a second. Two threads bound this work, and leave the event loop and its threads free.
_THREADS = ThreadPoolExecutor(2, "grading")


async def grade(response: str, expected: str | None, vote: Vote) -> Grade:
    """Grade of a response by the expected answer, or by a vote without one.

    Args:
        response: the response.
        expected: the expected answer. With it, no vote is needed.
        vote: solves the problem.

    Raises:
        InputError: `expected` states no answer.
    """
    loop = asyncio.get_running_loop()
    if expected is not None:
        return await loop.run_in_executor(_THREADS, grade_by_expected, response, expected)
    return await loop.run_in_executor(_THREADS, grade_by_vote, response, await vote())


class SharedVotes:
    """Votes of a batch. Responses to one problem share a vote, so that equal responses get equal grades.

    The votes of the last problems are kept, up to `MAX_SHARED_VOTES`.
    """

    def __init__(self) -> None:
        self._votes: OrderedDict[str, _SharedVote] = OrderedDict()

    async def solve(self, key: str, vote: Vote) -> Solution:
        """Vote on a problem, which may be that of an earlier row. A failed vote is tried again by the next row.

        Args:
            key: text of the problem and of its options.
            vote: solves the problem.
        """
        shared = self._votes.setdefault(key, _SharedVote())
        self._votes.move_to_end(key)
        if len(self._votes) > MAX_SHARED_VOTES:
            self._votes.popitem(last=False)
        async with shared.lock:
            if shared.solution is None:
                shared.solution = await vote()
        return shared.solution


@dataclass(slots=True)
class _SharedVote:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    solution: Solution | None = None
