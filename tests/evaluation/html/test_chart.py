"""Axes that fit the data, and places of points."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evaluation.html.chart import HEIGHT, WIDTH, Axis, Chart


@pytest.mark.parametrize(
    ("values", "is_share", "from_zero", "ends", "texts"),
    [
        ([0.3, 0.5], True, False, (0.29, 0.51), ["30 %", "35 %", "40 %", "45 %", "50 %"]),
        ([2, 20], False, True, (0, 21), ["0", "5", "10", "15", "20"]),
        ([95, 650], False, True, (0, 682.5), ["0", "200", "400", "600"]),
        ([0.5, 0.5], True, False, (0.45, 0.55), ["46 %", "48 %", "50 %", "52 %", "54 %"]),
        ([0, 1], True, False, (0, 1), ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]),
        ([1, 1], True, False, (0.9, 1), ["90 %", "92 %", "94 %", "96 %", "98 %", "100 %"]),
        ([0], False, True, (0, 0.5), ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]),
    ],
)
def test_an_axis_fits_its_values(
    values: list[float], is_share: bool, from_zero: bool, ends: tuple[float, float], texts: list[str]
) -> None:
    axis = Axis.fitted("x", values, is_share=is_share, from_zero=from_zero)
    assert (axis.low, axis.high) == pytest.approx(ends)
    assert [axis.text(tick) for tick in axis.ticks] == texts


def test_an_axis_has_a_minimum_length() -> None:
    axis = Axis.fitted("loss", [0.4, 0.42], least=0.05)
    assert (axis.low, axis.high) == pytest.approx((0.385, 0.435))
    assert [axis.text(tick) for tick in axis.ticks] == ["0.39", "0.4", "0.41", "0.42", "0.43"]


@given(st.lists(st.floats(0, 1), min_size=1), st.booleans())
def test_every_share_lies_on_its_axis(values: list[float], from_zero: bool) -> None:
    axis = Axis.fitted("x", values, is_share=True, from_zero=from_zero)
    assert 0 <= axis.low <= min(values)
    assert max(values) <= axis.high <= 1
    assert 2 <= len(axis.ticks) <= 8
    assert all(axis.low - 1e-9 <= tick <= axis.high + 1e-9 for tick in axis.ticks)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_every_cost_lies_on_its_axis(values: list[float]) -> None:
    axis = Axis.fitted("x", values, from_zero=True)
    assert (axis.low, axis.high >= max(values)) == (0, True)
    assert 2 <= len(axis.ticks) <= 8


def test_marks_are_inside_the_picture() -> None:
    chart = Chart("title", Axis("x", 0, 1, 0.5, is_share=True), Axis("y", 0, 1, 0.5, is_share=True))
    drawn = chart.drawn(chart.line([(0, 0), (1, 1)], "vote"), chart.dot(0.5, 0.5, "vote", "a < b"))
    points = re.search(r'points="([\d.]+),([\d.]+) ([\d.]+),([\d.]+)"', drawn)
    assert points is not None
    left, bottom, right, top = map(float, points.groups())
    assert 0 < left < right < WIDTH
    assert 0 < top < bottom < HEIGHT
    assert f'cx="{(left + right) / 2:g}" cy="{(top + bottom) / 2:g}"' in drawn
    assert "a &lt; b" in drawn
