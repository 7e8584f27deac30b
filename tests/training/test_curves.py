"""Loss curves: moving means, fewer points, and an axis that fits them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.curves import diverged, loss_axis, losses_by_kind, smoothed, thinned, trained_kinds

_LOSSES = st.lists(st.floats(0, 20), min_size=1, max_size=300)


def _points(losses: list[float]) -> list[tuple[float, float]]:
    return [(float(step), loss) for step, loss in enumerate(losses, 1)]


def test_the_mean_is_that_of_a_tenth_around_each_point() -> None:
    assert smoothed(_points([1, 2, 3])) == _points([1, 2, 3])
    rising = _points([float(n) for n in range(40)])
    assert smoothed(rising)[0] == (1, 1.0)  # of three: its own and the next two
    assert smoothed(rising)[20] == (21, 20.0)
    assert smoothed(rising)[-1] == (40, 38.0)
    assert smoothed([]) == []


@given(_LOSSES)
def test_a_mean_stays_between_the_ends(losses: list[float]) -> None:
    means = [y for _, y in smoothed(_points(losses))]
    assert len(means) == len(losses)
    assert all(min(losses) - 1e-9 <= mean <= max(losses) + 1e-9 for mean in means)


@given(_LOSSES, st.integers(1, 50))
def test_a_thinned_curve_keeps_its_last_point(losses: list[float], most: int) -> None:
    points = _points(losses)
    thin = thinned(points, most)
    assert len(thin) <= most
    assert thin[-1] == points[-1]
    assert set(thin) <= set(points)
    assert thinned([], most) == []


def test_losses_of_each_kind() -> None:
    history: list[dict[str, Any]] = [
        {"step": 1, "cot_loss": 2.0, "loss": 9.0},
        {"step": 2, "cot_loss": 1.0, "pot_loss": 3.0},
        {"step": 3},
    ]
    assert losses_by_kind(history) == {"cot": [(1, 2.0), (2, 1.0)], "pot": [(2, 3.0)]}
    assert losses_by_kind([{"step": 1, "pot_loss": 1.0}]) == {"pot": [(1, 1.0)]}


def test_losses_that_are_not_finite_are_left_out_and_named() -> None:
    history: list[dict[str, Any]] = [
        {"step": 1, "cot_loss": 2.0, "pot_loss": float("nan")},
        {"step": 2, "cot_loss": float("inf")},
        {"step": 3, "cot_loss": float("nan")},
    ]
    assert losses_by_kind(history) == {"cot": [(1, 2.0)]}
    assert diverged(history) == {"cot": 2, "pot": 1}
    assert trained_kinds(history) == ["cot", "pot"]
    assert diverged(history[:0]) == {}


@given(st.lists(st.floats(0, width=32), min_size=1, max_size=30))
def test_any_losses_have_an_axis(losses: list[float]) -> None:
    found = losses_by_kind([{"step": step, "cot_loss": loss} for step, loss in enumerate(losses)])
    if found:
        axis = loss_axis(found.values(), "loss")
        assert axis.low < axis.high
        assert 1 <= len(axis.ticks) <= 8


def test_the_axis_fits_the_losses() -> None:
    axis = loss_axis([_points([0.5, 0.45, 0.4]), _points([0.3, 0.25, 0.24])], "loss")
    assert (axis.low, axis.high) == pytest.approx((0.227, 0.513))
    falling = loss_axis([_points([6.0, 3.0, 0.4])], "loss")
    assert (falling.low, falling.high) == pytest.approx((0, 6.3))


def test_a_single_spike_does_not_flatten_the_curve() -> None:
    axis = loss_axis([_points([0.5] * 150 + [90.0] + [0.4] * 149)], "loss")
    assert axis.high < 8  # the moving mean around the spike is at 3.5


@given(_LOSSES)
def test_the_means_are_inside_the_axis(losses: list[float]) -> None:
    axis = loss_axis([_points(losses)], "loss")
    assert all(axis.low <= y <= axis.high for _, y in smoothed(_points(losses)))
    assert 2 <= len(axis.ticks) <= 8
