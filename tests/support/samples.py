"""Scripted samples of a student."""

from service.evaluation.calibration.samples import Sampled, SampledPath
from service.types import PathKind


def sampled(cot: list[str], pot: list[str], gold: str = "7", number: int = 0) -> Sampled:
    """Problem whose paths have these answers, the greedy path of each kind first. A path costs 10 or 20 tokens."""
    paths = [SampledPath(PathKind.COT, i - 1, "", 10, answer, right=answer == gold) for i, answer in enumerate(cot)]
    paths += [SampledPath(PathKind.POT, i - 1, "", 20, answer, right=answer == gold) for i, answer in enumerate(pot)]
    return Sampled(f"p{number}", gold, tuple(paths))
