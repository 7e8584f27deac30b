"""Stage `measure`: the calibrated student on the test problems. Nothing is chosen here."""

from collections.abc import Sequence
from pathlib import Path

from service.evaluation.calibration.observed import NumberUse, observed
from service.evaluation.calibration.replay import first, greedy, replay, sampled_kinds, voted
from service.evaluation.calibration.samples import Sampled, by_set
from service.evaluation.calibration.thresholds import ThresholdCost, threshold_costs
from service.evaluation.calibration_error import CoveragePoint, ReliabilityBin, coverage, reliability
from service.solve.calibration import Calibration
from service.types import PathKind, Policy
from training.artifact import LOG, Artifact, Report
from training.progress import bar
from training.run import Run
from training.sample.calibration_errors import (
    CalibrationErrors,
    calibration_error_table,
    calibration_errors,
)
from training.sample.sampling import read_samples
from training.sample.statistics import Accuracy, PairedTest, mcnemar
from training.stages.calibrate import CALIBRATION, BestCalibration
from training.stages.samples import SAMPLES, held_out_samples
from training.stages.self_training import student

MEASUREMENT = "measure.json"
ALL = "all problems"
"""Name of the row of all sets together."""


class Measurement(Report):
    """Content of `measure.json`: the figures of a checkpoint's model card.

    Args:
        problems: number of problems.
        sets: accuracy by set of problems and measure.
        adaptive_against_fixed: paired test of the adaptive against the fixed policy.
        tokens: completion tokens per problem under the adaptive policy.
        tokens_fixed: completion tokens per problem under the fixed policy.
        number_use: share right by the use of the problem's numbers, under the adaptive policy.
        thresholds: cost of each threshold.
        ece: expected calibration error under the adaptive policy.
        calibration_errors: calibration errors of all problems and of each set.
        reliability: bins of the reliability diagram.
        coverage: accuracy at each tenth of coverage.
    """

    problems: int
    sets: dict[str, dict[str, Accuracy]]
    adaptive_against_fixed: PairedTest
    tokens: float
    tokens_fixed: float
    number_use: NumberUse
    thresholds: tuple[ThresholdCost, ...]
    ece: float
    calibration_errors: dict[str, CalibrationErrors]
    reliability: tuple[ReliabilityBin, ...]
    coverage: tuple[CoveragePoint, ...]


def stage(run: Run) -> Artifact:
    """`measure.json`, `measure.md` and the reliability diagram."""
    settings = run.recipe.calibrate
    calibrated = run.stage("calibrate")
    best = BestCalibration.read(calibrated.path / CALIBRATION)
    decoding = settings.model_copy(update={"temperature": best.temperature, "problems": 0})
    paths = run.recipe.train.paths(settings.paths)
    samples = held_out_samples(run, student(run), decoding, "test", paths)

    def build(out: Path) -> None:
        from training import plots

        with bar("measure"):
            found = measure(
                list(read_samples(samples.path / SAMPLES)),
                max(paths.values()),
                best.report.calibration,
                settings.bins,
                run.recipe.seed,
            )
        found.write(out / MEASUREMENT)
        (out / "measure.md").write_text(table(found))
        plots.reliability(found.ece, found.reliability, found.coverage, out / LOG)

    inputs = {"samples": samples.digest, "calibrate": calibrated.digest}
    return run.make("measure", {"paths": settings.paths, "bins": settings.bins}, inputs, build)


