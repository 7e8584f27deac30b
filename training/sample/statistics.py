"""Accuracies with confidence intervals, and paired comparisons of two students."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from service.evaluation.statistics import Z95, wilson


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of problems answered rightly.

    Args:
        accuracy: the share, in [0, 1].
        interval: Wilson's 95 % interval.
        problems: number of problems.
    """

    accuracy: float
    interval: tuple[float, float]
    problems: int

    @classmethod
    def of(cls, right: Sequence[bool]) -> "Accuracy":
        """Accuracy of outcomes."""
        return cls(sum(right) / len(right), wilson(sum(right), len(right)), len(right))


@dataclass(frozen=True, slots=True)
class PairedTest:
    """McNemar's exact test of two outcomes per problem.

    Args:
        only_first: problems that only the first gets right.
        only_second: problems that only the second gets right.
        p: two-sided binomial p-value.
    """

    only_first: int
    only_second: int
    p: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of paired differences.

    Args:
        mean: the mean.
        margin: half of the normal 95 % interval.
    """

    mean: float
    margin: float


def mcnemar(a: Sequence[bool], b: Sequence[bool]) -> PairedTest:
    """McNemar's exact test: only problems on which the two differ count."""
    from scipy.stats import binomtest

    only_a = sum(x and not y for x, y in zip(a, b, strict=True))
    only_b = sum(y and not x for x, y in zip(a, b, strict=True))
    discordant = only_a + only_b
    return PairedTest(only_a, only_b, float(binomtest(only_a, discordant).pvalue) if discordant else 1.0)


def difference(a: Sequence[float], b: Sequence[float]) -> Difference:
    """Mean of a − b over pairs, with its margin."""
    each = [x - y for x, y in zip(a, b, strict=True)]
    margin = Z95 * statistics.stdev(each) / math.sqrt(len(each)) if len(each) > 1 else 0.0
    return Difference(statistics.fmean(each), margin)
