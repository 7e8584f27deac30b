"""Samples: the recorded paths of problems with known answers."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.types import PathKind


@dataclass(frozen=True, slots=True)
class SampledPath:
    """One path.

    Args:
        kind: CoT or PoT.
        index: number within the kind, or -1 for the greedy path.
        text: the completion.
        tokens: completion tokens.
        answer: canonical answer, after repair for a CoT, or None.
        stated: canonical answer of a CoT before repair, or None.
        repaired: whether repair changed the CoT.
        right: whether `answer` is the gold answer.
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
        """The path with its answer before repair."""
        return replace(self, answer=self.stated, repaired=False) if self.kind is PathKind.COT else self


@dataclass(frozen=True, slots=True)
class Sampled:
    """Paths of one problem.

    Args:
        id: id of the problem.
        gold: its answer.
        paths: the paths.
        question: text of the problem. Empty in records of older versions.
    """

    id: str
    gold: str
    paths: tuple[SampledPath, ...]
    question: str = ""

    def of(self, kind: PathKind, *, greedy: bool = False) -> list[SampledPath]:
        """Sampled paths of a kind in order, or its greedy path."""
        return [path for path in self.paths if path.kind is kind and (path.index < 0) is greedy]

    def unrepaired(self) -> "Sampled":
        """The same paths with their answers before repair."""
        return replace(self, paths=tuple(path.unrepaired() for path in self.paths))

    def shuffled(self, rng: random.Random) -> "Sampled":
        """The same paths in random order."""
        return replace(self, paths=tuple(rng.sample(self.paths, len(self.paths))))


def by_set(samples: Sequence[Sampled]) -> dict[str, list[int]]:
    """Positions of each set's problems in `samples`. The set is the part of a problem's id before the slash."""
    sets: dict[str, list[int]] = {}
    for position, sampled in enumerate(samples):
        name, slash, _ = sampled.id.partition("/")
        sets.setdefault(name if slash else "problems", []).append(position)
    return sets
