"""Stage `calibrate`: temperature, stopping threshold, confidence map and shifts, from dev problems.

1. Temperature: the full vote is right most often. Of equals, the fewest tokens.
2. Threshold: the fewest tokens within `MAX_RISK`, over many orders of the same paths.
3. Confidence map: fitted on the same orders, then its shifts. Their error is measured by cross-fitting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.evaluation.calibration.fit import CalibrationReport, calibrate
from service.evaluation.calibration.samples import Sampled
from training.artifact import LOG, Artifact, Report
from training.progress import bar
from training.run import Run
from training.sample.sampling import read_samples
from training.stages.samples import SAMPLES, held_out_samples
from training.stages.self_training import student

CALIBRATION = "calibration.json"


@dataclass(frozen=True, slots=True)
class TemperatureResult:
    """Figures at one temperature."""

    temperature: float
    accuracy: float
    accuracy_fixed: float
    tokens: float
    tokens_fixed: float
    threshold: float


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
    found = {temperature: calibrate(samples, paths, bins, seed).report for temperature, samples in tried.items()}
    best = max(found, key=lambda t: (found[t].accuracy_fixed, -found[t].tokens))
    rows = tuple(
        TemperatureResult(t, r.accuracy, r.accuracy_fixed, r.tokens, r.tokens_fixed, r.calibration.threshold)
        for t, r in found.items()
    )
    return BestCalibration(temperature=best, report=found[best], temperatures=rows)
