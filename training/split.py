"""The split by question: which problems are trained on, which choices are made on, which are only measured on.

A problem's lot depends on the seed and its id alone, and the lowest lots are held out: neither the order of a file nor
the other sources matter. More problems of the same source do, since new lots may be lower; a student that goes on from
another must have that one's problems. All rationales of a problem go where it goes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from training.rationale import Problem


@dataclass(frozen=True, slots=True)
class Split:
    """The three parts, each in the order of its draw."""

    train: tuple[Problem, ...]
    dev: tuple[Problem, ...]
    test: tuple[Problem, ...]


def split(problems: Sequence[Problem], *, seed: int, dev: int, test: int) -> Split:
    """Draw `test` problems, then `dev` problems; the rest is for training."""
    drawn = sorted(problems, key=lambda problem: _lot(seed, problem.id))
    return Split(tuple(drawn[test + dev :]), tuple(drawn[test : test + dev]), tuple(drawn[:test]))


def _lot(seed: int, id_: str) -> str:
    return hashlib.sha256(f"{seed}:{id_}".encode()).hexdigest()
