"""Calibration from samples: stopping threshold, confidence map and shifts.

1. Threshold: the fewest tokens within `MAX_RISK`, over many orders of the same paths.
2. Confidence map: fitted on the same orders, then its shifts. Their error is measured by cross-fitting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from pydantic import BaseModel, ConfigDict

from service.evaluation.calibration.confidence import Observed
from service.evaluation.calibration.observed import NumberUse, cross_fitted, fitted, observed_by_policy, share
from service.evaluation.calibration.replay import UNCALIBRATED, first, is_right, replay
from service.evaluation.calibration.samples import Sampled
from service.evaluation.calibration.thresholds import ThresholdCost, best_threshold, shuffled_orders, threshold_costs
from service.evaluation.calibration_error import CoveragePoint, ReliabilityBin, coverage, expected_error, reliability
from service.solve.calibration import Calibration
from service.solve.vote import winner
from service.types import Policy

MIN_PROBLEMS = 100
"""With fewer problems the threshold stays `BETA_THRESHOLD`: one problem would be more than twice `MAX_RISK`."""


class CalibrationReport(BaseModel):
    """Result of a calibration at one temperature.

    Args:
        problems: number of problems.
        paths_per_kind: paths of each kind in the full vote.
        calibration: threshold, confidence map and shifts.
        thresholds: cost of each threshold.
        number_use: share right by the use of the problem's numbers, under the adaptive policy.
        accuracy: accuracy under the adaptive policy.
        accuracy_fixed: accuracy of the full vote.
        tokens: completion tokens per problem under the adaptive policy.
        tokens_fixed: completion tokens per problem of the full vote.
        ece_before: expected calibration error of the Beta confidence.
        ece: expected calibration error under the adaptive policy, cross-fitted.
        ece_fixed: expected calibration error under the fixed policy, cross-fitted.
        reliability: bins of the reliability diagram.
        coverage: accuracy at each tenth of coverage.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)

    problems: int
    paths_per_kind: int
    calibration: Calibration
    thresholds: tuple[ThresholdCost, ...]
    number_use: NumberUse
    accuracy: float
    accuracy_fixed: float
    tokens: float
    tokens_fixed: float
    ece_before: float
    ece: float
    ece_fixed: float
    reliability: tuple[ReliabilityBin, ...]
    coverage: tuple[CoveragePoint, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """Calibration, and the confidence of each problem before and after it.

    Args:
        report: calibration and figures.
        before: Beta confidence of each problem under the adaptive policy, and whether the answer is right.
        after: the same by a calibration that other problems gave.
    """

    report: CalibrationReport
    before: tuple[Observed, ...]
    after: tuple[Observed, ...]


def calibrate(samples: Sequence[Sampled], paths: int, bins: int, seed: int) -> Fit:
    """Fit threshold, confidence map and shifts at one temperature, and measure them.

    Args:
        samples: samples of the problems.
        paths: paths of each kind in the full vote.
        bins: bins of the calibration error.
        seed: seed of the orders and folds.
    """
    thresholds = threshold_costs(samples, paths, seed)
    calibration = UNCALIBRATED
    if len(samples) >= MIN_PROBLEMS:
        calibration = Calibration(threshold=best_threshold(thresholds).threshold)
    seen = observed_by_policy(samples, paths, calibration)
    orders = shuffled_orders(samples, seed)
    drawn = [observed_by_policy(order, paths, calibration).values() for order in orders]
    points = list(zip(*chain(*drawn), strict=True))
    mapped = cross_fitted(seen, points, seed, len(orders))
    right = {policy: [point.right for point in found] for policy, found in seen.items()}
    adaptive, before = Policy.ADAPTIVE, _beta_confidences(samples, paths)
    report = CalibrationReport(
        problems=len(samples),
        paths_per_kind=paths,
        calibration=fitted(list(chain(*points)), calibration, len(orders)),
        thresholds=thresholds,
        number_use=NumberUse.of(seen[adaptive]),
        accuracy=share(right[adaptive]),
        accuracy_fixed=share(right[Policy.FIXED]),
        tokens=_tokens(samples, paths, adaptive, calibration),
        tokens_fixed=_tokens(samples, paths, Policy.FIXED, calibration),
        ece_before=expected_error([confidence for confidence, _ in before], [good for _, good in before], bins),
        ece=expected_error(mapped[adaptive], right[adaptive], bins),
        ece_fixed=expected_error(mapped[Policy.FIXED], right[Policy.FIXED], bins),
        reliability=tuple(reliability(mapped[adaptive], right[adaptive], bins)),
        coverage=tuple(coverage(mapped[adaptive], right[adaptive])),
    )
    return Fit(report, tuple(before), tuple(zip(mapped[adaptive], right[adaptive], strict=True)))


def _beta_confidences(samples: Sequence[Sampled], paths: int) -> list[Observed]:
    """Confidence of an uncalibrated service under the adaptive policy, and whether the answer is right."""
    ends = [(replay(Policy.ADAPTIVE, first(s, paths, paths)), s.gold) for s in samples]
    return [(UNCALIBRATED.confidence(end.votes, end.counted), is_right(winner(end.votes), gold)) for end, gold in ends]


def _tokens(samples: Sequence[Sampled], paths: int, policy: Policy, calibration: Calibration) -> float:
    """Completion tokens per problem."""
    spent = [replay(policy, first(sampled, paths, paths), calibration).tokens for sampled in samples]
    return sum(spent) / max(len(spent), 1)
