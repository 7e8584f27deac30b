"""Votes that the responses of a batch share, and the grade of a response."""

import asyncio
import threading
from typing import cast

import pytest

from service.errors import EngineError
from service.solve import shared_votes
from service.solve.grading import Grade, grade_by_expected
from service.solve.problem import Solution
from service.solve.shared_votes import MAX_SHARED_VOTES, SharedVotes, Vote
from service.types import GradeBasis, GradeVerdict


class Votes:
    """Votes that are counted. The first ones fail.

    Args:
        failures: number of votes that fail.
    """

    def __init__(self, failures: int = 0) -> None:
        self.asked: list[str] = []
        self._failures = failures

    def of(self, key: str) -> Vote:
        async def vote() -> Solution:
            self.asked.append(key)
            number = len(self.asked)
            await asyncio.sleep(0)
            if number <= self._failures:
                raise EngineError("no vote")
            return cast("Solution", f"{key}{number}")

        return vote


async def test_rows_at_the_same_time_share_one_vote() -> None:
    shared, votes = SharedVotes(), Votes()
    found = await asyncio.gather(*(shared.solve(key, votes.of(key)) for key in "aabab"))
    assert [str(one) for one in found] == ["a1", "a1", "b2", "a1", "b2"]
    assert votes.asked == ["a", "b"]


async def test_a_failed_vote_is_tried_again_by_the_next_row() -> None:
    shared, votes = SharedVotes(), Votes(failures=1)
    found = await asyncio.gather(*(shared.solve("a", votes.of("a")) for _ in range(3)), return_exceptions=True)
    assert [str(one) for one in found] == ["no vote", "a2", "a2"]


async def test_the_vote_that_was_used_longest_ago_is_forgotten() -> None:
    shared, votes = SharedVotes(), Votes()
    keys = [str(n) for n in range(MAX_SHARED_VOTES)]
    for key in [*keys, "0", "new", "0", "1"]:
        await shared.solve(key, votes.of(key))
    assert votes.asked == [*keys, "new", "1"]


async def test_at_most_two_texts_are_graded_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    most = running = 0
    lock, both = threading.Lock(), threading.Event()

    def slow(response: str, expected: str) -> Grade:
        nonlocal most, running
        with lock:
            running += 1
            most = max(most, running)
            if running == 2:
                both.set()
        both.wait(5)
        found = grade_by_expected(response, expected)
        with lock:
            running -= 1
        return found

    monkeypatch.setattr(shared_votes, "grade_by_expected", slow)
    grades = await asyncio.gather(*(shared_votes.grade(f"{n}", "3", _none) for n in range(8)))
    assert [grade.verdict is GradeVerdict.CORRECT for grade in grades] == [n == 3 for n in range(8)]
    assert most == 2


async def test_an_expected_answer_needs_no_vote() -> None:
    grade = await shared_votes.grade("24", "24", _none)
    assert (grade.verdict, grade.basis) == (GradeVerdict.CORRECT, GradeBasis.EXPECTED)
    with pytest.raises(AssertionError, match="a vote"):
        await shared_votes.grade("24", None, _none)


async def _none() -> Solution:
    raise AssertionError("a vote")
