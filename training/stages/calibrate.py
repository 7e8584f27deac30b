"""Stage `calibrate`: temperature, stopping threshold, confidence map and shifts, from dev problems.

1. Temperature: the full vote is right most often. Of equals, the fewest tokens.
2. Threshold: the fewest tokens within `MAX_RISK`, over many orders of the same paths.
3. Confidence map: fitted on the same orders, then its shifts. Their error is measured by cross-fitting.
"""

import math
import operator
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from service.evaluation.calibration_error import CoveragePoint, ReliabilityBin, coverage, expected_error, reliability
from service.solve.calibration import Calibration, smoothed_vote_share
from service.solve.stopping import BETA_THRESHOLD, StoppingRule
from service.solve.vote import winner
from service.types import PathKind, Policy
from training.artifact import LOG, Artifact, Report
from training.run import Run
from training.sample.confidence import Observed, Seen, fit, fit_shifts
from training.sample.replay import UNCALIBRATED, first, is_right, prefix_votes, replay, stop, uses_all_numbers
from training.sample.sampling import Sampled, SampledPath, by_set, read_samples
from training.stages.samples import SAMPLES, held_out_samples
from training.stages.self_training import student

CALIBRATION = "calibration.json"
THRESHOLDS = (0.75, 0.8, 0.85, 0.9, BETA_THRESHOLD)
ORDERS = 20
"""Random orders of each problem's paths. The early votes of one order are a matter of chance."""
POLICIES = (Policy.ADAPTIVE, Policy.FIXED)
FOLDS = 5
MAX_RISK = 1 / 200
"""Maximum loss to the full vote in any set of problems, as a share. One standard error is added to each loss."""
MIN_PROBLEMS = 100
"""With fewer problems the threshold stays `BETA_THRESHOLD`: one problem would be more than twice `MAX_RISK`."""


@dataclass(frozen=True, slots=True)
class StopCost:
    """Cost of stopping early, relative to the full vote.

    Args:
        lost: share of problems lost, negative for a gain.
        error: standard error of `lost` over problems.
        tokens: share of the full vote's tokens.
    """

    lost: float
    error: float
    tokens: float


@dataclass(frozen=True, slots=True)
class ThresholdCost:
    """Cost of a threshold.

    Args:
        threshold: Beta confidence at which the vote stops.
        cost: cost over all problems.
        sets: cost in each set of problems.
        risk: largest loss in a set plus one standard error. A gain counts as no loss, because it is chance.
    """

    threshold: float
    cost: StopCost
    sets: dict[str, StopCost]
    risk: float


@dataclass(frozen=True, slots=True)
class TemperatureResult:
    """Figures at one temperature."""

    temperature: float
    accuracy: float
    accuracy_fixed: float
    tokens: float
    tokens_fixed: float
    threshold: float


@dataclass(frozen=True, slots=True)
class NumberUse:
    """Share right by whether a program of the leader uses every number of the problem.

    Args:
        problems: problems whose leader has a program that uses all numbers.
        right: share of right leaders among them.
        problems_left_out: problems whose leader has programs, and each leaves out a number.
        right_left_out: share of right leaders among them.
    """

    problems: int
    right: float
    problems_left_out: int
    right_left_out: float

    @classmethod
    def of(cls, seen: Sequence[Seen]) -> "NumberUse":
        """Shares of observed votes."""
        all_used, left_out = ([point.right for point in seen if point.uses_all is use] for use in (True, False))
        return cls(len(all_used), _share(all_used), len(left_out), _share(left_out))


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
    both = dict.fromkeys(PathKind, settings.paths)
    samples = {}
    for temperature in settings.temperatures or (settings.temperature,):
        decoding = settings.model_copy(update={"temperature": temperature})
        samples[temperature] = held_out_samples(run, student(run), decoding, "dev", both)

    def build(out: Path) -> None:
        from training import plots

        tried = {t: list(read_samples(artifact.path / SAMPLES)) for t, artifact in samples.items()}
        found = best_temperature(tried, settings.paths, settings.bins, run.recipe.seed)
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
    drawn = [observed(order, paths, policy, calibration) for order in _orders(samples, seed) for policy in POLICIES]
    points = list(zip(*drawn, strict=True))
    mapped = cross_fitted(seen, points, seed)
    right = {policy: [point.right for point in found] for policy, found in seen.items()}
    adaptive, beta = Policy.ADAPTIVE, _beta_confidences(samples, paths)
    return CalibrationReport(
        problems=len(samples),
        paths_per_kind=paths,
        calibration=fitted(list(chain(*points)), calibration),
        thresholds=thresholds,
        number_use=NumberUse.of(seen[adaptive]),
        accuracy=_share(right[adaptive]),
        accuracy_fixed=_share(right[Policy.FIXED]),
        tokens=_tokens(samples, paths, adaptive, calibration),
        tokens_fixed=_tokens(samples, paths, Policy.FIXED, calibration),
        ece_before=expected_error([confidence for confidence, _ in beta], [good for _, good in beta], bins),
        ece=expected_error(mapped[adaptive], right[adaptive], bins),
        ece_fixed=expected_error(mapped[Policy.FIXED], right[Policy.FIXED], bins),
        reliability=tuple(reliability(mapped[adaptive], right[adaptive], bins)),
        coverage=tuple(coverage(mapped[adaptive], right[adaptive])),
    )


