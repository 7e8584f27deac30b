"""What the sources of a recipe hold: problems, their split, and the rationales known for them, before any filter."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from service.types import PathKind
from training import importers, mechanical, stories
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
        """The digests of the files named in `fields` of the sources; what is no file is an input by name alone."""
        digests = {}
        for source in self.recipe.sources:
            for name in fields:
                value = getattr(source, name)
                for path in (value,) if isinstance(value, str) else value:
                    if source.drawn is None and not path.startswith(importers.HUB_PREFIX):
                        importers.exists(Path(path))
                        digests[path] = file_digest(Path(path))
        return digests

    def problems(self, source: Source) -> list[Problem]:
        """The problems of a source: `limit` of them where there is one, behind the first `skip`."""
        drawn = self._drawn(source)
        found = importers.problems(source.problems) if drawn is None else [problem for problem, *_ in drawn]
        return found[source.skip :][: source.limit or None]

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
        for _, cot, pot in self._drawn(source) or ():
            found += [cot, pot]
        if source.skip or source.limit:
            found = [rationale for rationale in found if rationale.id in ids]
        found += self._mechanical(source, problems, found)
        if source.teacher:
            found += [rationale for rationale in read_rationales(self.sampled()) if rationale.id in ids]
        return found

    def _mechanical(self, source: Source, problems: list[Problem], known: list[Rationale]) -> list[Rationale]:
        if source.mechanical == "reasoning":
            by_id = {problem.id: problem for problem in problems}
            of = [(by_id[r.id], r) for r in known if r.kind is PathKind.COT and r.id in by_id]
            made = [mechanical.from_reasoning(problem, cot) for problem, cot in of]
        elif source.mechanical == "annotation":
            made = [mechanical.from_annotations(problem) for problem in problems]
        elif source.mechanical == "equation":
            made = [mechanical.from_equation(problem) for problem in problems]
        else:
            made = []
        return [program for program in made if program]

    def _drawn(self, source: Source) -> list[tuple[Problem, Rationale, Rationale]] | None:
        """The stories of a source that names how many."""
        return None if source.drawn is None else list(stories.stories(source.drawn, self.recipe.seed))
