"""Stage `train`: the student of both kinds, trained on the data set. The algorithm is in `learn/`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from service.errors import ConfigurationError
from service.types import PathKind
from training import progress
from training.artifact import Artifact, path_digest
from training.data.problem import Example
from training.learn.launch import Job, launch
from training.recipe import Train
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
        ConfigurationError: `train.start` is not a directory, or the data set lacks a kind of `train.kinds`.
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
        learned = data()
        _require_kinds(job.settings, learned)
        launch(job, learned, recipe.launch.processes, out)

    return run.make(name, settings, digests, build)


def _require_kinds(settings: Train, learned: Sequence[Example]) -> None:
    """Refuse a student that would answer by a kind that it never learned."""
    found = {example.kind for example in learned}
    missing = [kind.value for kind in settings.kinds if kind not in found]
    if missing:
        only = f', or set train.kinds = ["{next(iter(found)).value}"]' if len(found) == 1 else ""
        raise ConfigurationError(
            f"train.kinds names {' and '.join(missing)}, but the data set has no such rationale; add some{only}"
        )


def masked_examples(run: Run, count: int) -> Iterator[str]:
    """Texts of `count` examples of the kinds in turn, evenly spaced in the data set, with masked prompts."""
    from training.learn.packing import Encoder, masked_text
    from training.learn.student import load_tokenizer

    kinds = [rows for kind in PathKind if (rows := [example for example in examples(run) if example.kind is kind])]
    encoder = Encoder(tokenizer := load_tokenizer(base_model(run)))
    for number in range(count if kinds else 0):
        found = kinds[number % len(kinds)]
        yield masked_text(encoder, tokenizer.decode, found[number * len(found) // count])
