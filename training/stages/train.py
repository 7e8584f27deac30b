"""Stage `train`: the student of both kinds, trained on the data set. The algorithm is in `learn/`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from service.errors import ConfigurationError
from service.types import PathKind
from training import progress
from training.artifact import Artifact, path_digest
from training.data.problem import Example
from training.learn.launch import Job, launch
from training.run import Run
from training.stages.base import base_model
from training.stages.dataset import DEV, examples


def stage(run: Run) -> Artifact:
    """Student of both kinds, trained on the teacher's rationales."""
    return trained(run, "train", lambda: examples(run))


def trained(
    run: Run,
    name: str,
    data: Callable[[], Sequence[Example]],
    *,
    inputs: Mapping[str, str] | None = None,
    **changes: Any,
) -> Artifact:
    """Train a student.

    Args:
        run: the run.
        name: name of the artifact.
        data: returns the training examples, only if the student must be trained.
        inputs: digests of inputs beside data set and base.
        changes: changes to the recipe's training settings.

    Raises:
        ConfigurationError: `train.start` is not a directory.
    """
    recipe = run.recipe
    job = Job(
        base_model(run),
        recipe.train.model_copy(update=changes),
        recipe.seed,
        {source.name: source.repeat for source in recipe.sources},
        recipe.watch,
        run.stage("dataset").path / DEV,
        recipe.name,
        name,
        progress.is_quiet(),
    )
    settings: dict[str, Any] = {"train": job.settings.model_copy(update={"start": ""}), "repeats": job.repeats}
    if recipe.launch.processes > 1:
        settings["launch"] = recipe.launch
    digests = {"dataset": run.stage("dataset").digest, "base": run.stage("base").digest, **(inputs or {})}
    if job.settings.start:
        if not Path(job.settings.start).is_dir():
            raise ConfigurationError(f"train.start = {job.settings.start!r} is not a directory")
        digests["start"] = path_digest(Path(job.settings.start))  # the content, so that a run can be moved

    def build(out: Path) -> None:
        launch(job, data(), recipe.launch.processes, out)

    return run.make(name, settings, digests, build)


def print_examples(run: Run, count: int) -> None:
    """Print `count` examples of both kinds in turn, evenly spaced in the data set, with masked prompts."""
    from training.learn.packing import Encoder, masked_text
    from training.learn.student import load_tokenizer

    kinds = [[example for example in examples(run) if example.kind is kind] for kind in PathKind]
    encoder = Encoder(tokenizer := load_tokenizer(base_model(run)))
    for number in range(count):
        found = kinds[number % len(kinds)]
        print(masked_text(encoder, tokenizer.decode, found[number * len(found) // count]), end="\n\n")