def fitted(points: Sequence[Seen], plain: Calibration) -> Calibration:
    """Calibration with a confidence map and shifts.

    Args:
        points: votes in `ORDERS` orders under both policies.
        plain: threshold.
    """
    found = fit([point.observed for point in points], ORDERS)
    confidence_map = tuple((round(x, 6), round(y, 6)) for x, y in found)
    shifts = fit_shifts(points, confidence_map, len(POLICIES) * ORDERS)
    return plain.model_copy(update={"confidence_map": confidence_map, **shifts._asdict()})


def threshold_costs(samples: Sequence[Sampled], paths: int, seed: int) -> tuple[ThresholdCost, ...]:
    """Cost of each threshold beside the full vote, as a mean over `ORDERS` orders of the same paths."""
    rules = [StoppingRule(Policy.FIXED), *(StoppingRule(Policy.ADAPTIVE, threshold) for threshold in THRESHOLDS)]
    orders = [[first(s, paths, paths) for s in order] for order in _orders(samples, seed)]
    ends = [_ends(rules, drawn, s.gold) for drawn, s in zip(zip(*orders, strict=True), samples, strict=True)]
    found = []
    for number, threshold in enumerate(THRESHOLDS):
        problems = [((full[0] - early[number][0]) / ORDERS, early[number][1], full[1]) for full, *early in ends]
        sets = {name: _cost([problems[i] for i in positions]) for name, positions in by_set(samples).items()}
        risk = max((max(0.0, cost.lost) + cost.error for cost in sets.values()), default=0.0)
        found.append(ThresholdCost(threshold, _cost(problems), sets, risk))
    return tuple(found)


def best_threshold(costs: Sequence[ThresholdCost]) -> ThresholdCost:
    """The threshold with the fewest tokens within `MAX_RISK`. Without any, the one of the lowest risk."""
    safe = [row for row in costs if row.risk <= MAX_RISK]
    return min(safe, key=lambda row: row.cost.tokens) if safe else min(costs, key=operator.attrgetter("risk"))


def observed(samples: Sequence[Sampled], paths: int, policy: Policy, calibration: Calibration) -> list[Seen]:
    """Vote of each problem when `policy` stops."""
    found = []
    for sampled in samples:
        end = replay(policy, first(sampled, paths, paths), calibration)
        leader = winner(end.votes)
        share = smoothed_vote_share(leader.votes, end.counted) if leader else 0.0
        found.append(Seen(share, is_right(leader, sampled.gold), uses_all_numbers(end, sampled.question)))
    return found


def cross_fitted(
    seen: Mapping[Policy, Sequence[Seen]], points: Sequence[Sequence[Seen]], seed: int
) -> dict[Policy, list[float]]:
    """Confidence of each problem under each policy, by a map and shifts fitted on the other folds.

    Args:
        seen: observation of each problem under each policy.
        points: observations of each problem in all orders, on which maps and shifts are fitted.
        seed: seed of the folds.
    """
    order = list(range(len(points)))
    random.Random(seed).shuffle(order)
    mapped = {policy: [0.0] * len(order) for policy in seen}
    for fold in range(FOLDS):
        held_out = set(order[fold::FOLDS])
        calibration = fitted([point for i in order if i not in held_out for point in points[i]], UNCALIBRATED)
        for policy, observations in seen.items():
            for index in held_out:
                share, _, uses_all = observations[index]
                mapped[policy][index] = calibration.shifted(share, uses_all)
    return mapped


def _ends(rules: Sequence[StoppingRule], orders: Sequence[Sequence[SampledPath]], gold: str) -> list[tuple[int, int]]:
    """For each rule, the number of orders of a problem in which it is right, and the tokens of all orders."""
    counted = [(paths, prefix_votes(paths)) for paths in orders]
    found = []
    for rule in rules:
        ends = [stop(rule, paths, votes) for paths, votes in counted]
        right = sum(is_right(winner(end.votes), gold) for end in ends)
        found.append((right, sum(end.tokens for end in ends)))
    return found


def _cost(problems: Sequence[tuple[float, int, int]]) -> StopCost:
    """Cost over problems, from the loss, the tokens and the full vote's tokens of each."""
    lost, error = _mean_and_error([lost for lost, _, _ in problems])
    full = sum(full for _, _, full in problems)
    return StopCost(lost, error, sum(tokens for _, tokens, _ in problems) / max(full, 1))


def _beta_confidences(samples: Sequence[Sampled], paths: int) -> list[Observed]:
    """Confidence of an uncalibrated service under the adaptive policy, and whether the answer is right."""
    ends = [(replay(Policy.ADAPTIVE, first(s, paths, paths)), s.gold) for s in samples]
    return [(UNCALIBRATED.confidence(end.votes, end.counted), is_right(winner(end.votes), gold)) for end, gold in ends]


def _tokens(samples: Sequence[Sampled], paths: int, policy: Policy, calibration: Calibration) -> float:
    """Completion tokens per problem."""
    spent = [replay(policy, first(sampled, paths, paths), calibration).tokens for sampled in samples]
    return sum(spent) / max(len(spent), 1)


def _orders(samples: Sequence[Sampled], seed: int) -> list[list[Sampled]]:
    """The samples with each problem's paths in `ORDERS` random orders."""
    rng = random.Random(seed)
    return [[sampled.shuffled(rng) for sampled in samples] for _ in range(ORDERS)]


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard error."""
    if len(values) < 2:
        return sum(values), 0.0
    return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))


def _share(right: Sequence[bool]) -> float:
    return sum(right) / max(len(right), 1)
