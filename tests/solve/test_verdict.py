"""Verdicts on votes."""

from fractions import Fraction

import pytest

from service.paths.answer import Answer
from service.solve.verdict import verdict
from service.solve.vote import Tally
from service.types import Verdict


def tallies(*votes: int) -> list[Tally]:
    return [Tally(Answer(str(i), Fraction(i)), n, 0) for i, n in enumerate(votes)]


@pytest.mark.parametrize(
    ("votes", "confidence", "calibrated", "expected"),
    [
        ((), 0.0, True, Verdict.NONE),
        ((), 0.0, False, Verdict.NONE),
        ((5,), 0.7, True, Verdict.LIKELY),
        ((5,), 0.6999, True, Verdict.UNSURE),
        ((4,), 0.96875, False, Verdict.AGREED),
        ((6, 1), 0.96, False, Verdict.AGREED),
        ((6, 1), 0.9499, False, Verdict.UNSURE),
        ((5,), 0.7, False, Verdict.UNSURE),
        ((3, 3), 0.9, True, Verdict.TORN),
        ((1, 1), 0.5, False, Verdict.TORN),
        ((4, 3, 2), 0.9, True, Verdict.TORN),
        ((40, 21, 20), 0.99, False, Verdict.TORN),
        ((4, 2, 2), 0.9, True, Verdict.LIKELY),
        ((4, 2, 2), 0.3, True, Verdict.UNSURE),
    ],
)
def test_verdict(votes: tuple[int, ...], confidence: float, calibrated: bool, expected: Verdict) -> None:
    assert verdict(tallies(*votes), confidence, calibrated=calibrated) is expected
