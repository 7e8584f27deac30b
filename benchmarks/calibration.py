"""Trust in a stock model, on the calibration's problems and on others.

    python -m benchmarks.calibration --calibration DIR --evaluation FILE [--evaluation FILE …] [--json FILE]

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
    parser.add_argument("--evaluation", type=Path, required=True, action="append")
    parser.add_argument("--json", type=Path, help="result file")
    arguments = parser.parse_args()
    content = CalibrationContent.model_validate_json((arguments.calibration / CALIBRATION_FILE).read_bytes())
    reports = [TypeAdapter(Report).validate_json(path.read_bytes()) for path in arguments.evaluation]
    found = figures(content, reports)
    print(table(found))
    if arguments.json:
        results.write(arguments.json, found)


def figures(content: CalibrationContent, reports: Sequence[Report]) -> dict[str, Any]:
    """Figures of the problems of the calibration, and of other ones.

    Raises:
        ValueError: an evaluation is one of another model, or without a calibration, or two have the same name.
    """
    model = content.made_for.model
    if any(report.model != model or not report.calibrated for report in reports):
        raise ValueError(f"Each evaluation must be one of {model} with this calibration.")
    others = {_name(report): report for report in reports}
    if len(others) < len(reports):
        raise ValueError("As many votes of two evaluations ended by the deadline. Give one of the two.")
    own = [row for row in content.rows if row.answer is not None]
    votes = [(row.confidence, row.right) for row in own]
    likely = sum(confidence >= LIKELY_CONFIDENCE for confidence, _ in votes) / content.problems
    return {
        "model": model,
        "prompt": content.made_for.prompt,
        "paths": [content.made_for.cot, content.made_for.pot],
        "coverage": likely,
        "sets": {"of the calibration, cross-fitted": _of_set(content, content.problems, votes, likely)}
        | {
            name: _of_set(report, report.n, list(zip(*answered(report.rows), strict=True)), likely)
            for name, report in others.items()
        },
    }


def _name(report: Report) -> str:
    return f"others, {report.cut_off} of {report.n} votes ended by the deadline" if report.cut_off else "others"


def _of_set(
    source: CalibrationContent | Report, problems: int, votes: Sequence[tuple[float, bool]], likely: float
) -> dict[str, Any]:
    """Figures of a set.

    Args:
        source: calibration or evaluation.
        problems: number of problems.
        votes: confidence of each answer, and whether it is right.
        likely: share of the problems that had a likely answer in the calibration.
    """
    perfect = source.calibration_error_if_perfect
    confidences, right = [confidence for confidence, _ in votes], [is_right for _, is_right in votes]
    most_confident = sorted(votes, key=lambda vote: -vote[0])[: round(likely * problems)]
    return {
        "problems": problems,
        "right": sum(right),
        "error_before": source.calibration_error_before,
        "error": source.calibration_error,
        "error_if_perfect": [perfect.median, perfect.p95],
        "from": {
            f"{point.min_confidence:g}": [point.answered, point.right]
            for point in selective(confidences, right, THRESHOLDS)
        },
        "at_coverage": [len(most_confident), sum(is_right for _, is_right in most_confident)],
    }


def table(found: dict[str, Any]) -> str:
    """Markdown: a row per set of problems, then a row per minimum confidence."""
    cot, pot = found["paths"]
    sets = found["sets"]
    lines = [
        f"{found['model']}, prompt `{found['prompt']}`, at most {cot} + {pot} paths.",
        "",
        "| problems | number | right answers | calibration error of the agreement | calibration error "
        "| of a perfect confidence (19 in 20 below) |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, one in sets.items():
        median, p95 = one["error_if_perfect"]
        errors = f"{one['error_before']:.3f} | {one['error']:.3f} | {median:.3f} ({p95:.3f})"
        lines.append(f"| {name} | {one['problems']} | {one['right'] / one['problems']:.0%} | {errors} |")
    lines += ["", f"| answers that count: right of them (95 %) | {' | '.join(sets)} |", "|---|" + "---:|" * len(sets)]
    for threshold in THRESHOLDS:
        word = ", `likely`" if threshold == LIKELY_CONFIDENCE else ""
        counts = [one["from"][f"{threshold:g}"] for one in sets.values()]
        lines.append(_row(f"confidence at least {threshold:g}{word}", counts))
    lines.append(
        _row(f"the {found['coverage']:.0%} with most confidence", [one["at_coverage"] for one in sets.values()])
    )
    return "\n".join(lines)


def _row(name: str, counts: Sequence[Sequence[int]]) -> str:
    return f"| {name} | {' | '.join(_right_of(*pair) for pair in counts)} |"


def _right_of(answers: int, right: int) -> str:
    if not answers:
        return "none"
    low, high = wilson(right, answers)
    return f"{right} of {answers}, {right / answers:.0%} ({low:.0%} to {high:.0%})"


if __name__ == "__main__":
    main()
