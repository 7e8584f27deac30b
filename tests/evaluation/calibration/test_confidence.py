"""The confidence map and its shifts."""

import math

import pytest

from service.evaluation.calibration.confidence import Seen, Shifts, fit, fit_shifts
from service.evaluation.calibration.observed import POLICIES, fitted
from service.evaluation.calibration.replay import UNCALIBRATED
from service.solve.calibration import interpolate


def _seen(support: float, right: int, wrong: int) -> list[tuple[float, bool]]:
    return [(support, True)] * right + [(support, False)] * wrong


def test_the_confidence_map_finds_a_rise_that_is_not_even() -> None:
    """As where hard problems have little support and others some: steep, flat and rising again."""
    shares = {0.1: 0.05, 0.2: 0.3, 0.4: 0.35, 0.6: 0.5, 0.9: 0.8}
    many = [
        point for at, share in shares.items() for point in _seen(at, round(10000 * share), round(10000 - 10000 * share))
    ]
    found = fit(many)
    assert (found[0], len(found), found[-1][0]) == ((0.0, 0.0), 21, 1.0)
    for support, share in shares.items():
        assert interpolate(found, support) == pytest.approx(share, abs=0.01)


def test_few_problems_bend_the_confidence_map_little() -> None:
    few = [*_seen(0.2, 2, 8), *_seen(0.5, 2, 8), *_seen(0.8, 8, 2)]
    low, middle, high = (interpolate(fit(few), support) for support in (0.2, 0.5, 0.8))
    assert low < 0.25 < middle < 0.5 < high < 0.8
    assert interpolate(fit(few * 1000), 0.5) == pytest.approx(0.2, abs=0.01)


def test_the_confidence_map_never_falls_and_is_never_certain() -> None:
    falling = fit([*_seen(0.2, 3, 1), *_seen(0.8, 1, 3)])
    assert {round(share, 4) for support, share in falling if support} == {0.5}
    points = [*_seen(0.2, 0, 2), *_seen(0.8, 2, 0)]
    few = fit(points)
    assert interpolate(few, 0.8) == pytest.approx(3 / 4, abs=0.01)  # Platt's target for two that are right
    assert interpolate(few, 0.2) == pytest.approx(1 / 4, abs=0.01)
    assert interpolate(fit(points * 20, orders=20), 0.8) == pytest.approx(interpolate(few, 0.8), abs=0.001)


_EVEN = ((0.0, 0.5), (1.0, 0.5))


def _used(right: int, wrong: int, *, uses_all: bool | None) -> list[Seen]:
    return [Seen(0.8, True, uses_all)] * right + [Seen(0.8, False, uses_all)] * wrong


def test_shifts_are_the_log_odds_beside_the_map() -> None:
    many = [*_used(30_000, 10_000, uses_all=True), *_used(20_000, 80_000, uses_all=False)]
    found = fit_shifts(many, _EVEN)
    assert found == pytest.approx((math.log(3), -math.log(4)), abs=0.005)
    assert fit_shifts(many, ((0.0, 0.75), (1.0, 0.75))).all_numbers_shift == pytest.approx(0.0, abs=0.001)
    assert fit_shifts(many * 2, _EVEN, orders=2) == pytest.approx(found, abs=0.001)


def test_the_ridge_weighs_as_twenty_problems_that_confirm_the_map() -> None:
    found = fit_shifts(_used(11, 9, uses_all=True), _EVEN).all_numbers_shift
    assert found == pytest.approx(math.log(11 / 9) / 2, abs=0.002)
    assert fit_shifts(_used(20, 0, uses_all=None), _EVEN) == Shifts(0.0, 0.0)
    assert fit_shifts([], _EVEN) == Shifts(0.0, 0.0)
    assert fit_shifts([Seen(0.0, False, False)], ((0.0, 0.0), (1.0, 0.9))) == Shifts(0.0, 0.0)


@pytest.mark.parametrize("orders", [1, 3])
def test_a_problem_weighs_once_in_all_orders_and_policies(orders: int) -> None:
    once = [Seen(0.9, True)] * 20 + [Seen(0.5, False)] * 5
    found = fitted(once * orders * len(POLICIES), UNCALIBRATED, orders).confidence_map
    assert found == tuple(pytest.approx(point, abs=1e-4) for point in fit([point.observed for point in once]))
