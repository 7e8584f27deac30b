"""Samples of a trained student, and the student as a servable model."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from service.model.metadata import CheckpointMetadata
from service.paths.base import FORMAT_VERSION
from service.types import PathKind
from training.artifact import Artifact, commit
from training.data.problem import Problem, read_problems
from training.progress import bar
from training.recipe import Decoding
from training.run import Run
from training.sample.sampling import Sampler, sample_to
from training.stages.base import base_model

SAMPLES = "samples.jsonl"


def held_out_samples(
    run: Run, student: Artifact, decoding: Decoding, split: str, paths: Mapping[PathKind, int]
) -> Artifact:
    """Samples of a student on the `dev` or `test` problems."""
    problems = read_problems(run.stage("dataset").path / f"{split}.jsonl")
    return samples(run, student, decoding, split, problems, paths)


def samples(
    run: Run,
    student: Artifact,
    decoding: Decoding,
    label: str,
    problems: Sequence[Problem],
    paths: Mapping[PathKind, int],
) -> Artifact:
    """Samples of a student on problems.

    Args:
        run: the run.
        student: artifact of the training.
        decoding: engine, temperature and limits.
        label: name of the problems, part of the artifact's name.
        problems: the problems, of which `decoding.problems` are sampled.
        paths: sampled paths per problem, by kind.
    """
    model, name = merged(run, student), f"{student.path.name}-{label}-t{decoding.temperature:g}"
    problems = problems[: decoding.problems or None]

    def build(out: Path) -> None:
        title = f"{student.path.name}: {label} samples"
        with ExitStack() as stack:
            with bar(f"{title}, engine start"):
                sampler = stack.enter_context(open_sampler(decoding, model.path, run.root / "log" / f"{name}.log"))
            sample_to(
                out / SAMPLES,
                problems,
                sampler,
                paths=paths,
                temperature=decoding.temperature,
                seed=run.recipe.seed,
                title=title,
            )

    settings = {
        # Only the fields of the base class: a stage's further settings do not change the samples.
        "decoding": {name: getattr(decoding, name) for name in Decoding.model_fields},
        "paths": {kind.value: n for kind, n in paths.items()},
        "problems": [problem.id for problem in problems],
    }
    return run.make(name, settings, {"model": model.digest}, build)


def merged(run: Run, student: Artifact) -> Artifact:
    """A student as a plain model directory."""

    def build(out: Path) -> None:
        from training.ship.checkpoint import write_model

        with bar(f"{student.path.name}: merge"):
            write_model(base_model(run), student.path, out, metadata(run))

    inputs = {"student": student.digest, "base": run.stage("base").digest}
    return run.make(f"{student.path.name}-merged", {}, inputs, build)


def metadata(run: Run) -> CheckpointMetadata:
    """Metadata of every checkpoint of this run."""
    return CheckpointMetadata(
        format_version=FORMAT_VERSION,
        base_model=run.recipe.student.name or Path(run.recipe.student.model).name,
        recipe=run.recipe.name,
        seed=run.recipe.seed,
        commit=commit(),
        kinds=kinds if len(kinds := run.recipe.train.kinds) == 1 else None,
    )


def open_sampler(decoding: Decoding, model: Path, log: Path) -> AbstractContextManager[Sampler]:
    """Sampler on a model directory.

    Args:
        decoding: engine and token limit.
        model: the model directory.
        log: file for the service's output.
    """
    if decoding.engine == "vllm":
        from training.sample.served import ServedStudent

        return ServedStudent(model, decoding.max_tokens, log)
    import torch

    from training.learn.student import load_base, load_tokenizer
    from training.sample.local import LocalStudent

    device, dtype = ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32)
    return LocalStudent(load_base(model, dtype).to(device), load_tokenizer(model), decoding.max_tokens)
