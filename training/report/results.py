"""Results in the report: test problems, and students of one kind."""

import operator
from collections.abc import Callable, Mapping, Sequence

from service.amounts import number
from service.evaluation.calibration_error import CoveragePoint
from service.evaluation.html.chart import Axis, Chart
from service.evaluation.html.elements import Html, element
from service.evaluation.html.figures import curve, figure, legend, reliability_figure
from service.evaluation.html.tables import accuracy_table, share, table
from service.evaluation.statistics import wilson
from training.report.files import RunFiles
from training.report.layout import KINDS, hint, part, section
from training.sample.calibration_errors import CalibrationErrors
from training.sample.statistics import Accuracy
from training.stages.compare import COMPARISON, Comparison, CurvePoint
from training.stages.measure import MEASUREMENT, Measurement

_STUDENTS = {"MD": "both", "CoT student": "cot", "PoT student": "pot", "ensemble": "ensemble"}
"""Class of each student's curve."""
_NAMES = {"MD": "MD (both kinds)"}


def pooled(sets: Mapping[str, Mapping[str, Accuracy]]) -> dict[str, Accuracy]:
    """Accuracies over the problems of all sets, by measure."""
    measures = dict.fromkeys(name for found in sets.values() for name in found)
    return {name: _pooled([found[name] for found in sets.values() if name in found]) for name in measures}


def results(files: RunFiles) -> Html | None:
    """Section of the stage `measure`."""
    found = files.read("measure", MEASUREMENT, Measurement)
    if found is None:
        return None
    sets = {"All sets": pooled(found.sets), **found.sets} if len(found.sets) > 1 else found.sets
    cards = [section(f"{name} · {_problems(rows)}", _accuracies(rows)) for name, rows in sets.items()]
    plots = [reliability_figure(found.reliability, 0), coverage_figure(found.coverage, found.problems)]
    return part(
        "Results on the test problems",
        ["measure"],
        element("div", *cards, _cost(found), class_="summary"),
        element("div", *plots, class_="plots"),
        _calibration_errors(found.calibration_errors),
    )


def coverage_figure(points: Sequence[CoveragePoint], problems: int) -> Html:
    """Accuracy of the most confident answers, with its 95 % interval.

    Args:
        points: accuracy at each coverage, at least one.
        problems: number of all problems.
    """
    counts = [max(1, round(problems * point.coverage)) for point in points]
    bounds = [wilson(round(p.accuracy * n), n) for p, n in zip(points, counts, strict=True)]
    y = Axis.fitted("right answers", [bound for both in bounds for bound in both], is_share=True)
    chart = Chart("Accuracy of the most confident answers", Axis("problems answered", 0, 1, 0.2, is_share=True), y)
    dots = [
        (p.coverage, p.accuracy, f"{share(p.accuracy)} right of the {n} most confident answers")
        for p, n in zip(points, counts, strict=True)
    ]
    band = chart.band([(p.coverage, *ends) for p, ends in zip(points, bounds, strict=True)], "both")
    caption = "From the most confident tenth on the left to all answers on the right. Band: 95 % interval."
    return figure("Coverage: only the confident answers", chart.drawn(band, curve(chart, dots, "both")), caption)


def comparison(files: RunFiles) -> Html | None:
    """Section of the stage `compare`."""
    found = files.read("compare", COMPARISON, Comparison)
    if found is None:
        return None
    title = f"{number(found.problems, 'problem')} of the {files.recipe.compare.split} set"
    curves = [
        _curves(found, "Accuracy against paths", "paths in the vote", operator.attrgetter("paths")),
        _curves(found, "Accuracy against tokens", "completion tokens per problem", operator.attrgetter("tokens")),
    ]
    return part(
        "Both kinds against one",
        ["compare"],
        element("div", section(title, _accuracies(found.accuracies)), _tests(found), class_="summary"),
        element("div", *filter(None, curves), class_="plots"),
    )


def kind_of(name: str) -> str:
    """Class of a measure's bar, from the kinds in its name."""
    if "ensemble" in name:
        return "ensemble"
    return "cot" if "CoT" in name else "pot" if "PoT" in name else "both"


