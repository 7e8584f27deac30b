"""Stage `self_training`: further training with the student's own verified paths.

A small student learns more from reasoning that it can write itself (SIKeD, arXiv 2410.18574). The teacher's rationales
stay in the data.
"""

from collections.abc import Sequence
from pathlib import Path

from training.artifact import Artifact
from training.data.problem import Example, Problem, Rationale, read_problems, read_rationales
from training.recipe import Decoding, Filter
from training.run import RATIONALES, Run
from training.sample.sampling import read_samples
from training.stages.dataset import TRAIN_PROBLEMS, examples
from training.stages.filter import filter_rationales, write_filtered
from training.stages.samples import SAMPLES, samples
from training.stages.train import trained


def stage(run: Run) -> Artifact:
    """Student of the teacher's and the first student's rationales, from the base or from the first student."""
    own, settings = own_rationales(run), run.recipe.self_training
    start = {"start": str(run.stage("train").path)} if settings.start == "student" else {}
    return trained(
        run,
        "self_training",
        lambda: with_own(examples(run), read_rationales(own.path / RATIONALES)),
        inputs={"own": own.digest},
        max_steps=settings.steps or run.recipe.train.max_steps,
        **start,
    )


def own_rationales(run: Run) -> Artifact:
    """The first student's right paths on training problems."""
    settings = run.recipe.self_training
    problems = read_problems(run.stage("dataset").path / TRAIN_PROBLEMS)[: settings.problems or None]
    decoding = Decoding(
        engine=settings.engine,
        paths=settings.paths,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
    )
    drawn = samples(run, run.stage("train"), decoding, "own", problems, run.recipe.train.paths(settings.paths))

    def build(out: Path) -> None:
        write_own(drawn.path / SAMPLES, problems, run.recipe.filter, out)

    return run.make("own", {"filter": run.recipe.filter}, {"samples": drawn.digest}, build)


def student(run: Run) -> Artifact:
    """The student that is measured and exported: of this stage if it is enabled, else of `train`."""
    return run.stage("self_training" if run.recipe.self_training.enabled else "train")


def write_own(paths: Path, problems: Sequence[Problem], settings: Filter, out: Path) -> None:
    """Write the right paths that pass the filter, and its report.

    Args:
        paths: file of the student's samples.
        problems: the problems.
        settings: settings of the filter.
        out: output directory.
    """
    rationales = [
        Rationale(sampled.id, path.kind, "student", path.text)
        for sampled in read_samples(paths)
        for path in sampled.paths
        if path.right
    ]
    filtered = filter_rationales({problem.id: problem for problem in problems}, (), rationales, settings)
    write_filtered(filtered, out)


def with_own(teachers: Sequence[Example], own: Sequence[Rationale]) -> list[Example]:
    """The teacher's examples, then the student's own rationales of the same questions."""
    questions = {example.id: example for example in teachers}
    found = [
        Example(r.id, r.kind, questions[r.id].question, r.text, questions[r.id].source, questions[r.id].weight)
        for r in own
        if r.id in questions
    ]
    return [*teachers, *found]
