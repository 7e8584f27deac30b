"""The stages that make students and sample them: `train`, `second`, and what these and the figures rest on."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.errors import ConfigurationError
from service.types import PathKind
from training import dataset, second
from training.launch import Job, launch
from training.manifest import Artifact, commit, path_digest
from training.packs import Example
from training.rationale import Problem, read_problems, read_rationales
from training.recipe import Decoding
from training.report import SAMPLES, open_sampler
from training.run import Run
from training.sampling import sample_to
from training.stages.data import base_model, examples

if TYPE_CHECKING:
    from training.export import Facts

NONE: Mapping[str, str] = {}


def train(run: Run) -> Artifact:
    """The student of both kinds, of the teacher's rationales."""
    return trained(run, "train", examples(run))


def trained(run: Run, name: str, found: list[Example], *, inputs: Mapping[str, str] = NONE, **changes: Any) -> Artifact:
    """A student trained on the examples `found`, with `changes` to the recipe's training settings."""
    recipe = run.recipe
    job = Job(
        base_model(run),
        recipe.train.model_copy(update=changes),
        recipe.seed,
        {source.name: source.repeat for source in recipe.sources},
        recipe.watch,
        run.stage("dataset").path / dataset.DEV,
    )
    settings: dict[str, Any] = {"train": job.settings.model_copy(update={"start": ""}), "repeats": job.repeats}
    if recipe.launch.processes > 1:
        settings["launch"] = recipe.launch
    inputs = {"dataset": run.stage("dataset").digest, "base": run.stage("base").digest, **inputs}
    if job.settings.start:
        if not Path(job.settings.start).is_dir():
            raise ConfigurationError(f"train.start = {job.settings.start!r} is no directory")
        inputs["start"] = path_digest(Path(job.settings.start))  # what is there, wherever the run lies
    return run.make(name, settings, inputs, partial(launch, job, found, recipe.launch.processes))


def second_round(run: Run) -> Artifact:
    """The stage `second`: trained on the teacher's and the first student's rationales, anew or from that student."""
    own, settings = own_rationales(run), run.recipe.second_round
    found = dataset.merge(examples(run), read_rationales(own.path / second.RATIONALES))
    changes: dict[str, Any] = {"max_steps": settings.steps or run.recipe.train.max_steps}
    if settings.start == "student":
        changes["start"] = str(run.stage("train").path)
    return trained(run, "second", found, inputs={"own": own.digest}, **changes)


def own_rationales(run: Run) -> Artifact:
    """The first student's right paths over training problems."""
    settings = run.recipe.second_round
    problems = run.sources.training_problems()[: settings.problems or None]
    decoding = Decoding(
        engine=settings.engine,
        paths=settings.paths,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
    )
    drawn = sampled(run, run.stage("train"), decoding, "own", problems, dict.fromkeys(PathKind, settings.paths))
    build = partial(second.verify, drawn.path / SAMPLES, problems, run.recipe.filter)
    return run.make("own", {"filter": run.recipe.filter}, {"samples": drawn.digest}, build)


def student(run: Run) -> Artifact:
    """The student that is measured and exported: of the second round where there is one."""
    return run.stage("second" if run.recipe.second_round.enabled else "train")


def held_out_samples(
    run: Run, trained_: Artifact, decoding: Decoding, split_name: str, paths: Mapping[PathKind, int]
) -> Artifact:
    """A student's paths over a held-out part."""
    problems = read_problems(run.stage("dataset").path / f"{split_name}.jsonl")
    return sampled(run, trained_, decoding, split_name, problems, paths)


def sampled(
    run: Run,
    trained_: Artifact,
    decoding: Decoding,
    label: str,
    problems: Sequence[Problem],
    paths: Mapping[PathKind, int],
) -> Artifact:
    """A student's paths over `problems`, through the merged model."""
    model, name = merged(run, trained_), f"{trained_.path.name}-{label}-t{decoding.temperature:g}"
    problems = problems[: decoding.problems or None]

    def build(out: Path) -> None:
        with open_sampler(decoding, model.path, run.root / "log" / f"{name}.log") as sampler:
            sample_to(
                out / SAMPLES,
                problems,
                sampler,
                paths=paths,
                temperature=decoding.temperature,
                seed=run.recipe.seed,
            )

    settings = {
        "decoding": {name: getattr(decoding, name) for name in Decoding.model_fields},  # not what a stage adds to it
        "paths": {kind.value: n for kind, n in paths.items()},
        "problems": [problem.id for problem in problems],
    }
    return run.make(name, settings, {"model": model.digest}, build)


def merged(run: Run, trained_: Artifact) -> Artifact:
    """A student as a plain model directory that the service serves."""
    from training.export import write_model

    build = partial(write_model, base_model(run), trained_.path, facts=facts(run))
    inputs = {"student": trained_.digest, "base": run.stage("base").digest}
    return run.make(f"{trained_.path.name}-merged", {}, inputs, lambda out: build(out=out))


def facts(run: Run) -> "Facts":
    """What every checkpoint of this run says of itself."""
    from training.export import Facts

    return Facts(
        base_model=run.recipe.student.name or Path(run.recipe.student.model).name,
        recipe=run.recipe.name,
        seed=run.recipe.seed,
        commit=commit(),
    )
