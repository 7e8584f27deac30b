"""Calibration error, its distribution by chance, reliability and coverage."""

import pytest

from service.evaluation.calibration_error import (
    CoveragePoint,
    ErrorByChance,
    ReliabilityBin,
    coverage,
    error_if_perfect,
    expected_error,
    reliability,
)


def test_calibration_error_is_the_mean_gap() -> None:
    assert expected_error([0.95, 0.95, 0.15, 0.15], [True, False, False, False], 10) == pytest.approx(0.3)


def test_reliability_leaves_out_empty_bins() -> None:
    bins = reliability([0.95, 1.0, 0.15, 0.15], [True, False, False, False], 10)
    assert bins == [ReliabilityBin(0.15, 0.0, 2), ReliabilityBin(0.975, 0.5, 2)]


def test_a_perfect_confidence_has_an_error_by_chance_on_few_problems() -> None:
    assert error_if_perfect([0.0, 1.0] * 50, 10, seed=1) == ErrorByChance(median=0.0, p95=0.0)
    coin = error_if_perfect([0.5] * 100, 10, seed=1)  # |share - 0.5| of 100 throws, with a deviation of 0.05
    assert coin.median == pytest.approx(0.034, abs=0.011)
    assert coin.p95 == pytest.approx(0.098, abs=0.021)


def test_coverage_answers_the_highest_confidences_first() -> None:
    points = coverage([0.1, 0.9, 0.8, 0.2], [False, True, True, False])
    assert len(points) == 10
    assert [points[0], points[4], points[7], points[9]] == [
        CoveragePoint(0.1, 1.0),
        CoveragePoint(0.5, 1.0),
        CoveragePoint(0.8, 2 / 3),
        CoveragePoint(1.0, 0.5),
    ]
