"""The pipeline: every stage with what it reads, in one place. `cli.py` calls it; `manifest.py` decides what is fresh.

    sources ─┬─ teacher ─┐
             └───────────┴─ filter ── dataset ── base ── train ── second ── compare ── calibrate ── export

A run lives in one directory, an artifact a stage. Asking for a stage makes what it needs first and nothing behind it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.errors import ConfigurationError
from service.types import PathKind
from training import dataset, importers, mechanical, vocabulary
from training.filter import filter_rationales, table
from training.manifest import Artifact, commit, file_digest, make, path_digest
from training.packs import Example
from training.rationale import Problem, Rationale, read_problems, read_rationales, write_rows
from training.recipe import Decoding, Recipe, Source
from training.report import SAMPLES, open_sampler, write_calibration, write_comparison, write_export
from training.sampling import sample_to
from training.split import Split, split

if TYPE_CHECKING:
    from training.export import Facts

NONE: Mapping[str, str] = {}
STAGES = ("teacher", "filter", "dataset", "base", "train", "second", "compare", "calibrate", "export")


@dataclass
class Pipeline:
    """One recipe's run in the directory `root`; `report` is told what each stage did."""

    recipe: Recipe
    root: Path
    report: Callable[[str], None] = print
    _made: dict[str, Artifact] = field(default_factory=dict)

    def stage(self, name: str) -> Artifact:
        """The artifact of a stage, made now or found fresh."""
        if name not in self._made:
            artifact: Artifact = getattr(self, f"_{name}")()
            self.report(f"{name}: {'made' if artifact.fresh else 'fresh'} {artifact.digest[:12]} {artifact.path}")
            self._made[name] = artifact
        return self._made[name]

    def _teacher(self) -> Artifact:
        from training.teacher import sample_all

        if self.recipe.teacher is None:
            raise ConfigurationError("the recipe has no [teacher]")
        asked = {s.name: self._problems(s) for s in self.recipe.sources if s.teacher}
        build = partial(
            sample_all, self.recipe.teacher, asked, seed=self.recipe.seed, cache=self.root / "teacher.cache"
        )
        settings = {"teacher": self.recipe.teacher, "sources": tuple(s for s in self.recipe.sources if s.teacher)}
        return self._make("teacher", settings, self._files("problems"), build)

    def _filter(self) -> Artifact:
        sources = tuple(_without_weights(source) for source in self.recipe.sources)
        inputs = self._files("problems", "rationales")
        if self._asks_teacher:
            inputs["teacher"] = self.stage("teacher").digest
        return self._make("filter", {"filter": self.recipe.filter, "sources": sources}, inputs, self._build_filter)

    def _build_filter(self, out: Path) -> None:
        problems: dict[str, Problem] = {}
        held: list[str] = []
        rationales: list[Rationale] = []
        for source in self.recipe.sources:
            found, parts = self._problems(source), self._split(source)
            problems |= {problem.id: problem for problem in found}
            held += [problem.id for problem in (*parts.dev, *parts.test)]
            rationales += self._rationales(source, found)
        filtered = filter_rationales(problems, held, rationales, self.recipe.filter)
        write_rows(out / "rationales.jsonl", (rationale.row() for rationale in filtered.kept))
        (out / "report.md").write_text(table(filtered.report))
        self.report(table(filtered.report))

    def _dataset(self) -> Artifact:
        verified = self.stage("filter")
        inputs = {"filter": verified.digest} | self._files("problems")
        inputs |= {path: file_digest(Path(path)) for path in self.recipe.dataset.leaks}

        def build(out: Path) -> None:
            splits = {source.name: self._split(source) for source in self.recipe.sources}
            parts = dataset.Parts(splits, read_rationales(verified.path / "rationales.jsonl"))
            dataset.build(parts, self.recipe.sources, self.recipe.dataset, self.recipe.seed, out)
            self.report((out / "card.md").read_text())

        sources = tuple(source.model_copy(update={"repeat": 1}) for source in self.recipe.sources)
        return self._make("dataset", {"dataset": self.recipe.dataset, "sources": sources}, inputs, build)

    def _base(self) -> Artifact:
        """The student before training: the base model itself (a note of its hash), or its trimmed copy."""
        student = self.recipe.student
        model = Path(student.model)
        inputs = {"model": path_digest(model)} if model.is_dir() else {}
        if not student.vocabulary:
            return self._make("base", {"student": student}, inputs, lambda out: _note(out, student.model))
        data = self.stage("dataset")

        def build(out: Path) -> None:
            examples = dataset.read_examples(data.path / dataset.TRAIN)
            vocabulary.trim(_local(student.model), out, _texts(examples), student.vocabulary)

        return self._make("base", {"student": student}, inputs | {"dataset": data.digest}, build)

    def base_model(self) -> str:
        """What students are loaded from."""
        return str(self.stage("base").path) if self.recipe.student.vocabulary else self.recipe.student.model

    def _train(self) -> Artifact:
        return self.train_as("train", self.examples())

    def training_problems(self) -> list[Problem]:
        """The problems of all sources that are not held out."""
        return [problem for source in self.recipe.sources for problem in self._split(source).train]

    def examples(self) -> list[Example]:
        """The training examples of the data set."""
        return dataset.read_examples(self.stage("dataset").path / dataset.TRAIN)

    def train_as(
        self, name: str, examples: list[Example], *, inputs: Mapping[str, str] = NONE, **changes: Any
    ) -> Artifact:
        """A student trained on `examples`, with `changes` to the recipe's training settings."""
        from training.train import train

        settings = self.recipe.train.model_copy(update=changes)
        repeats = {source.name: source.repeat for source in self.recipe.sources}
        inputs = {"dataset": self.stage("dataset").digest, "base": self.stage("base").digest, **inputs}
        build = partial(train, self.base_model(), examples, settings, seed=self.recipe.seed, repeats=repeats)
        return self._make(name, {"train": settings, "repeats": repeats}, inputs, lambda out: build(out=out))

    def student(self) -> Artifact:
        """The student that is measured and exported: of the second round where there is one."""
        return self.stage("second") if self.recipe.second_round.enabled else self.stage("train")

    def _second(self) -> Artifact:
        from training.second import own_rationales

        settings = self.recipe.second_round
        first = self.stage("train")
        drawn = own_rationales(self, first, settings)
        merged_data = dataset.merge(self.examples(), read_rationales(drawn.path / "rationales.jsonl"))
        return self.train_as("second", merged_data, inputs={"own": drawn.digest})

    def _compare(self) -> Artifact:
        settings = self.recipe.compare
        both, double = dict.fromkeys(PathKind, settings.paths), 2 * settings.paths
        alone = {kind: self.train_as(f"train-{kind.value}", self.examples(), kinds=(kind,)) for kind in PathKind}
        samples = {"mixed": self.samples(self.student(), settings, settings.split, both)}
        for kind, student in alone.items():
            samples[kind.value] = self.samples(student, settings, settings.split, {kind: double})
        inputs = {name: artifact.digest for name, artifact in samples.items()}
        build = partial(write_comparison, {name: a.path / SAMPLES for name, a in samples.items()}, settings.paths)
        return self._make("compare", {"paths": settings.paths}, inputs, build)

    def _calibrate(self) -> Artifact:
        settings = self.recipe.calibrate
        both = dict.fromkeys(PathKind, settings.paths)
        samples = self.samples(self.student(), settings, "dev", both)
        build = partial(write_calibration, samples.path / SAMPLES, settings.paths, settings.bins, self.recipe.seed)
        return self._make("calibrate", {"calibrate": settings}, {"samples": samples.digest}, build)

    def samples(
        self, student: Artifact, decoding: Decoding, split_name: str, paths: Mapping[PathKind, int]
    ) -> Artifact:
        """A student's paths over a held-out part."""
        data = self.stage("dataset")
        problems = read_problems(data.path / f"{split_name}.jsonl")
        return self.sample(student, decoding, split_name, problems, paths)

    def sample(
        self, student: Artifact, decoding: Decoding, label: str, problems: list[Problem], paths: Mapping[PathKind, int]
    ) -> Artifact:
        """A student's paths over `problems`, through the merged model."""
        model = self.merged(student)
        if decoding.problems:
            problems = problems[: decoding.problems]

        def build(out: Path) -> None:
            with open_sampler(decoding, model.path, self.root / "log" / f"{student.path.name}.{label}.log") as sampler:
                sample_to(
                    out / SAMPLES,
                    problems,
                    sampler,
                    paths=paths,
                    temperature=decoding.temperature,
                    seed=self.recipe.seed,
                )

        settings = {
            "decoding": decoding,
            "paths": {kind.value: n for kind, n in paths.items()},
            "problems": [problem.id for problem in problems],
        }
        return self._make(f"{student.path.name}-{label}", settings, {"model": model.digest}, build)

    def merged(self, student: Artifact) -> Artifact:
        """A student as a plain model directory that the service serves."""
        from training.export import write_model

        build = partial(write_model, self.base_model(), student.path)
        facts = self._facts()
        inputs = {"student": student.digest, "base": self.stage("base").digest}
        return self._make(f"{student.path.name}-merged", {}, inputs, lambda out: build(out, facts))

    def _export(self) -> Artifact:
        calibrated = self.stage("calibrate") if self.recipe.calibrate.enabled else None
        compared = self.stage("compare") if self.recipe.compare.enabled else None
        student, base, data = self.student(), self.stage("base"), self.stage("dataset")
        found = {"student": student, "base": base, "dataset": data, "calibrate": calibrated, "compare": compared}
        inputs = {name: artifact.digest for name, artifact in found.items() if artifact}
        data_digests = {name: self.stage(name).digest for name in ("filter", "dataset")}
        settings = {
            "decoding": self.recipe.calibrate.temperature,
            "export": self.recipe.export,
            "name": self.recipe.name,
            "student": self.recipe.student,
        }

        def build(out: Path) -> None:
            write_export(
                self.recipe,
                out,
                base=self.base_model(),
                student=student.path,
                facts=replace(
                    self._facts(), data=data_digests, decoding={"temperature": self.recipe.calibrate.temperature}
                ),
                data=data.path,
                rationales=self.stage("filter").path / "rationales.jsonl",
                calibrated=calibrated.path if calibrated else None,
                compared=compared.path if compared else None,
            )

        return self._make("export", settings, inputs, build)

    def _facts(self) -> "Facts":
        from training.export import Facts

        return Facts(
            base_model=self.recipe.student.name or Path(self.recipe.student.model).name,
            recipe=self.recipe.name,
            seed=self.recipe.seed,
            commit=commit(),
        )

    @property
    def _asks_teacher(self) -> bool:
        return any(source.teacher for source in self.recipe.sources)

    def _make(
        self, name: str, settings: Mapping[str, Any], inputs: Mapping[str, str], build: Callable[[Path], None]
    ) -> Artifact:
        return make(self.root / name, seed=self.recipe.seed, settings=settings, inputs=inputs, build=build)

    def _files(self, *fields: str) -> dict[str, str]:
        """The digests of the files that the sources name; data sets of a hub are inputs by name alone."""
        digests = {}
        for source in self.recipe.sources:
            for name in fields:
                value = getattr(source, name)
                for path in (value,) if isinstance(value, str) else value:
                    if not path.startswith("hf:"):
                        importers.exists(Path(path))
                        digests[path] = file_digest(Path(path))
        return digests

    def _problems(self, source: Source) -> list[Problem]:
        found = importers.problems(source.problems)
        return found[: source.limit] if source.limit else found

    def _split(self, source: Source) -> Split:
        return split(self._problems(source), seed=self.recipe.seed, dev=source.dev, test=source.test)

    def _rationales(self, source: Source, problems: list[Problem]) -> list[Rationale]:
        found = [rationale for path in source.rationales for rationale in read_rationales(Path(path))]
        if source.limit:
            ids = {problem.id for problem in problems}
            found = [rationale for rationale in found if rationale.id in ids]
        if source.mechanical != "none":
            make_program = (
                mechanical.from_annotations if source.mechanical == "annotation" else mechanical.from_equation
            )
            found += [program for problem in problems if (program := make_program(problem))]
        if source.teacher:
            found += [
                rationale
                for rationale in read_rationales(self.stage("teacher").path / "rationales.jsonl")
                if rationale.id in {problem.id for problem in problems}
            ]
        return found


def _without_weights(source: Source) -> Source:
    """What a source says to the filter: how often and how much it counts is none of it."""
    return source.model_copy(update={"repeat": 1, "weight": 1.0})


def _texts(examples: list[Example]) -> list[str]:
    from service.paths.base import FormatV1

    form = FormatV1()
    return [form.prompt(example.kind, example.question) + example.text for example in examples] + [
        form.prompt(kind, "") for kind in PathKind
    ]


def _note(out: Path, model: str) -> None:
    (out / "model.txt").write_text(model + "\n")


def _local(model: str) -> Path:
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model))