def measure(samples: Sequence[Sampled], paths: int, calibration: Calibration, bins: int, seed: int) -> Measurement:
    """Measure accuracy, tokens and calibration error.

    Args:
        samples: samples on the test problems.
        paths: paths of each kind in the vote.
        calibration: threshold, confidence map and shifts.
        bins: bins of the calibration error.
        seed: seed of the orders of paths and of the draws for a perfect confidence.
    """
    sets = by_set(samples)
    tokens = {
        policy: sum(replay(policy, first(s, paths, paths), calibration).tokens for s in samples) / len(samples)
        for policy in (Policy.ADAPTIVE, Policy.FIXED)
    }
    seen = {policy: observed(samples, paths, policy, calibration) for policy in tokens}
    right = {policy: [point.right for point in found] for policy, found in seen.items()}
    confidences = {
        policy: [calibration.shifted(point.share, point.uses_all) for point in found] for policy, found in seen.items()
    }
    errors = {
        name: calibration_errors(
            {policy: [(confidences[policy][i], right[policy][i]) for i in positions] for policy in tokens}, bins, seed
        )
        for name, positions in ({ALL: [*range(len(samples))]} | sets).items()
    }
    return Measurement(
        problems=len(samples),
        sets={name: _accuracies([samples[i] for i in found], paths, calibration) for name, found in sets.items()},
        adaptive_against_fixed=mcnemar(right[Policy.ADAPTIVE], right[Policy.FIXED]),
        tokens=tokens[Policy.ADAPTIVE],
        tokens_fixed=tokens[Policy.FIXED],
        number_use=NumberUse.of(seen[Policy.ADAPTIVE]),
        thresholds=threshold_costs(samples, paths, seed),
        ece=errors[ALL].adaptive,
        calibration_errors=errors,
        reliability=tuple(reliability(confidences[Policy.ADAPTIVE], right[Policy.ADAPTIVE], bins)),
        coverage=tuple(coverage(confidences[Policy.ADAPTIVE], right[Policy.ADAPTIVE])),
    )


def table(found: Measurement) -> str:
    """The figures as Markdown."""
    lines = ["| set | measure | accuracy | 95 % interval |", "|---|---|---:|---|"]
    for name, rows in found.sets.items():
        for measure_, row in rows.items():
            low, high = row.interval
            lines.append(f"| {name} ({row.problems}) | {measure_} | {row.accuracy:.1%} | {low:.1%} to {high:.1%} |")
    test = found.adaptive_against_fixed
    lines += [
        "",
        f"`adaptive` needs {found.tokens:.0f} completion tokens per problem, `fixed` {found.tokens_fixed:.0f}. "
        f"Only `adaptive` is right on {test.only_first} problems, only `fixed` on {test.only_second} "
        f"(p = {test.p:.2f}).",
        "",
        *_number_use(found.number_use),
        *calibration_error_table(found.calibration_errors),
        "",
        "Points lost to the full vote, and share of its tokens:",
        "",
        f"| threshold | all | {' | '.join(found.sets)} |",
        f"|---:|---:|{'---:|' * len(found.sets)}",
        *map(_threshold_row, found.thresholds),
        "",
        "| share answered, highest confidence first | accuracy |",
        "|---:|---:|",
    ]
    lines += [f"| {point.coverage:.0%} | {point.accuracy:.1%} |" for point in found.coverage]
    return "\n".join(lines) + "\n"


def _number_use(use: NumberUse) -> list[str]:
    """Lines on the use of the problem's numbers. Empty without programs, and for yes/no questions."""
    if not use.problems + use.problems_left_out:
        return []
    return [
        f"{_right(use.right, use.problems)} if a program of the leader uses every number of the problem, "
        f"{_right(use.right_left_out, use.problems_left_out)} if all its programs leave out a number.",
        "",
    ]


def _right(share: float, problems: int) -> str:
    return f"{share:.1%} of {problems} answers are right"


def _threshold_row(row: ThresholdCost) -> str:
    costs = (
        f"{100 * cost.lost:.1f} ± {100 * cost.error:.1f}, {cost.tokens:.2f}" for cost in (row.cost, *row.sets.values())
    )
    return f"| {row.threshold} | {' | '.join(costs)} |"


def _accuracies(samples: Sequence[Sampled], paths: int, calibration: Calibration) -> dict[str, Accuracy]:
    kinds = sampled_kinds(samples)
    outcomes = {}
    if PathKind.COT in kinds:
        outcomes["one CoT path, T = 0, as stated"] = greedy([s.unrepaired() for s in samples], PathKind.COT)
        outcomes["one CoT path, T = 0, repaired"] = greedy(samples, PathKind.COT)
    if PathKind.POT in kinds:
        outcomes["one PoT path, T = 0"] = greedy(samples, PathKind.POT)
    if PathKind.COT in kinds:
        outcomes[whole := f"{paths} CoT paths"] = voted(samples, paths, 0)
    if PathKind.POT in kinds:
        outcomes[whole := f"{paths} PoT paths"] = voted(samples, 0, paths)
    if len(kinds) == len(PathKind):
        outcomes[whole := f"{paths} + {paths} paths"] = voted(samples, paths, paths)
    adaptive = observed(samples, paths, Policy.ADAPTIVE, calibration)
    outcomes[f"{whole}, adaptive"] = [point.right for point in adaptive]
    return {name: Accuracy.of(right) for name, right in outcomes.items()}
