"""Samples of a student: what `compare`, `calibrate` and the second round are computed from.

For each problem one greedy path and `paths` sampled paths of each kind, judged once and written as rows; every figure
is computed from these rows, never from the model again. A problem's rows are written when all its paths are there, so
a killed run goes on with the next problem. Two samplers: `ServedStudent` asks Twinpath's own service (vLLM), what the
figures are made with; `LocalStudent` generates with transformers, for smoke runs and where no engine is installed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from service.paths.answer import matches
from service.types import PathKind
from training.judge import judge
from training.rationale import Problem, read_rows, write_rows

GROUP = 16
"""Problems sampled, judged and written together."""


@dataclass(frozen=True, slots=True)
class SampledPath:
    """One sampled path. `index` is -1 for the greedy one; `answer` is canonical text, after repair for a CoT."""

    kind: PathKind
    index: int
    text: str
    tokens: int
    answer: str | None = None
    stated: str | None = None
    right: bool = False


@dataclass(frozen=True, slots=True)
class Sampled:
    """A problem's paths."""

    id: str
    gold: str
    paths: tuple[SampledPath, ...]

    def of(self, kind: PathKind, *, greedy: bool = False) -> list[SampledPath]:
        """The sampled (or the greedy) paths of a kind, in order."""
        return [path for path in self.paths if path.kind is kind and (path.index < 0) is greedy]


class Sampler(Protocol):
    """Samples paths from one student. The texts are raw; judging is the caller's."""

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
    for start in range(len(done), len(wanted), GROUP):
        part = wanted[start : start + GROUP]
        texts = sampler.sample(
            [problem.question for problem in part],
            paths=paths,
            temperature=temperature,
            seed=seed + start,
        )
        done += judged(part, texts)
        fresh = progress.with_suffix(".new")
        write_rows(fresh, map(sample_row, done))
        fresh.replace(progress)
    write_rows(out, map(sample_row, done))
    progress.unlink(missing_ok=True)
    return done


def judged(problems: Sequence[Problem], texts: Sequence[Sequence[SampledPath]]) -> list[Sampled]:
    """The paths with their answers, by the service's parsers and sandbox."""
    flat = [(path.kind, path.text) for paths in texts for path in paths]
    verdicts = iter(judge(flat))
    found = []
    for problem, paths in zip(problems, texts, strict=True):
        answered = []
        for path in paths:
            verdict = next(verdicts)
            answer, stated = verdict.answer, verdict.stated
            answered.append(
                SampledPath(
                    path.kind,
                    path.index,
                    path.text,
                    path.tokens,
                    answer.text if answer else None,
                    stated.text if stated else None,
                    answer is not None and matches(answer, problem.answer),
                )
            )
        found.append(Sampled(problem.id, problem.answer, tuple(answered)))
    return found


def read_samples(path: Path) -> Iterator[Sampled]:
    """The rows of a samples file."""
    for row in read_rows(path, ("id", "gold", "paths")):
        paths = tuple(SampledPath(**(fields | {"kind": PathKind(fields["kind"])})) for fields in row["paths"])
        yield Sampled(row["id"], row["gold"], paths)


def sample_row(sampled: Sampled) -> dict[str, object]:
    """The JSON object of a problem's paths."""
    return {"id": sampled.id, "gold": sampled.gold, "paths": [asdict(path) for path in sampled.paths]}
