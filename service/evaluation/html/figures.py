"""Figures that several reports share: reliability, coverage, and curves with a legend."""

from collections.abc import Iterable, Mapping, Sequence

from service.amounts import number, percent
from service.evaluation.calibration_error import ReliabilityBin, SelectivePoint, selective
from service.evaluation.html.chart import Axis, Chart
from service.evaluation.html.elements import Html, element, join
from service.evaluation.statistics import wilson

_STRIP = 44
_LABELED = (0.7, 0.5, 0.9, 0.3, 0.6, 0.8, 0.4)  # the first of two that would overlap is shown
_LABEL_SHARE = 0.1


def figure(title: str, chart: Html, caption: str, legend: Html | None = None) -> Html:
    """Chart with title, legend and caption."""
    return element("figure", element("h3", title), legend, chart, element("figcaption", caption))


def legend(names: Mapping[str, str]) -> Html | None:
    """Legend outside of the chart: the name of each class. None for a single curve."""
    entries = [element("span", element("i", class_=class_), name) for class_, name in names.items()]
    return element("p", *entries, class_="legend") if len(names) > 1 else None


def reliability_figure(
    bins: Sequence[ReliabilityBin], without_answer: int, title: str = "Reliability: is the confidence right?"
) -> Html:
    """Reliability diagram, with the number of answers below each point.

    Args:
        bins: bins of the diagram, at least one.
        without_answer: number of problems that have no answer and are left out.
        title: title of the figure.
    """
    share = Axis("confidence", 0, 1, 0.2, is_share=True)
    chart = Chart(
        "Share of right answers by confidence", share, Axis("right answers", 0, 1, 0.2, is_share=True), strip=_STRIP
    )
    marks = [
        chart.line([(0, 0), (1, 1)], "ideal"),
        chart.line([(one.confidence, one.accuracy) for one in bins], "both"),
    ]
    most = max(one.problems for one in bins)
    for one in bins:
        hits = round(one.accuracy * one.problems)
        note = f"confidence {percent(one.confidence, 1)} %: {hits} of {number(one.problems, 'answer')} right"
        marks.append(chart.whisker(one.confidence, *wilson(hits, one.problems), "both"))
        marks.append(chart.dot(one.confidence, one.accuracy, "both", note))
        marks.append(_count_bar(chart, one.confidence, one.problems, most))
    without = f" Left out: {number(without_answer, 'problem')} without an answer." if without_answer else ""
    caption = (
        "Dots: share of right answers at a confidence, with 95 % intervals. Dashed: a perfect confidence. "
        f"Columns: number of answers.{without}"
    )
    return figure(title, chart.drawn(*marks), caption)


def coverage_figure(confidences: Sequence[float], right: Sequence[bool], problems: int) -> Html:
    """Share of right answers among the most confident ones.

    Args:
        confidences: confidence of each answer, in [0, 1], at least one.
        right: whether each answer is right.
        problems: number of problems, those without an answer included.
    """
    points = selective(confidences, right, sorted(set(confidences), reverse=True))
    places = [(point.answered / problems, point.right / point.answered) for point in points]
    bounds = [wilson(point.right, point.answered) for point in points]
    x = Axis("problems answered", 0, 1, 0.2, is_share=True)
    y = Axis.fitted("right answers", [share for _, share in places] + [b for low_high in bounds for b in low_high],
                    is_share=True)  # fmt: skip
    chart = Chart("Share of right answers among the most confident ones", x, y)
    band = chart.band([(place[0], *bound) for place, bound in zip(places, bounds, strict=True)], "both")
    marks = [band, chart.line(places, "both")]
    for point, place in zip(points, places, strict=True):
        note = f"≥ {point.min_confidence:.2f}: {point.right} of {point.answered} right"
        marks.append(chart.dot(*place, "both", note, radius=2.5))
    marks += [chart.mark(*places[i], f"≥ {threshold}") for threshold, i in _labels(points, places)]
    caption = (
        "Only answers of at least a confidence, from the highest confidence on the left to all answers on the right. "
        "Band: 95 % interval."
    )
    return figure("Coverage: only the confident answers", chart.drawn(*marks), caption)


def curve(chart: Chart, points: Iterable[tuple[float, float, str]], class_: str, radius: float = 3.5) -> Html:
    """Line through dots.

    Args:
        chart: the chart.
        points: x, y and note of each dot.
        class_: class of its color.
        radius: radius of the dots in pixels.
    """
    places = list(points)
    line = chart.line([(x, y) for x, y, _ in places], class_)
    return join(line, *(chart.dot(x, y, class_, note, radius) for x, y, note in places))


def _count_bar(chart: Chart, confidence: float, problems: int, most: int) -> Html:
    """Column of a bin below the plot area, with its number."""
    middle = chart.point(confidence, 0)[0]
    base, full = chart.floor + _STRIP, _STRIP - 20
    height = max(2.0, full * problems / most)
    column = element("rect", x=middle - 9, y=base - height, width=18, height=height, class_="count")
    text = element("text", f"{problems}", x=middle, y=base - height - 4, text_anchor="middle", class_="note")
    return join(column, text)


def _labels(points: Sequence[SelectivePoint], places: Sequence[tuple[float, float]]) -> list[tuple[float, int]]:
    """Thresholds with the last point that each one leaves, without labels that would overlap."""
    found: list[tuple[float, int]] = []
    for threshold in _LABELED:
        last = max((i for i, point in enumerate(points) if point.min_confidence >= threshold), default=None)
        if last is not None and all(abs(places[last][0] - places[i][0]) > _LABEL_SHARE for _, i in found):
            found.append((threshold, last))
    return found
