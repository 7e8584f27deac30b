"""The error of known confidences, and what luck adds to it."""

import pytest

from service.evaluation.calibration_error import coverage, error_if_perfect, expected_error


def test_calibration_error_is_the_mean_gap() -> None:
    assert expected_error([0.95, 0.95, 0.15, 0.15], [True, False, False, False], 10) == pytest.approx(0.3)


def test_a_perfect_confidence_shows_an_error_too_on_few_problems() -> None:
    assert error_if_perfect([0.0, 1.0] * 50, 10, seed=1) == {"median": 0.0, "p95": 0.0}
    of_a_coin = error_if_perfect([0.5] * 100, 10, seed=1)  # |share - 0.5| of 100 throws, whose deviation is 0.05
    assert of_a_coin == {"median": pytest.approx(0.034, abs=0.011), "p95": pytest.approx(0.098, abs=0.021)}


def test_the_surest_are_answered_first() -> None:
    confidences, right = [0.1, 0.9, 0.8, 0.2], [False, True, True, False]
    shares = {point["coverage"]: point["accuracy"] for point in coverage(confidences, right)}
    assert (shares[0.1], shares[0.5], shares[0.8], shares[1.0]) == (1.0, 1.0, 2 / 3, 0.5)
