"""What the sources of a recipe hold: problems, their split, and the rationales known for them, before any filter."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from training import importers, mechanical
from training.manifest import file_digest
from training.rationale import Problem, Rationale, read_rationales
from training.recipe import Recipe, Source
from training.split import Split, split


@dataclass(frozen=True, slots=True)
class Sources:
    """Reads the sources of a recipe. `sampled` gives the file of the rationales that its teacher was asked for."""

    recipe: Recipe
    sampled: Callable[[], Path]

    @property
    def ask_teacher(self) -> tuple[Source, ...]:
        """Those whose problems a teacher is asked about."""
        return tuple(source for source in self.recipe.sources if source.teacher)

    def digests(self, *fields: str) -> dict[str, str]:
        """The digests of the files named in `fields` of the sources; data sets of a hub are inputs by name alone."""
        digests = {}
        for source in self.recipe.sources:
            for name in fields:
                value = getattr(source, name)
                for path in (value,) if isinstance(value, str) else value:
                    if not path.startswith(importers.HUB_PREFIX):
                        importers.exists(Path(path))
                        digests[path] = file_digest(Path(path))
        return digests

    def problems(self, source: Source) -> list[Problem]:
        """The problems of a source, `limit` of them where there is one."""
        found = importers.problems(source.problems)
        return found[: source.limit] if source.limit else found

    def split(self, source: Source) -> Split:
        """Its problems by what they are for."""
        return split(self.problems(source), seed=self.recipe.seed, dev=source.dev, test=source.test)

    def training_problems(self) -> list[Problem]:
        """The problems of all sources that are not held out."""
        return [problem for source in self.recipe.sources for problem in self.split(source).train]

    def rationales(self, source: Source) -> list[Rationale]:
        """Those of its files, of the teacher, and made mechanically. A file may hold some of other problems."""
        problems = self.problems(source)
        ids = {problem.id for problem in problems}
        found = [rationale for path in source.rationales for rationale in read_rationales(Path(path))]
        if source.limit:
            found = [rationale for rationale in found if rationale.id in ids]
        if source.mechanical != "none":
            program_of = mechanical.from_annotations if source.mechanical == "annotation" else mechanical.from_equation
            found += [program for problem in problems if (program := program_of(problem))]
        if source.teacher:
            found += [rationale for rationale in read_rationales(self.sampled()) if rationale.id in ids]
        return found
