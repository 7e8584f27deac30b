"""Calibration in the report: temperature, stopping threshold and confidence map."""

from service.evaluation.calibration.fit import CalibrationReport
from service.evaluation.html.calibration_parts import map_figure, thresholds_hint, thresholds_table
from service.evaluation.html.elements import Html, element
from service.evaluation.html.figures import reliability_figure
from service.evaluation.html.tables import share, table
from training.report.files import RunFiles
from training.report.layout import facts, hint, part, section
from training.stages.calibrate import CALIBRATION, BestCalibration


def calibration(files: RunFiles) -> Html | None:
    """Section of the stage `calibrate`."""
    found = files.read("calibrate", CALIBRATION, BestCalibration)
    if found is None:
        return None
    report = found.report
    plots = [reliability_figure(report.reliability, 0), map_figure(report.calibration)]
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
    return section(
        "Stopping thresholds",
        thresholds_table(report.thresholds, report.calibration.threshold, names if len(names) > 1 else []),
        thresholds_hint(report.problems),
    )
