"""Confidence interval of a share."""

import math

Z95 = 1.959964
"""Two-sided 95 % quantile of the standard normal distribution."""


def wilson(right: int, n: int) -> tuple[float, float]:
    """95 % confidence interval of a share (Wilson, JASA 1927). It also holds at 0, at 1 and for small n.

    Args:
        right: number of successes.
        n: number of trials, at least 1.
    """
    share, z2 = right / n, Z95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    margin = Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, centre - margin), min(1.0, centre + margin)
