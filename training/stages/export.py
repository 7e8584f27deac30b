"""Stage `export`: merged model, adapter and int8 variant for the service."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from service.model.metadata import CheckpointMetadata, Decoding
from service.paths.equality import parse_gold
from training.artifact import Artifact
from training.data.card import DataCard
from training.data.problem import read_problems, read_rationales
from training.progress import bar
from training.recipe import Recipe
from training.run import RATIONALES, Run
from training.stages.base import base_model
from training.stages.calibrate import CALIBRATION, BestCalibration
from training.stages.dataset import CARD, TRAIN_PROBLEMS
from training.stages.measure import MEASUREMENT, Measurement
from training.stages.samples import metadata
from training.stages.self_training import own_rationales, student


def stage(run: Run) -> Artifact:
    """`model/` (merged, bf16), `adapter/` for a LoRA student, and `int8/` if the recipe sets it."""
    recipe = run.recipe
    found = {name: run.stage(name) for name in ("base", "dataset", "filter")} | {"student": student(run)}
    learned = [found["filter"]] + ([own_rationales(run)] if recipe.self_training.enabled else [])
    found |= {name: run.stage(name) for name in ("compare", "calibrate", "measure") if getattr(recipe, name).enabled}

    def build(out: Path) -> None:
        calibrated = BestCalibration.read(found["calibrate"].path / CALIBRATION) if recipe.calibrate.enabled else None
        measured = Measurement.read(found["measure"].path / MEASUREMENT) if recipe.measure.enabled else None
        whole = with_results(
            metadata(run),
            {name: found[name].digest for name in ("filter", "dataset")},
            calibrated,
            recipe.calibrate.max_tokens,
            measured,
        )
        card = _card(recipe, found["dataset"].path, [a.path / RATIONALES for a in learned], measured)
        write_variants(recipe, out, base_model(run), found["student"].path, whole, card)

    settings = {"export": recipe.export, "name": recipe.name, "student": recipe.student}
    return run.make("export", settings, {name: artifact.digest for name, artifact in found.items()}, build)


def with_results(
    plain: CheckpointMetadata,
    data: dict[str, str],
    calibrated: BestCalibration | None,
    max_tokens: int,
    measured: Measurement | None,
) -> CheckpointMetadata:
    """Metadata with the results of the run.

    Args:
        plain: metadata of the run.
        data: digests of the data.
        calibrated: result of `calibrate`, if it ran.
        max_tokens: maximum number of completion tokens per path of its samples.
        measured: result of `measure`, if it ran.
    """
    changes: dict[str, object] = {"data": data}
    if calibrated:
        changes["decoding"] = Decoding(temperature=calibrated.temperature)
        changes["calibration"] = calibrated.report.calibration
        changes["max_tokens"] = max_tokens
    if measured:
        rows = {f"{name}, {what}": row for name, found in measured.sets.items() for what, row in found.items()}
        changes["accuracy"] = {name: asdict(row) for name, row in rows.items()}
    return plain.model_copy(update=changes)


def write_variants(recipe: Recipe, out: Path, base: str, trained: Path, whole: CheckpointMetadata, card: str) -> None:
    """Write the variants of a checkpoint.

    Args:
        recipe: the recipe.
        out: output directory.
        base: directory or name of the base model.
        trained: output directory of the training.
        whole: metadata of the checkpoint.
        card: model card.
    """
    from training.ship.checkpoint import write_adapter, write_model

    with bar("export: merge"):
        write_model(base, trained, out / "model", whole, card)
        write_adapter(base, trained, out / "adapter", whole, card)
    if recipe.export.int8:
        from training.ship.int8 import write_int8

        with bar("export: int8"):
            write_int8(out / "model", out / "int8")


def _card(recipe: Recipe, data: Path, rationales: Sequence[Path], measured: Measurement | None) -> str:
    from training.ship.modelcard import Task, model_card

    teachers = sorted({rationale.teacher for path in rationales for rationale in read_rationales(path)})
    sets = measured.sets if measured else {}
    accuracy = {f"{name}, {what}": row for name, found in sets.items() for what, row in found.items()}
    errors = measured.calibration_errors if measured else {}
    golds = [parse_gold(problem.answer) for problem in read_problems(data / TRAIN_PROBLEMS)]
    tasks = {Task.YES_NO if gold.is_yes_no else Task.WORD_PROBLEMS for gold in golds if gold}
    return model_card(recipe, DataCard.read(data / CARD), teachers, accuracy, errors, tasks)
