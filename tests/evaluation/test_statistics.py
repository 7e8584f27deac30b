"""Wilson's confidence interval against published values."""

import pytest

from service.evaluation.statistics import wilson


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (1, 1, 0.2065, 1.0),
        (81, 100, 0.7222, 0.8749),
    ],
)  # as published tables and R's prop.test(correct = FALSE) give it
def test_wilson(right: int, n: int, low: float, high: float) -> None:
    assert wilson(right, n) == pytest.approx((low, high), abs=5e-5)
