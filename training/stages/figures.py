"""The stages that measure students and write what ships: `compare`, `calibrate`, `measure`, `export`."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from service.types import PathKind
from training.manifest import Artifact
from training.report import SAMPLES, read_temperature, write_calibration, write_comparison, write_export, write_measure
from training.run import Run
from training.second import RATIONALES
from training.stages.data import base_model, examples
from training.stages.students import facts, held_out_samples, own_rationales, student, trained


def compare(run: Run) -> Artifact:
    """The student against students of one kind, and their ensemble."""
    settings = run.recipe.compare
    both, double = dict.fromkeys(PathKind, settings.paths), 2 * settings.paths
    steps = settings.steps or run.recipe.train.max_steps
    alone = {
        kind: trained(run, f"train-{kind.value}", examples(run), kinds=(kind,), max_steps=steps) for kind in PathKind
    }
    samples = {"mixed": held_out_samples(run, student(run), settings, settings.split, both)}
    for kind, one in alone.items():
        samples[kind.value] = held_out_samples(run, one, settings, settings.split, {kind: double})
    inputs = {name: artifact.digest for name, artifact in samples.items()}
    build = partial(write_comparison, {name: a.path / SAMPLES for name, a in samples.items()}, settings.paths)
    return run.make("compare", {"paths": settings.paths}, inputs, build)


def calibrate(run: Run) -> Artifact:
    """Temperature, vote weights, threshold and the confidence map, from the dev problems."""
    settings = run.recipe.calibrate
    both = dict.fromkeys(PathKind, settings.paths)
    samples = {}
    for temperature in settings.temperatures or (settings.temperature,):
        decoding = settings.model_copy(update={"temperature": temperature})
        samples[temperature] = held_out_samples(run, student(run), decoding, "dev", both)
    found = {temperature: artifact.path / SAMPLES for temperature, artifact in samples.items()}
    build = partial(write_calibration, found, settings.paths, settings.bins, run.recipe.seed)
    inputs = {f"samples at {temperature}": artifact.digest for temperature, artifact in samples.items()}
    return run.make("calibrate", {"calibrate": settings}, inputs, build)


def measure(run: Run) -> Artifact:
    """The calibrated student on the test problems."""
    settings = run.recipe.calibrate
    calibrated = run.stage("calibrate")
    decoding = settings.model_copy(update={"temperature": read_temperature(calibrated.path), "problems": 0})
    samples = held_out_samples(run, student(run), decoding, "test", dict.fromkeys(PathKind, settings.paths))
    build = partial(
        write_measure, samples.path / SAMPLES, calibrated.path, settings.paths, settings.bins, run.recipe.seed
    )
    inputs = {"samples": samples.digest, "calibrate": calibrated.digest}
    return run.make("measure", {"paths": settings.paths, "bins": settings.bins}, inputs, build)


def export(run: Run) -> Artifact:
    """The checkpoint in its variants."""
    recipe = run.recipe
    found = {name: run.stage(name) for name in ("base", "dataset", "filter")} | {"student": student(run)}
    learned = [found["filter"]] + ([own_rationales(run)] if recipe.second_round.enabled else [])
    found |= {name: run.stage(name) for name in ("calibrate", "compare", "measure") if getattr(recipe, name).enabled}
    settings = {
        "export": recipe.export,
        "name": recipe.name,
        "student": recipe.student,
    }

    def build(out: Path) -> None:
        write_export(
            recipe,
            out,
            base=base_model(run),
            student=found["student"].path,
            facts=replace(facts(run), data={name: found[name].digest for name in ("filter", "dataset")}),
            data=found["dataset"].path,
            rationales=[artifact.path / RATIONALES for artifact in learned],
            calibrated=found["calibrate"].path if "calibrate" in found else None,
            measured=found["measure"].path if "measure" in found else None,
        )

    return run.make("export", settings, {name: artifact.digest for name, artifact in found.items()}, build)
