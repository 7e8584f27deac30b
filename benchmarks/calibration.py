"""Calibration of a stock model: its promise on the problems that it was fitted on, and other problems.

    python -m benchmarks.calibration --calibration DIR --evaluation FILE [--json FILE]

DIR is the output of `twinpath calibrate`, and FILE that of `twinpath evaluate --calibration DIR --json FILE` on other
problems.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from benchmarks import results
from service.evaluation.calibration.content import CalibrationContent
from service.evaluation.calibration_error import selective
from service.evaluation.report import Report, answered
from service.evaluation.statistics import wilson
from service.model.calibration_file import CALIBRATION_FILE
from service.solve.verdict import LIKELY_CONFIDENCE

THRESHOLDS = (0.5, LIKELY_CONFIDENCE, 0.8, 0.9)
"""Values of the minimum confidence in the table. One is that of the verdict `likely`."""


def main() -> None:
    """Read both outputs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calibration", type=Path, required=True)
    parser.add_argument("--evaluation", type=Path, required=True)
    parser.add_argument("--json", type=Path, help="result file")
    arguments = parser.parse_args()
    content = CalibrationContent.model_validate_json((arguments.calibration / CALIBRATION_FILE).read_bytes())
    report = TypeAdapter(Report).validate_json(arguments.evaluation.read_bytes())
    found = figures(content, report)
    print(table(found))
    if arguments.json:
        results.write(arguments.json, found)


def figures(content: CalibrationContent, report: Report) -> dict[str, Any]:
    """Figures of both sets of problems.

    Raises:
        ValueError: the evaluation is one of another model, or without a calibration.
    """
    if report.model != content.made_for.model or not report.calibrated:
        raise ValueError(f"The evaluation must be one of {content.made_for.model} with this calibration.")
    fitted = [row for row in content.rows if row.answer is not None]
    return {
        "model": report.model,
        "prompt": content.made_for.prompt,
        "paths": [content.made_for.cot, content.made_for.pot],
        "policy": report.policy,
        "sets": {
            "calibrated on, cross-fitted": _of_set(
                content, content.problems, [row.confidence for row in fitted], [row.right for row in fitted]
            ),
            "other problems": _of_set(report, report.n, *answered(report.rows)),
        },
    }


def _of_set(
    source: CalibrationContent | Report, problems: int, confidences: Sequence[float], right: Sequence[bool]
) -> dict[str, Any]:
    perfect = source.calibration_error_if_perfect
    points = selective(confidences, right, THRESHOLDS)
    return {
        "problems": problems,
        "right": sum(right),
        "error_before": source.calibration_error_before,
        "error": source.calibration_error,
        "error_if_perfect": [perfect.median, perfect.p95],
        "from": {f"{point.min_confidence:g}": [point.answered, point.right] for point in points},
    }


def table(found: dict[str, Any]) -> str:
    """Markdown: one row per set, then one per minimum confidence."""
    cot, pot = found["paths"]
    lines = [
        f"{found['model']}, prompt `{found['prompt']}`, at most {cot} + {pot} paths, policy `{found['policy']}`.",
        "",
        "| set | problems | right answers | calibration error of the agreement | calibration error "
        "| of a perfect confidence (19 in 20 below) |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, one in found["sets"].items():
        median, p95 = one["error_if_perfect"]
        errors = f"{one['error_before']:.3f} | {one['error']:.3f} | {median:.3f} ({p95:.3f})"
        lines.append(f"| {name} | {one['problems']} | {one['right'] / one['problems']:.0%} | {errors} |")
    lines += ["", f"| confidence at least | {' | '.join(f'{name}: share | right (95 %)' for name in found['sets'])} |"]
    lines.append("|---:|" + "---:|" * 2 * len(found["sets"]))
    for threshold in THRESHOLDS:
        cells = [_share(one["from"][f"{threshold:g}"], one["problems"]) for one in found["sets"].values()]
        word = " (`likely`)" if threshold == LIKELY_CONFIDENCE else ""
        lines.append(f"| {threshold:g}{word} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _share(counts: Sequence[int], problems: int) -> str:
    """Share of the problems, and share of right answers among them."""
    answers, right = counts
    if not answers:
        return "0% | "
    low, high = wilson(right, answers)
    return f"{answers / problems:.0%} | {right / answers:.0%} ({low:.0%} to {high:.0%})"


if __name__ == "__main__":
    main()
