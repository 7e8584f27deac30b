"""Plots of the report: reliability, coverage, and accuracy under smaller budgets."""

from collections.abc import Callable

from service.amounts import number
from service.evaluation.by_budget import BudgetPoint
from service.evaluation.calibration_error import reliability
from service.evaluation.html.chart import Axis, Chart
from service.evaluation.html.elements import Html, element
from service.evaluation.html.figures import coverage_figure, curve, figure, legend, reliability_figure
from service.evaluation.report import BINS, Report, answered
from service.evaluation.statistics import wilson

_SERIES = {"both": "both kinds", "cot": "explanations only", "pot": "programs only"}


def plots(report: Report) -> Html:
    """Figures, each with a title and a caption."""
    return element("div", *filter(None, (*_of_confidence(report), *_of_budget(report))), class_="plots")


def _of_confidence(report: Report) -> list[Html]:
    confidences, right = answered(report.rows)
    if not confidences:
        return []
    return [
        reliability_figure(reliability(confidences, right, BINS), report.n - len(confidences)),
        coverage_figure(confidences, right, report.n),
    ]


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
        places = [(cost(point), point.right / point.problems, _note(point, cost(point), label)) for point in points]
        marks.append(curve(chart, places, kinds))
    names = {kinds: _SERIES[kinds] for kinds in series}
    return figure(title, chart.drawn(*marks), caption, legend(names))


def _note(point: BudgetPoint, cost: float, label: str) -> str:
    is_both = point.kinds == "both"
    budget = f"{point.budget} + {point.budget} attempts" if is_both else number(point.budget, "attempt")
    return f"{budget}: {point.right} of {point.problems} right, {cost:,.1f} {label}"


def _budget_caption(report: Report, series: dict[str, list[BudgetPoint]]) -> str:
    most = max(point.budget for point in series["both"])
    kinds = "" if len(series) > 1 else " The curves of one kind need every attempt: choose the policy fixed."
    left_out = report.n - series["both"][0].problems
    without = f" Left out: {number(left_out, 'vote')} that the deadline cut off." if left_out else ""
    return (
        f"The same attempts under smaller budgets: 1 of each kind up to {most}, with the policy {report.policy}. "
        f"Attempts that the vote did not need are not counted.{without}{kinds} Band: 95 % interval."
    )
