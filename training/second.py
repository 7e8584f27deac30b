"""Stage `second`: the student's own verified paths, of both kinds, as further rationales; teacher data is kept.

A small student learns more from ways of reasoning that it can write itself (SIKeD, arXiv 2410.18574). Its paths over
the training questions pass the same filter as a teacher's; then training starts from the base model anew, on both.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from service.types import PathKind
from training.filter import filter_rationales, table
from training.manifest import Artifact, make
from training.rationale import Problem, Rationale, write_rows
from training.recipe import Decoding, SecondRound
from training.report import SAMPLES
from training.sampling import read_samples

if TYPE_CHECKING:
    from training.pipeline import Pipeline


def own_rationales(pipeline: "Pipeline", student: Artifact, settings: SecondRound) -> Artifact:
    """The artifact with the student's verified rationales over the training questions."""
    problems = pipeline.training_problems()
    if settings.problems:
        problems = problems[: settings.problems]
    decoding = Decoding(
        engine=settings.engine,
        paths=settings.paths,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
    )
    samples = pipeline.sample(student, decoding, "own", problems, dict.fromkeys(PathKind, settings.paths))
    return make(
        pipeline.root / "own",
        seed=pipeline.recipe.seed,
        settings={"filter": pipeline.recipe.filter},
        inputs={"samples": samples.digest},
        build=partial(_verify, pipeline, samples.path / SAMPLES, problems),
    )


def _verify(pipeline: "Pipeline", samples: Path, problems: list[Problem], out: Path) -> None:
    rationales = [
        Rationale(sampled.id, path.kind, "student", path.text)
        for sampled in read_samples(samples)
        for path in sampled.paths
        if path.right
    ]
    filtered = filter_rationales({p.id: p for p in problems}, (), rationales, pipeline.recipe.filter)
    write_rows(out / "rationales.jsonl", (rationale.row() for rationale in filtered.kept))
    (out / "report.md").write_text(table(filtered.report))
