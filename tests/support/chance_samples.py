"""Samples whose paths are right with a known probability."""

import random

from service.evaluation.calibration.samples import Sampled, SampledPath
from service.types import PathKind

RATES = (0.15, 0.4, 0.6, 0.8, 0.95)
"""Probability that a path is right, by the difficulty of the problem."""
WRONG = (8, 8, 8, 8, 8, 9)
"""Answers of a wrong path."""


def chance_samples(problems: int, paths: int, seed: int) -> list[Sampled]:
    """Problems of all difficulties in turn. A wrong path often has the same wrong answer.

    Args:
        problems: number of problems.
        paths: paths of each kind.
        seed: seed of the answers.
    """
    rng = random.Random(seed)

    def path(kind: PathKind, index: int, rate: float) -> SampledPath:
        answer = "7" if rng.random() < rate else f"{rng.choice(WRONG)}"
        return SampledPath(kind, index, "", 10, answer, right=answer == "7")

    return [
        Sampled(f"{n}", "7", tuple(path(kind, i, RATES[n % len(RATES)]) for i in range(paths) for kind in PathKind))
        for n in range(problems)
    ]
