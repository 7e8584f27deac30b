"""Stage `base`: the base model, whole, trimmed or random."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from service.paths.base import FormatV1
from service.types import PathKind
from training.artifact import MANIFEST, Artifact, path_digest
from training.data.problem import Example
from training.progress import bar
from training.recipe import BUNDLED_BASE, Student
from training.run import Run
from training.stages.dataset import examples


def stage(run: Run) -> Artifact:
    """Random model, or trimmed copy of the base model. Without either, a file with its name."""
    student = run.recipe.student
    model = Path(student.model)
    inputs = {"model": path_digest(model)} if model.is_dir() else {}
    is_named = student.vocabulary and not student.family and student.model != BUNDLED_BASE
    if is_named and not (run.root / "base" / MANIFEST).is_file():
        _directory(student.model, weights=False)  # refuses a wrong name before the teacher is paid
    if _is_made(student):
        inputs["dataset"] = run.stage("dataset").digest

    def build(out: Path) -> None:
        if student.family:
            _make_random(run, student.family, out)
            return
        from service.model.checkpoint import read_checkpoint

        directory = _directory(student.model, weights=bool(student.vocabulary))
        read_checkpoint(directory, student.model)  # refuses a damaged model before the training
        if student.vocabulary:
            from training.learn.vocabulary import trim

            with bar("base: vocabulary"):
                trim(directory, out, _texts(examples(run)), student.vocabulary)
        else:
            (out / "model.txt").write_text(student.model + "\n")

    return run.make("base", {"student": student}, inputs, build)


def base_model(run: Run) -> str:
    """Directory or name of the model that students start from."""
    student = run.recipe.student
    if _is_made(student):
        return str(run.stage("base").path)
    return str(_directory(student.model)) if student.model == BUNDLED_BASE else student.model


def _directory(model: str, *, weights: bool = True) -> Path:
    """Directory of a base model, which is built or downloaded if needed."""
    if model == BUNDLED_BASE:
        from service.model.bundled import build
        from service.setting_groups.engine import default_cache_dir

        return build(Path(os.environ.get("TWINPATH_CACHE_DIR") or default_cache_dir()), None)[0]
    from service.model.checkpoint import model_directory

    return model_directory(model, weights=weights)


def _is_made(student: Student) -> bool:
    """Whether the stage writes a model."""
    return bool(student.vocabulary or student.family)


def _make_random(run: Run, family: str, out: Path) -> None:
    """Write a random model whose tokenizer has learned the data set, trimmed if the recipe sets a vocabulary."""
    from training.learn.vocabulary import trim
    from training.rehearsal.models import random_student

    student, texts = run.recipe.student, list(_texts(examples(run)))
    with TemporaryDirectory() as scratch:
        directory = random_student(Path(scratch) if student.vocabulary else out, family, texts, seed=run.recipe.seed)
        if student.vocabulary:
            trim(directory, out, texts, student.vocabulary)


def _texts(found: list[Example]) -> Iterator[str]:
    """Texts of the training: prompts with completions, and the prompts of both kinds."""
    prompts = FormatV1()
    for example in found:
        yield prompts.prompt(example.kind, example.question) + example.text
    for kind in PathKind:
        yield prompts.prompt(kind, "")