def _accuracies(rows: Mapping[str, Accuracy]) -> Html:
    """Accuracies, the last measure first: it is the vote."""
    cells = ((name, row.accuracy, row.interval, kind_of(name)) for name, row in reversed([*rows.items()]))
    return accuracy_table("answer of", cells, digits=1)


def _problems(rows: Mapping[str, Accuracy]) -> str:
    return number(max((row.problems for row in rows.values()), default=0), "problem")


def _pooled(rows: Sequence[Accuracy]) -> Accuracy:
    right, problems = sum(round(row.accuracy * row.problems) for row in rows), sum(row.problems for row in rows)
    return Accuracy(right / problems, wilson(right, problems), problems)


def _cost(found: Measurement) -> Html:
    test, use = found.adaptive_against_fixed, found.number_use
    saved = f"{100 * found.tokens / found.tokens_fixed:.0f} %" if found.tokens_fixed else "–"
    tokens = (
        ("adaptive", f"{found.tokens:,.0f}", saved, f"{test.only_first}"),
        ("fixed", f"{found.tokens_fixed:,.0f}", "100 %", f"{test.only_second}"),
    )
    uses = (
        ("uses every number of the problem", use.problems, use.right),
        ("leaves out a number", use.problems_left_out, use.right_left_out),
    )
    numbers = ((title, f"{answers:,}", share(right) if answers else "–") for title, answers, right in uses)
    return section(
        "Cost of an answer",
        table("counts", ("policy", "tokens per problem", "of all", "right only here"), tokens),
        hint(f"Right only here: problems that the other policy gets wrong (McNemar's p = {test.p:.2f})."),
        # An answer without a program, and yes or no, need not use the numbers.
        table("counts", ("the program of the answer", "answers", "right"), numbers)
        if use.problems + use.problems_left_out
        else None,
    )


def _calibration_errors(sets: Mapping[str, CalibrationErrors]) -> Html:
    head = ("problems of", "number", "adaptive", "fixed", "by chance (median)", "by chance (95 %)")
    rows = []
    for name, row in sets.items():
        errors = (row.adaptive, row.fixed, row.perfect_median, row.perfect_p95)
        rows.append((name, f"{row.problems:,}", *(f"{error:.3f}" for error in errors)))
    note = (
        "By chance: the error that a perfect confidence would show on so few problems. 19 of 20 such errors are below "
        "the last column."
    )
    return section("Calibration error", table("counts", head, rows), hint(note))


def _tests(found: Comparison) -> Html:
    tests = ((name, f"{t.only_first}", f"{t.only_second}", f"{t.p:.3f}") for name, t in found.tests.items())
    shares = (
        (KINDS[kind], share(s.mixed), share(s.single), f"{100 * s.lead.mean:+.1f} ± {100 * s.lead.margin:.1f}")
        for kind, s in found.paths.items()
    )
    return section(
        "Paired tests",
        table("counts", ("on the same problems", "only first", "only second", "p"), tests),
        hint("Problems that only one of the two gets right, and McNemar's exact p without correction."),
        table("counts", ("right, of all sampled paths", "MD", "one kind", "lead in points"), shares),
    )


def _curves(found: Comparison, title: str, label: str, cost: Callable[[CurvePoint], float]) -> Html | None:
    everything = [point for points in found.curves.values() for point in points]
    if not everything:
        return None
    ends = [(cost(p), *wilson(round(p.accuracy * found.problems), found.problems)) for p in found.curves.get("MD", ())]
    shown = [point.accuracy for point in everything] + [end for _, *both in ends for end in both]
    x = Axis.fitted(label, list(map(cost, everything)), from_zero=True)
    chart = Chart(title, x, Axis.fitted("right answers", shown, is_share=True))
    marks = [chart.band(ends, "both")]
    for student, points in found.curves.items():
        notes = [f"{student}, {p.paths} paths: {share(p.accuracy)} right, {p.tokens:,.0f} tokens" for p in points]
        dots = [(cost(p), p.accuracy, note) for p, note in zip(points, notes, strict=True)]
        marks.append(curve(chart, dots, _STUDENTS.get(student, "both")))
    names = {_STUDENTS.get(student, "both"): _NAMES.get(student, student) for student in found.curves}
    caption = "Votes over all paths, without early stopping. Band: 95 % interval of MD."
    return figure(title, chart.drawn(*marks), caption, legend(names))
