"""Confidence with and without a confidence map."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.paths.answer import Answer
from service.solve.calibration import Calibration, interpolate, shift_log_odds, smoothed_vote_share
from service.solve.vote import Tally


def tally(number: int, cot: int, pot: int) -> Tally:
    return Tally(Answer(str(number), Fraction(number)), cot, pot)


def test_without_a_confidence_map_the_confidence_is_the_beta_rule() -> None:
    plain = Calibration()
    assert not plain.calibrated
    assert plain.confidence([tally(5, 2, 2)], 4) == 31 / 32
    assert plain.confidence([tally(5, 2, 2), tally(6, 1, 0)], 5) == 57 / 64
    assert plain.confidence([], 1) == 0.0


def test_a_calibrated_confidence_follows_the_leaders_vote_share() -> None:
    calibrated = Calibration(confidence_map=((0.5, 0.2), (0.75, 0.6), (1.0, 1.0)))
    assert calibrated.calibrated
    assert calibrated.confidence([tally(5, 1, 1)], 2) == pytest.approx(0.6)  # 3 of 4
    assert calibrated.confidence([tally(5, 1, 0)], 2) == pytest.approx(0.2)  # 2 of 4
    assert calibrated.confidence([tally(5, 1, 0)], 4) == 0.2  # below the map
    assert calibrated.confidence([], 2) == 0.0


def test_the_use_of_all_numbers_shifts_the_log_odds() -> None:
    calibrated = Calibration(
        confidence_map=((0.0, 0.5), (1.0, 0.5)), all_numbers_shift=math.log(3), left_out_shift=-math.log(4)
    )
    votes = [tally(5, 1, 1)]
    assert calibrated.confidence(votes, 2, uses_all=True) == pytest.approx(3 / 4)
    assert calibrated.confidence(votes, 2, uses_all=False) == pytest.approx(1 / 5)
    assert calibrated.confidence(votes, 2) == 0.5
    assert calibrated.confidence([], 2, uses_all=True) == 0.0
    uncalibrated = calibrated.model_copy(update={"confidence_map": ()})
    assert uncalibrated.confidence(votes, 2, uses_all=False) == uncalibrated.confidence(votes, 2)


@given(st.floats(0, 1), st.floats(-10, 10))
def test_shifted_log_odds_are_a_probability(probability: float, shift: float) -> None:
    shifted = shift_log_odds(probability, shift)
    assert 0 <= shifted <= 1
    assert (shifted - probability) * shift >= -1e-12
    assert shift_log_odds(probability, 0) == probability
    assert (shift_log_odds(0, shift), shift_log_odds(1, shift)) == (0, 1)
    assert shift_log_odds(shifted, -shift) == pytest.approx(probability)


def test_the_vote_share_grows_with_the_votes_and_falls_with_abstentions() -> None:
    assert smoothed_vote_share(4, 4) == 5 / 6
    assert smoothed_vote_share(20, 20) == 21 / 22
    assert smoothed_vote_share(4, 6) == 5 / 8


def test_interpolation() -> None:
    points = ((0.2, 0.1), (0.4, 0.5), (0.4, 0.6), (0.8, 0.6))
    assert [interpolate(points, x) for x in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)] == [0.1, 0.1, 0.5, 0.6, 0.6, 0.6]
    assert interpolate(points, 0.3) == pytest.approx(0.3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": 1.0},
        {"confidence_map": [[0.5, 0.5], [0.4, 0.6]]},
        {"confidence_map": [[0.4, 0.6], [0.5, 0.5]]},
        {"confidence_map": [[0.4, 1.6]]},
        {"all_numbers_shift": 11},
        {"left_out_shift": float("nan")},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Calibration.model_validate(wrong)
