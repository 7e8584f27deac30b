"""Stage `calibrate`: temperature, stopping threshold, confidence map and shifts, from dev problems.

1. Temperature: the full vote is right most often. Of equals, the fewest tokens.
2. Threshold: the fewest tokens within `MAX_RISK`, over many orders of the same paths.
3. Confidence map: fitted on the same orders, then its shifts. Their error is measured by cross-fitting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from service.evaluation.calibration_error import CoveragePoint, ReliabilityBin, coverage, expected_error, reliability
from service.solve.calibration import Calibration
from service.solve.vote import winner
from service.types import Policy
from training.artifact import LOG, Artifact, Report
from training.progress import bar
from training.run import Run
from training.sample.confidence import Observed
from training.sample.observed import POLICIES, NumberUse, cross_fitted, fitted, observed, share
from training.sample.replay import UNCALIBRATED, first, is_right, replay
from training.sample.sampling import Sampled, read_samples
from training.sample.thresholds import ThresholdCost, best_threshold, shuffled_orders, threshold_costs
from training.stages.samples import SAMPLES, held_out_samples
from training.stages.self_training import student

CALIBRATION = "calibration.json"
MIN_PROBLEMS = 100
"""With fewer problems the threshold stays `BETA_THRESHOLD`: one problem would be more than twice `MAX_RISK`."""


@dataclass(frozen=True, slots=True)
class TemperatureResult:
    """Figures at one temperature."""

    temperature: float
    accuracy: float
    accuracy_fixed: float
    tokens: float
    tokens_fixed: float
    threshold: float


class CalibrationReport(Report):
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


class BestCalibration(Report):
    """Content of `calibration.json`: the best temperature, its calibration, and the figures of all temperatures."""

    temperature: float
    report: CalibrationReport
    temperatures: tuple[TemperatureResult, ...]


def stage(run: Run) -> Artifact:
    """`calibration.json` and the reliability diagram."""
    settings = run.recipe.calibrate
    paths = run.recipe.train.paths(settings.paths)
    samples = {}
    for temperature in settings.temperatures or (settings.temperature,):
        decoding = settings.model_copy(update={"temperature": temperature})
        samples[temperature] = held_out_samples(run, student(run), decoding, "dev", paths)

    def build(out: Path) -> None:
        from training import plots

        tried = {t: list(read_samples(artifact.path / SAMPLES)) for t, artifact in samples.items()}
        with bar("calibrate"):
            found = best_temperature(tried, max(paths.values()), settings.bins, run.recipe.seed)
        found.write(out / CALIBRATION)
        plots.reliability(found.report.ece, found.report.reliability, found.report.coverage, out / LOG)

    inputs = {f"samples at {temperature}": artifact.digest for temperature, artifact in samples.items()}
    return run.make("calibrate", {"calibrate": settings}, inputs, build)


def best_temperature(tried: Mapping[float, Sequence[Sampled]], paths: int, bins: int, seed: int) -> BestCalibration:
    """Calibrate at each temperature and choose the best one.

    Args:
        tried: samples at each temperature.
        paths: paths of each kind in the full vote.
        bins: bins of the calibration error.
        seed: seed of the orders and folds.
    """
    found = {temperature: calibrate(samples, paths, bins, seed) for temperature, samples in tried.items()}
    best = max(found, key=lambda t: (found[t].accuracy_fixed, -found[t].tokens))
    rows = tuple(
        TemperatureResult(t, r.accuracy, r.accuracy_fixed, r.tokens, r.tokens_fixed, r.calibration.threshold)
        for t, r in found.items()
    )
    return BestCalibration(temperature=best, report=found[best], temperatures=rows)


def calibrate(samples: Sequence[Sampled], paths: int, bins: int, seed: int) -> CalibrationReport:
    """Threshold, confidence map and figures at one temperature. The arguments are those of `best_temperature`."""
    thresholds = threshold_costs(samples, paths, seed)
    calibration = UNCALIBRATED
    if len(samples) >= MIN_PROBLEMS:
        calibration = Calibration(threshold=best_threshold(thresholds).threshold)
    seen = {policy: observed(samples, paths, policy, calibration) for policy in POLICIES}
    orders = shuffled_orders(samples, seed)
    drawn = [observed(order, paths, policy, calibration) for order in orders for policy in POLICIES]
    points = list(zip(*drawn, strict=True))
    mapped = cross_fitted(seen, points, seed, len(orders))
    right = {policy: [point.right for point in found] for policy, found in seen.items()}
    adaptive, beta = Policy.ADAPTIVE, _beta_confidences(samples, paths)
    return CalibrationReport(
        problems=len(samples),
        paths_per_kind=paths,
        calibration=fitted(list(chain(*points)), calibration, len(orders)),
        thresholds=thresholds,
        number_use=NumberUse.of(seen[adaptive]),
        accuracy=share(right[adaptive]),
        accuracy_fixed=share(right[Policy.FIXED]),
        tokens=_tokens(samples, paths, adaptive, calibration),
        tokens_fixed=_tokens(samples, paths, Policy.FIXED, calibration),
        ece_before=expected_error([confidence for confidence, _ in beta], [good for _, good in beta], bins),
        ece=expected_error(mapped[adaptive], right[adaptive], bins),
        ece_fixed=expected_error(mapped[Policy.FIXED], right[Policy.FIXED], bins),
        reliability=tuple(reliability(mapped[adaptive], right[adaptive], bins)),
        coverage=tuple(coverage(mapped[adaptive], right[adaptive])),
    )


def _beta_confidences(samples: Sequence[Sampled], paths: int) -> list[Observed]:
    """Confidence of an uncalibrated service under the adaptive policy, and whether the answer is right."""
    ends = [(replay(Policy.ADAPTIVE, first(s, paths, paths)), s.gold) for s in samples]
    return [(UNCALIBRATED.confidence(end.votes, end.counted), is_right(winner(end.votes), gold)) for end, gold in ends]


def _tokens(samples: Sequence[Sampled], paths: int, policy: Policy, calibration: Calibration) -> float:
    """Completion tokens per problem."""
    spent = [replay(policy, first(sampled, paths, paths), calibration).tokens for sampled in samples]
    return sum(spent) / max(len(spent), 1)
