"""Paired comparisons."""

import pytest

from training.sample.statistics import Accuracy, Difference, PairedTest, difference, mcnemar


def test_mcnemars_exact_test() -> None:
    a, b = [True] * 9 + [False], [False] * 8 + [True, True]
    test = mcnemar(a, b)
    assert (test.only_first, test.only_second) == (8, 1)
    assert test.p == pytest.approx(20 / 512)
    assert mcnemar([True], [True]) == PairedTest(0, 0, 1.0)
    assert mcnemar([True, False], [False, True]) == PairedTest(1, 1, 1.0)
    assert mcnemar([False] * 3, [True] * 3).p == pytest.approx(2 / 8)


def test_a_difference_is_paired() -> None:
    even = difference([0.2, 0.4, 0.9, 1.0], [0.1, 0.3, 0.8, 0.9])  # the same in each
    assert (even.mean, even.margin) == pytest.approx((0.1, 0.0))
    uneven = difference([0.6, 0.4, 0.9, 1.0], [0.2, 0.4, 0.9, 1.0])
    assert (uneven.mean, uneven.margin) == pytest.approx((0.1, 1.96 * 0.2 / 2), rel=1e-4)
    assert difference([0.5], [0.25]) == Difference(0.25, 0.0)


def test_an_accuracy_has_wilsons_interval() -> None:
    found = Accuracy.of([True, False])
    assert (found.accuracy, found.problems) == (0.5, 2)
    assert found.interval == pytest.approx((0.0945, 0.9055), abs=1e-4)
