"""Stage `base`: the base model, or its copy with a trimmed vocabulary."""

from collections.abc import Iterator
from pathlib import Path

from service.paths.base import FormatV1
from service.types import PathKind
from training.artifact import Artifact, path_digest
from training.data.problem import Example
from training.run import Run
from training.stages.dataset import examples


def stage(run: Run) -> Artifact:
    """Trimmed copy of the base model. Without trimming, a file with its name."""
    student = run.recipe.student
    model = Path(student.model)
    inputs = {"model": path_digest(model)} if model.is_dir() else {}
    if student.vocabulary:
        inputs["dataset"] = run.stage("dataset").digest

    def build(out: Path) -> None:
        from service.model.checkpoint import model_directory, read_checkpoint

        directory = model_directory(student.model, weights=bool(student.vocabulary))
        read_checkpoint(directory, student.model)  # refuses a damaged model before the training
        if student.vocabulary:
            from training.learn.vocabulary import trim

            trim(directory, out, _texts(examples(run)), student.vocabulary)
        else:
            (out / "model.txt").write_text(student.model + "\n")

    return run.make("base", {"student": student}, inputs, build)


def base_model(run: Run) -> str:
    """Directory or name of the model that students start from."""
    return str(run.stage("base").path) if run.recipe.student.vocabulary else run.recipe.student.model


def _texts(found: list[Example]) -> Iterator[str]:
    """Texts of the training: prompts with completions, and the prompts of both kinds."""
    prompts = FormatV1()
    for example in found:
        yield prompts.prompt(example.kind, example.question) + example.text
    for kind in PathKind:
        yield prompts.prompt(kind, "")
