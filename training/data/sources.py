"""Sources of a recipe: problems, held-out split and unfiltered rationales."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.errors import ConfigurationError
from service.types import PathKind
from training.artifact import file_digest
from training.data import derived_programs, loaders, synthetic
from training.data.problem import Problem, Rationale, read_rationales
from training.recipe import Recipe, Source


@dataclass(frozen=True, slots=True)
class Split:
    """Problems for training, for choices (dev) and for the final figures (test), each by rank."""

    train: tuple[Problem, ...]
    dev: tuple[Problem, ...]
    test: tuple[Problem, ...]


def split(problems: Sequence[Problem], *, seed: int, dev: int, test: int) -> Split:
    """Hold out the `test` problems of lowest rank, then the next `dev` problems.

    The rank of a problem depends only on the seed and its id, not on the order of a file or on other sources. Further
    problems of the same source can take a lower rank, which moves the split.
    """
    ranked = sorted(problems, key=lambda problem: _rank(seed, problem.id))
    return Split(tuple(ranked[test + dev :]), tuple(ranked[test : test + dev]), tuple(ranked[:test]))


def _rank(seed: int, id_: str) -> str:
    return hashlib.sha256(f"{seed}:{id_}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Sources:
    """Reader of a recipe's sources.

    Args:
        recipe: the recipe.
        sampled: returns the file of the teacher's sampled rationales.
    """

    recipe: Recipe
    sampled: Callable[[], Path]

    @property
    def for_teacher(self) -> tuple[Source, ...]:
        """Sources on whose problems the teacher is sampled."""
        return tuple(source for source in self.recipe.sources if source.teacher)

    def digests(self, *fields: str) -> dict[str, str]:
        """Digests of the files that the `fields` of all sources name. Public sets on the hub have none.

        Raises:
            ConfigurationError: a file does not exist.
        """
        paths = [path for source in self.recipe.sources for name in fields for path in _files(source, name)]
        for path in paths:
            if not Path(path).is_file():
                raise ConfigurationError(f"the file {path} does not exist; {loaders.advice(path)}")
        return {path: file_digest(Path(path)) for path in paths}

    def problems(self, source: Source) -> list[Problem]:
        """Problems of a source, without the first `skip` and at most `limit`.

        Raises:
            ConfigurationError: there is none, or fewer than `dev` and `test` hold out.
        """
        drawn = self._synthetic(source)
        found = loaders.problems(source.problems) if drawn is None else [problem for problem, *_ in drawn]
        kept = found[source.skip :][: source.limit or None]
        held_out = source.dev + source.test
        if not kept or len(kept) < held_out:
            left = f" after skip = {source.skip}" if source.skip else ""
            raise ConfigurationError(
                f"the source {source.name} ({source.problems}) has {len(kept)} problems{left}, but dev + test = "
                f"{held_out}; add problems, or lower dev and test"
            )
        return kept

    def split(self, source: Source) -> Split:
        """Split of a source's problems."""
        return split(self.problems(source), seed=self.recipe.seed, dev=source.dev, test=source.test)

    def rationales(self, source: Source) -> list[Rationale]:
        """Rationales of a source: from its files, derived, and sampled. Files can hold some of other problems."""
        problems = self.problems(source)
        ids = {problem.id for problem in problems}
        found = [rationale for path in source.rationales for rationale in read_rationales(Path(path))]
        for _, cot, pot in self._synthetic(source) or ():
            found += [cot, pot]
        if source.skip or source.limit:
            found = [rationale for rationale in found if rationale.id in ids]
        found += _derived(source, problems, found)
        if source.teacher:
            found += [rationale for rationale in read_rationales(self.sampled()) if rationale.id in ids]
        return found

    def _synthetic(self, source: Source) -> list[tuple[Problem, Rationale, Rationale]] | None:
        if source.synthetic_count is None:
            return None
        templates = synthetic.load_templates(Path(source.templates))
        return list(synthetic.draw(source.synthetic_count, self.recipe.seed, templates))


def _files(source: Source, field: str) -> tuple[str, ...]:
    """Files that a field of a source names."""
    if field == "problems" and source.synthetic_count is not None:
        return (source.templates,)
    if field == "problems" and source.scripted_count is not None:
        return ()
    value: str | tuple[str, ...] = getattr(source, field)
    if isinstance(value, tuple):
        return value
    path = loaders.local_file(value)
    return () if path is None else (str(path),)


def _derived(source: Source, problems: list[Problem], known: list[Rationale]) -> list[Rationale]:
    if source.derived_programs == "reasoning":
        by_id = {problem.id: problem for problem in problems}
        cots = [(by_id[r.id], r) for r in known if r.kind is PathKind.COT and r.id in by_id]
        made = [derived_programs.from_reasoning(problem, cot) for problem, cot in cots]
    elif source.derived_programs == "annotation":
        made = [derived_programs.from_annotations(problem) for problem in problems]
    elif source.derived_programs == "equation":
        made = [derived_programs.from_equation(problem) for problem in problems]
    else:
        made = []
    return [program for program in made if program]
