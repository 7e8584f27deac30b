"""The stages up to the student before training: `teacher`, `filter`, `dataset`, `base`."""

from functools import partial
from pathlib import Path

from service.errors import ConfigurationError
from service.model.checkpoint import model_directory
from service.paths.base import FormatV1
from service.types import PathKind
from training import dataset, vocabulary
from training.filter import filter_rationales, table
from training.manifest import Artifact, file_digest, path_digest
from training.packs import Example
from training.rationale import Problem, Rationale, read_rationales, write_rows
from training.recipe import Source
from training.run import Run


def teacher(run: Run) -> Artifact:
    """Rationales sampled from the recipe's endpoint."""
    from training.teacher import sample_all

    if run.recipe.teacher is None:
        raise ConfigurationError("the recipe has no [teacher]")
    sources = run.sources
    asked = {source.name: sources.problems(source) for source in sources.ask_teacher}
    build = partial(sample_all, run.recipe.teacher, asked, seed=run.recipe.seed, cache=run.root / "teacher.cache")
    settings = {"teacher": run.recipe.teacher, "sources": sources.ask_teacher}
    return run.make("teacher", settings, sources.digests("problems"), build)


def verified(run: Run) -> Artifact:
    """The stage `filter`: the rationales of all sources that are right, and a report of what fell out."""
    sources = tuple(_without_weights(source) for source in run.recipe.sources)
    inputs = run.sources.digests("problems", "rationales")
    if run.sources.ask_teacher:
        inputs["teacher"] = run.stage("teacher").digest
    return run.make("filter", {"filter": run.recipe.filter, "sources": sources}, inputs, partial(_verify, run))


def _verify(run: Run, out: Path) -> None:
    problems: dict[str, Problem] = {}
    held: list[str] = []
    rationales: list[Rationale] = []
    for source in run.recipe.sources:
        parts = run.sources.split(source)
        problems |= {problem.id: problem for problem in run.sources.problems(source)}
        held += [problem.id for problem in (*parts.dev, *parts.test)]
        rationales += run.sources.rationales(source)
    filtered = filter_rationales(problems, held, rationales, run.recipe.filter)
    write_rows(out / "rationales.jsonl", (rationale.row() for rationale in filtered.kept))
    (out / "report.md").write_text(table(filtered.report))
    run.report(table(filtered.report))


def _without_weights(source: Source) -> Source:
    """What a source says to the filter: how often and how much it counts is none of it."""
    return source.model_copy(update={"repeat": 1, "weight": 1.0})


def data_set(run: Run) -> Artifact:
    """The stage `dataset`: training examples, held-out problems, the card."""
    rationales = run.stage("filter")
    inputs = {"filter": rationales.digest} | run.sources.digests("problems")
    inputs |= {path: file_digest(Path(path)) for path in run.recipe.dataset.leaks}

    def build(out: Path) -> None:
        splits = {source.name: run.sources.split(source) for source in run.recipe.sources}
        parts = dataset.Parts(splits, read_rationales(rationales.path / "rationales.jsonl"))
        dataset.build(parts, run.recipe.sources, run.recipe.dataset, run.recipe.seed, out)
        run.report((out / "card.md").read_text())

    sources = tuple(source.model_copy(update={"repeat": 1}) for source in run.recipe.sources)
    return run.make("dataset", {"dataset": run.recipe.dataset, "sources": sources}, inputs, build)


def examples(run: Run) -> list[Example]:
    """The training examples of the data set."""
    return dataset.read_examples(run.stage("dataset").path / dataset.TRAIN)


def base(run: Run) -> Artifact:
    """The student before training: the base model itself (a note of its name), or its trimmed copy."""
    student = run.recipe.student
    model = Path(student.model)
    inputs = {"model": path_digest(model)} if model.is_dir() else {}
    if not student.vocabulary:
        return run.make("base", {"student": student}, inputs, partial(_note, student.model))
    inputs["dataset"] = run.stage("dataset").digest

    def build(out: Path) -> None:
        vocabulary.trim(model_directory(student.model), out, _texts(examples(run)), student.vocabulary)

    return run.make("base", {"student": student}, inputs, build)


def base_model(run: Run) -> str:
    """What students are loaded from."""
    return str(run.stage("base").path) if run.recipe.student.vocabulary else run.recipe.student.model


def _note(model: str, out: Path) -> None:
    model_directory(model, weights=False)  # that it is one is said before the training starts
    (out / "model.txt").write_text(model + "\n")


def _texts(found: list[Example]) -> list[str]:
    form = FormatV1()
    return [form.prompt(example.kind, example.question) + example.text for example in found] + [
        form.prompt(kind, "") for kind in PathKind
    ]
