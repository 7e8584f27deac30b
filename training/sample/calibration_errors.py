"""Calibration errors of a student on its test problems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.evaluation.calibration.confidence import Observed
from service.evaluation.calibration_error import error_if_perfect, expected_error
from service.types import Policy


@dataclass(frozen=True, slots=True)
class CalibrationErrors:
    """Expected calibration error of some problems.

    Args:
        problems: number of problems.
        adaptive: error under the adaptive policy.
        fixed: error under the fixed policy.
        perfect_median: median error of a perfect confidence, which so few problems show by chance.
        perfect_p95: 95th percentile of the same.
    """

    problems: int
    adaptive: float
    fixed: float
    perfect_median: float
    perfect_p95: float


def calibration_errors(observed: Mapping[Policy, Sequence[Observed]], bins: int, seed: int) -> CalibrationErrors:
    """Calibration error of some problems under the adaptive and the fixed policy.

    Args:
        observed: confidences and outcomes under each policy.
        bins: bins of the calibration error.
        seed: seed of the draws for a perfect confidence.
    """

    def error(policy: Policy) -> float:
        points = observed[policy]
        return expected_error([confidence for confidence, _ in points], [right for _, right in points], bins)

    confidences = [confidence for confidence, _ in observed[Policy.ADAPTIVE]]
    chance = error_if_perfect(confidences, bins, seed)
    return CalibrationErrors(len(confidences), error(Policy.ADAPTIVE), error(Policy.FIXED), chance.median, chance.p95)


def calibration_error_table(sets: Mapping[str, CalibrationErrors]) -> list[str]:
    """Markdown lines of calibration errors, one row per set. Errors of sets can cancel in the row of all problems."""
    lines = [
        "| expected calibration error | problems | `adaptive` | `fixed` | of a perfect confidence (19 in 20 below) |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {row.problems} | {row.adaptive:.3f} | {row.fixed:.3f} "
        f"| {row.perfect_median:.3f} ({row.perfect_p95:.3f}) |"
        for name, row in sets.items()
    ]
    return lines
