"""Recorded samples of a student, and the sampler protocol.

Each problem has one greedy path and a number of sampled paths of each kind. All figures are computed from these
records. A killed run continues with the next group of problems.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol

from service.evaluation.calibration.samples import Sampled, SampledPath
from service.paths.answer import parse_answer
from service.paths.equality import matches
from service.types import PathKind
from training.data.problem import Problem, read_rows, write_rows
from training.data.verify import verify
from training.progress import bar


class Sampler(Protocol):
    """Sampler of one student. Paths have their answers, but `right` is not set."""

    @property
    def group(self) -> int:
        """Number of problems that are sampled and written together."""
        ...

    def sample(
        self, questions: Sequence[str], *, paths: Mapping[PathKind, int], temperature: float, seed: int
    ) -> list[list[SampledPath]]:
        """Sample one greedy path and `paths[kind]` sampled paths of each kind, for each question."""
        ...


def sample_to(
    out: Path,
    problems: Sequence[Problem],
    sampler: Sampler,
    *,
    paths: Mapping[PathKind, int],
    temperature: float,
    seed: int,
    title: str = "sampling",
) -> list[Sampled]:
    """Sample problems into a file and return their paths in order. An interrupted run resumes.

    Args:
        out: JSON Lines file. Until it is complete, the rows are in a `.progress` file beside it.
        problems: the problems.
        sampler: sampler of the student.
        paths: sampled paths per problem, by kind.
        temperature: sampling temperature.
        seed: seed of the first group. A group's seed is this plus the position of its first problem.
        title: title of the progress bar.
    """
    done = list(read_samples(out)) if out.is_file() else []
    progress = out.with_suffix(".progress")
    if not done and progress.is_file():
        done = list(read_samples(progress))
    with bar(title, len(problems), done=len(done)) as step:
        for start in range(len(done), len(problems), sampler.group):
            part = problems[start : start + sampler.group]
            sampled = sampler.sample(
                [problem.question for problem in part],
                paths=paths,
                temperature=temperature,
                seed=seed + start,
            )
            done += [marked(problem, paths) for problem, paths in zip(part, sampled, strict=True)]
            fresh = progress.with_suffix(".new")
            write_rows(fresh, map(asdict, done))
            fresh.replace(progress)
            step(len(part), accuracy=right_share(done), tokens=sum(path.tokens for found in sampled for path in found))
    write_rows(out, map(asdict, done))
    progress.unlink(missing_ok=True)
    return done


def right_share(samples: Sequence[Sampled]) -> float:
    """Share of right paths."""
    right = [path.right for sampled in samples for path in sampled.paths]
    return sum(right) / max(len(right), 1)


def answered(paths: Sequence[SampledPath]) -> list[SampledPath]:
    """Add the answers to raw paths, by the service's parsers and sandbox."""
    verified = verify([(path.kind, path.text) for path in paths], workers=os.cpu_count() or 2)
    return [
        replace(
            path,
            answer=found.answer.text if found.answer else None,
            stated=found.stated.text if found.stated else None,
            repaired=found.repaired,
        )
        for path, found in zip(paths, verified, strict=True)
    ]


def marked(problem: Problem, paths: Sequence[SampledPath]) -> Sampled:
    """Paths of a problem with `right` set."""
    answers = [parse_answer(path.answer) if path.answer is not None else None for path in paths]
    return Sampled(
        problem.id,
        problem.answer,
        tuple(
            replace(path, right=answer is not None and matches(answer, problem.answer))
            for path, answer in zip(paths, answers, strict=True)
        ),
        problem.question,
    )


def read_samples(path: Path) -> Iterator[Sampled]:
    """Read a file of samples."""
    for row in read_rows(path):
        paths = tuple(SampledPath(**(fields | {"kind": PathKind(fields["kind"])})) for fields in row["paths"])
        yield Sampled(row["id"], row["gold"], paths, row.get("question", ""))


def write_samples(path: Path, samples: Sequence[Sampled]) -> None:
    """Write a file of samples."""
    write_rows(path, map(asdict, samples))
