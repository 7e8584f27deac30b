"""Line charts as SVG, with axes that fit the data."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from service.evaluation.html.elements import Html, element, join

WIDTH, HEIGHT = 460, 306
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 24, 36, 44
_TICK_STEPS = (1, 2, 2.5, 5, 10)
_ROOM = 0.05
_EPSILON = 1e-9
_PRECISION = 1e-6
"""Minimum length of an axis relative to its values, which floating point still resolves."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Axis of a chart.

    Args:
        label: label of the axis.
        low: lowest value.
        high: highest value.
        step: distance of two ticks.
        is_share: whether the values are shares, which ticks show in percent.
    """

    label: str
    low: float
    high: float
    step: float
    is_share: bool = False

    @classmethod
    def fitted(
        cls, label: str, values: Sequence[float], *, is_share: bool = False, from_zero: bool = False, least: float = 1.0
    ) -> "Axis":
        """Axis around the values, with some room. Axes of shares stay in [0, 1].

        Args:
            label: label of the axis.
            values: values on the axis, at least one finite.
            is_share: whether the values are shares. Their axis is at least 0.1 long.
            from_zero: whether the axis starts at zero.
            least: minimum length of an axis of other values.
        """
        finite = list(filter(math.isfinite, values))
        low, high = (0.0 if from_zero else min(finite)), max(finite)
        least = 0.1 if is_share else max(least, _PRECISION * max(abs(low), abs(high)))
        room = max(_ROOM * (high - low), (least - high + low) / 2)
        low, high = (low if from_zero else low - room), high + room
        if is_share:
            low, high = max(0.0, min(low, 1 - least)), min(1.0, max(high, least))
        return cls(label, low, high, _nice((high - low) / 6), is_share)

    @property
    def ticks(self) -> list[float]:
        """Values of the ticks: the multiples of the step between the ends."""
        first, last = math.ceil(self.low / self.step - _EPSILON), math.floor(self.high / self.step + _EPSILON)
        return [number * self.step for number in range(first, last + 1)]

    def text(self, value: float) -> str:
        """Text of a tick."""
        return f"{100 * value:.3g} %" if self.is_share else f"{value:,.10g}"

    def share(self, value: float) -> float:
        """Place of a value between the ends, in [0, 1]."""
        return (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Chart:
    """Plot area with two axes.

    Args:
        title: title for readers of the screen.
        x: horizontal axis.
        y: vertical axis.
        strip: height of a strip between the plot area and the horizontal axis, in pixels.
    """

    title: str
    x: Axis
    y: Axis
    strip: float = 0

    @property
    def floor(self) -> float:
        """Vertical place of the bottom of the plot area, in pixels."""
        return HEIGHT - _BOTTOM - self.strip

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Place of a point, in pixels."""
        width, height = WIDTH - _LEFT - _RIGHT, self.floor - _TOP
        return round(_LEFT + width * self.x.share(x), 2), round(self.floor - height * self.y.share(y), 2)

    def line(self, points: Sequence[tuple[float, float]], class_: str) -> Html:
        """Line through points."""
        places = " ".join(f"{x:g},{y:g}" for x, y in (self.point(*point) for point in points))
        return element("polyline", points=places, class_=class_)

    def band(self, points: Sequence[tuple[float, float, float]], class_: str) -> Html:
        """Area between a lower and an upper line, through points (x, low, high)."""
        outline = [self.point(x, low) for x, low, _ in points]
        outline += [self.point(x, high) for x, _, high in reversed(points)]
        return element("polygon", points=" ".join(f"{x:g},{y:g}" for x, y in outline), class_=class_)

    def dot(self, x: float, y: float, class_: str, note: str, radius: float = 3.5) -> Html:
        """Dot with a note that a pointer shows."""
        cx, cy = self.point(x, y)
        return element("g", element("title", note), element("circle", cx=cx, cy=cy, r=radius, class_=class_))

    def whisker(self, x: float, low: float, high: float, class_: str) -> Html:
        """Vertical line of an interval."""
        (cx, bottom), (_, top) = self.point(x, low), self.point(x, high)
        return element("line", x1=cx, x2=cx, y1=bottom, y2=top, class_=class_)

    def mark(self, x: float, y: float, text: str) -> Html:
        """Text above the plot area, with a line down to a point."""
        px, py = self.point(x, y)
        line = element("line", x1=px, x2=px, y1=_TOP, y2=py, class_="mark")
        return join(line, element("text", text, x=px, y=_TOP - 5, text_anchor="middle", class_="note"))

    def drawn(self, *marks: Html) -> Html:
        """Chart with its marks."""
        return element(
            "svg", element("title", self.title), *self._axes(), *marks, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img",
            class_="chart",
        )  # fmt: skip

    def _axes(self) -> list[Html]:
        right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
        marks = []
        for tick in self.y.ticks:
            y = self.point(self.x.low, tick)[1]
            marks.append(element("line", x1=_LEFT, x2=right, y1=y, y2=y, class_="grid"))
            marks.append(element("text", self.y.text(tick), x=_LEFT - 8, y=y + 4, text_anchor="end"))
        for tick in self.x.ticks:
            x = self.point(tick, self.y.low)[0]
            marks.append(element("line", x1=x, x2=x, y1=bottom, y2=bottom + 5, class_="axis"))
            marks.append(element("text", self.x.text(tick), x=x, y=bottom + 19, text_anchor="middle"))
        marks.append(element("line", x1=_LEFT, x2=right, y1=bottom, y2=bottom, class_="axis"))
        middle = (_LEFT + right) / 2
        marks.append(element("text", self.x.label, x=middle, y=HEIGHT - 6, text_anchor="middle", class_="label"))
        marks.append(element("text", self.y.label, x=2, y=13, class_="label"))
        return marks


def _nice(step: float) -> float:
    """Next larger step of the form 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in _TICK_STEPS if power * factor >= step * (1 - _EPSILON))
