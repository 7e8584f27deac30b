"""Plots of the report: reliability, coverage, and accuracy under smaller budgets."""

from collections.abc import Callable, Sequence

from service.evaluation.by_budget import BudgetPoint
from service.evaluation.calibration_error import SelectivePoint, reliability, selective
from service.evaluation.html.chart import Axis, Chart
from service.evaluation.html.elements import Html, element, join
from service.evaluation.report import BINS, Report, answered
from service.evaluation.statistics import wilson
from service.schemas.words import number, percent

_LABELED = (0.7, 0.5, 0.9, 0.3, 0.6, 0.8, 0.4)  # the first of two that would overlap is shown
_LABEL_SHARE = 0.1
_SERIES = {"both": "both kinds", "cot": "explanations only", "pot": "programs only"}
_STRIP = 44


def plots(report: Report) -> Html:
    """Figures, each with a title and a caption."""
    return element("div", *filter(None, (*_of_confidence(report), *_of_budget(report))), class_="plots")


def _of_confidence(report: Report) -> list[Html]:
    confidences, right = answered(report.rows)
    if not confidences:
        return []
    thresholds = sorted(set(confidences), reverse=True)
    return [
        _reliability(report, confidences, right),
        _coverage(report, selective(confidences, right, thresholds)),
    ]


def _reliability(report: Report, confidences: Sequence[float], right: Sequence[bool]) -> Html:
    bins = reliability(confidences, right, BINS)
    chart = Chart(
        "Share of right answers by confidence",
        Axis("confidence", 0, 1, 0.2, is_share=True),
        Axis("right answers", 0, 1, 0.2, is_share=True),
        strip=_STRIP,
    )
    marks = [
        chart.line([(0, 0), (1, 1)], "ideal"),
        chart.line([(one.confidence, one.accuracy) for one in bins], "vote"),
    ]
    most = max(one.problems for one in bins)
    for one in bins:
        hits = round(one.accuracy * one.problems)
        note = f"confidence {percent(one.confidence, 1)} %: {hits} of {number(one.problems, 'answer')} right"
        marks.append(chart.whisker(one.confidence, *wilson(hits, one.problems), "vote"))
        marks.append(chart.dot(one.confidence, one.accuracy, "vote", note))
        marks.append(_count_bar(chart, one.confidence, one.problems, most))
    left_out = report.n - len(confidences)
    without = f" Left out: {number(left_out, 'problem')} without an answer." if left_out else ""
    caption = (
        "Dots: share of right answers at a confidence, with 95 % intervals. Dashed: a perfect confidence. "
        f"Columns: number of answers.{without}"
    )
    return _figure("Reliability: is the confidence right?", chart.drawn(*marks), caption)


def _count_bar(chart: Chart, confidence: float, problems: int, most: int) -> Html:
    """Column of a bin below the plot area, with its number."""
    middle = chart.point(confidence, 0)[0]
    base, full = chart.floor + _STRIP, _STRIP - 20
    height = max(2.0, full * problems / most)
    bar = element("rect", x=middle - 9, y=base - height, width=18, height=height, class_="count")
    return join(bar, element("text", f"{problems}", x=middle, y=base - height - 4, text_anchor="middle", class_="note"))


def _coverage(report: Report, points: Sequence[SelectivePoint]) -> Html:
    places = [(point.answered / report.n, point.right / point.answered) for point in points]
    bounds = [wilson(point.right, point.answered) for point in points]
    x = Axis("problems answered", 0, 1, 0.2, is_share=True)
    y = Axis.fitted("right answers", [share for _, share in places] + [b for low_high in bounds for b in low_high],
                    is_share=True)  # fmt: skip
    chart = Chart("Share of right answers among the most confident ones", x, y)
    band = chart.band([(place[0], *bound) for place, bound in zip(places, bounds, strict=True)], "vote")
    marks = [band, chart.line(places, "vote")]
    for point, place in zip(points, places, strict=True):
        note = f"≥ {point.min_confidence:.2f}: {point.right} of {point.answered} right"
        marks.append(chart.dot(*place, "vote", note, radius=2.5))
    marks += [chart.mark(*places[i], f"≥ {threshold}") for threshold, i in _labels(points, places)]
    caption = (
        "Only answers of at least a confidence, from the highest confidence on the left to all answers on the right. "
        "Band: 95 % interval."
    )
    return _figure("Coverage: only the confident answers", chart.drawn(*marks), caption)


def _labels(points: Sequence[SelectivePoint], places: Sequence[tuple[float, float]]) -> list[tuple[float, int]]:
    """Thresholds with the last point that each one leaves, without labels that would overlap."""
    found: list[tuple[float, int]] = []
    for threshold in _LABELED:
        last = max((i for i, point in enumerate(points) if point.min_confidence >= threshold), default=None)
        if last is not None and all(abs(places[last][0] - places[i][0]) > _LABEL_SHARE for _, i in found):
            found.append((threshold, last))
    return found


def _of_budget(report: Report) -> list[Html]:
    series = {kinds: [p for p in report.by_budget if p.kinds == kinds] for kinds in _SERIES}
    series = {kinds: points for kinds, points in series.items() if points}
    if not series:
        return []
    caption = _budget_caption(report, series)
    return [
        _budget("Accuracy against attempts", "attempts per problem", lambda p: p.paths, series, caption),
        _budget(
            "Accuracy against tokens",
            "completion tokens per problem",
            lambda p: p.completion_tokens,
            series,
            "The same votes by their tokens. Band: 95 % interval.",
        ),
    ]


def _budget(
    title: str, label: str, cost: Callable[[BudgetPoint], float], series: dict[str, list[BudgetPoint]], caption: str
) -> Html:
    everything = [point for points in series.values() for point in points]
    bounds = {id(point): wilson(point.right, point.problems) for point in everything}
    shown = [bound for point in series["both"] for bound in bounds[id(point)]]
    y = Axis.fitted("right answers", shown + [point.right / point.problems for point in everything], is_share=True)
    chart = Chart(title, Axis.fitted(label, [cost(point) for point in everything], from_zero=True), y)
    marks = [chart.band([(cost(point), *bounds[id(point)]) for point in series["both"]], "both")]
    for kinds, points in series.items():
        marks.append(chart.line([(cost(point), point.right / point.problems) for point in points], kinds))
        for point in points:
            budget = f"{point.budget} + {point.budget} attempts" if kinds == "both" else number(point.budget, "attempt")
            note = f"{budget}: {point.right} of {point.problems} right, {cost(point):,.1f} {label}"
            marks.append(chart.dot(cost(point), point.right / point.problems, kinds, note))
    names = [element("span", element("i", class_=kinds), _SERIES[kinds]) for kinds in series]
    legend = element("p", *names, class_="legend") if len(series) > 1 else None
    return _figure(title, chart.drawn(*marks), caption, legend)


def _budget_caption(report: Report, series: dict[str, list[BudgetPoint]]) -> str:
    most = max(point.budget for point in series["both"])
    kinds = "" if len(series) > 1 else " The curves of one kind need every attempt: choose the policy fixed."
    left_out = report.n - series["both"][0].problems
    without = f" Left out: {number(left_out, 'vote')} that the deadline cut off." if left_out else ""
    return (
        f"The same attempts under smaller budgets: 1 of each kind up to {most}, with the policy {report.policy}. "
        f"Attempts that the vote did not need are not counted.{without}{kinds} Band: 95 % interval."
    )


def _figure(title: str, chart: Html, caption: str, legend: Html | None = None) -> Html:
    return element("figure", element("h3", title), legend, chart, element("figcaption", caption))
