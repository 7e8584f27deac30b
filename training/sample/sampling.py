"""Samples of a student: what `compare`, `calibrate` and the second round are computed from.

For each problem one greedy path and `paths` sampled paths of each kind, judged once and written as rows; every figure
is computed from these rows, never from the model again. A problem's rows are written when all its paths are there, so
a killed run goes on with the next problem. Two samplers: `ServedStudent` asks Twinpath's own service (vLLM), what the
figures are made with; `LocalStudent` generates with transformers, for smoke runs and where no engine is installed.
"""

import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from service.paths.answer import matches, parse_answer
from service.types import PathKind
from training.judge import judge
from training.rationale import Problem, read_rows, write_rows


@dataclass(frozen=True, slots=True)
class SampledPath:
    """One sampled path. `index` is -1 for the greedy one; answers are canonical text. A CoT's `answer` is that after
    repair, `stated` the one before it.
    """

    kind: PathKind
    index: int
    text: str
    tokens: int
    answer: str | None = None
    stated: str | None = None
    repaired: bool = False
    right: bool = False

    def unrepaired(self) -> "SampledPath":
        """The path as it would vote without the calculator."""
        return replace(self, answer=self.stated, repaired=False) if self.kind is PathKind.COT else self


@dataclass(frozen=True, slots=True)
class Sampled:
    """A problem's paths."""

    id: str
    gold: str
    paths: tuple[SampledPath, ...]

    def of(self, kind: PathKind, *, greedy: bool = False) -> list[SampledPath]:
        """The sampled (or the greedy) paths of a kind, in order."""
        return [path for path in self.paths if path.kind is kind and (path.index < 0) is greedy]

    def unrepaired(self) -> "Sampled":
        """The same paths as they would vote without the calculator."""
        return replace(self, paths=tuple(path.unrepaired() for path in self.paths))

    def shuffled(self, rng: random.Random) -> "Sampled":
        """The same paths as they might have come."""
        return replace(self, paths=tuple(rng.sample(self.paths, len(self.paths))))


def by_set(samples: Sequence[Sampled]) -> dict[str, list[int]]:
    """Where the problems of each set stand in `samples`. A problem's set is what its id begins with, before a slash."""
    sets: dict[str, list[int]] = {}
    for place, sampled in enumerate(samples):
        name, slash, _ = sampled.id.partition("/")
        sets.setdefault(name if slash else "problems", []).append(place)
    return sets


class Sampler(Protocol):
    """Samples paths from one student, with their answers; whether these are right is the caller's to say."""

    @property
    def group(self) -> int:
        """Problems that are best sampled, judged and written together."""
        ...

    def sample(
        self, questions: Sequence[str], *, paths: Mapping[PathKind, int], temperature: float, seed: int
    ) -> list[list[SampledPath]]:
        """For each question and each kind with paths, a greedy path and that many sampled ones."""
        ...


def sample_to(
    out: Path,
    problems: Sequence[Problem],
    sampler: Sampler,
    *,
    paths: Mapping[PathKind, int],
    temperature: float,
    seed: int,
) -> list[Sampled]:
    """Sample all problems into the file `out`, going on where it stops; returns all of them in order."""
    wanted = list(problems)
    done = list(read_samples(out)) if out.is_file() else []
    progress = out.with_suffix(".progress")
    if not done and progress.is_file():
        done = list(read_samples(progress))
    for start in range(len(done), len(wanted), sampler.group):
        part = wanted[start : start + sampler.group]
        sampled = sampler.sample(
            [problem.question for problem in part],
            paths=paths,
            temperature=temperature,
            seed=seed + start,
        )
        done += [marked(problem, paths) for problem, paths in zip(part, sampled, strict=True)]
        fresh = progress.with_suffix(".new")
        write_rows(fresh, map(sample_row, done))
        fresh.replace(progress)
    write_rows(out, map(sample_row, done))
    progress.unlink(missing_ok=True)
    return done


def answered(paths: Sequence[SampledPath]) -> list[SampledPath]:
    """Raw texts with their answers, by the service's parsers and sandbox."""
    verdicts = judge([(path.kind, path.text) for path in paths], workers=os.cpu_count() or 2)
    return [
        replace(
            path,
            answer=verdict.answer.text if verdict.answer else None,
            stated=verdict.stated.text if verdict.stated else None,
            repaired=verdict.repaired,
        )
        for path, verdict in zip(paths, verdicts, strict=True)
    ]


def marked(problem: Problem, paths: Sequence[SampledPath]) -> Sampled:
    """A problem's paths, each with whether it is right."""
    answers = [parse_answer(path.answer) if path.answer is not None else None for path in paths]
    return Sampled(
        problem.id,
        problem.answer,
        tuple(
            replace(path, right=answer is not None and matches(answer, problem.answer))
            for path, answer in zip(paths, answers, strict=True)
        ),
    )


def read_samples(path: Path) -> Iterator[Sampled]:
    """The rows of a samples file."""
    for row in read_rows(path, ("id", "gold", "paths")):
        paths = tuple(SampledPath(**(fields | {"kind": PathKind(fields["kind"])})) for fields in row["paths"])
        yield Sampled(row["id"], row["gold"], paths)


def sample_row(sampled: Sampled) -> dict[str, object]:
    """The JSON object of a problem's paths."""
    return {"id": sampled.id, "gold": sampled.gold, "paths": [asdict(path) for path in sampled.paths]}
