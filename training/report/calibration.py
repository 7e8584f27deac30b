"""Calibration in the report: temperature, stopping threshold and confidence map."""

from service.amounts import number
from service.evaluation.html.chart import Axis, Chart
from service.evaluation.html.elements import Html, element
from service.evaluation.html.figures import figure, reliability_figure
from service.evaluation.html.tables import table
from service.solve.calibration import Calibration
from training.report.files import RunFiles
from training.report.layout import facts, hint, part, section, share
from training.sample.thresholds import ThresholdCost
from training.stages.calibrate import CALIBRATION, MIN_PROBLEMS, BestCalibration, CalibrationReport


def calibration(files: RunFiles) -> Html | None:
    """Section of the stage `calibrate`."""
    found = files.read("calibrate", CALIBRATION, BestCalibration)
    if found is None:
        return None
    report = found.report
    plots = [reliability_figure(report.reliability, 0), _map(report.calibration)]
    return part(
        "Calibration on the dev problems",
        ["calibrate"],
        element("div", _chosen(found), _thresholds(report), class_="summary"),
        element("div", *filter(None, plots), class_="plots"),
    )


def _chosen(found: BestCalibration) -> Html:
    report = found.report
    rows = {
        "dev problems": f"{report.problems:,}",
        "temperature": f"{found.temperature:g}",
        "stopping threshold": f"{report.calibration.threshold:g}",
        "calibration error before": f"{report.ece_before:.3f}",
        "after, adaptive policy": f"{report.ece:.3f}",
        "after, fixed policy": f"{report.ece_fixed:.3f}",
        "shift if all numbers are used": f"{report.calibration.all_numbers_shift:+.2f}",
        "shift if a number is left out": f"{report.calibration.left_out_shift:+.2f}",
    }
    tried = (
        (f"{t.temperature:g}", share(t.accuracy_fixed), share(t.accuracy), f"{t.tokens:,.0f}", f"{t.tokens_fixed:,.0f}")
        for t in found.temperatures
    )
    head = ("temperature", "full vote", "adaptive", "tokens, adaptive", "tokens, full vote")
    return section(
        "Chosen",
        facts(rows),
        table("counts", head, tried) if len(found.temperatures) > 1 else None,
        hint("The errors after the calibration are cross-fitted: each problem's map comes from other problems."),
    )


def _thresholds(report: CalibrationReport) -> Html:
    names = list(report.thresholds[0].sets) if report.thresholds else []
    shown = names if len(names) > 1 else []
    rows = (_threshold(row, shown, report.calibration.threshold) for row in report.thresholds)
    few = (
        f" With fewer than {MIN_PROBLEMS} problems the threshold stays at its default."
        if report.problems < MIN_PROBLEMS
        else ""
    )
    return section(
        "Stopping thresholds",
        table("counts", ("threshold", "tokens", "points lost", *shown), rows),
        hint(
            "Points lost to the full vote and share of its tokens, over many orders of the same paths. "
            f"±: one standard error.{few}"
        ),
    )


def _threshold(row: ThresholdCost, sets: list[str], chosen: float) -> tuple[str, ...]:
    name = f"{row.threshold:g}"
    costs = [f"{100 * cost.lost:.1f} ± {100 * cost.error:.1f}" for cost in (row.cost, *(row.sets[s] for s in sets))]
    first = (
        element("span", name, " ", element("span", "chosen", class_="chip likely")) if row.threshold == chosen else name
    )
    return (first, share(row.cost.tokens), *costs)


def _map(found: Calibration) -> Html | None:
    points = found.confidence_map
    if not points:
        return None
    chart = Chart(
        "Confidence by vote share",
        Axis("vote share of the leader", 0, 1, 0.2, is_share=True),
        Axis("confidence", 0, 1, 0.2, is_share=True),
    )
    line = chart.line([(x, y) for x, y in points if x > 0], "both")
    caption = (
        f"Share of right answers for a smoothed vote share, fitted at {number(len(points) - 1, 'knot')}. The shifts "
        "move it by the use of the problem's numbers."
    )
    return figure("Confidence map", chart.drawn(chart.line([(0, 0), (1, 1)], "ideal"), line), caption)
