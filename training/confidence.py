"""The confidence map: how it is fitted, and how far what it says is from what is right."""

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from scipy.optimize import isotonic_regression

Points = tuple[tuple[float, float], ...]
Observed = tuple[float, bool]
"""A confidence (or support), and whether the answer was right."""


def fit(points: Sequence[Observed], orders: int = 1) -> Points:
    """Isotonic regression: the monotone map with the least squared error, as the ends of its steps.

    What was seen of a problem in several `orders` is no more than what one order shows: it counts in problems.
    """
    by_value: dict[float, list[bool]] = {}
    for value, right in points:
        by_value.setdefault(value, []).append(right)
    values = sorted(by_value)
    hits, numbers = ([count(by_value[v]) for v in values] for count in (sum, len))
    steps = isotonic_regression([h / n for h, n in zip(hits, numbers, strict=True)], weights=numbers).blocks
    ends = []
    for first, end in pairwise(steps):
        # One right and one wrong more: a handful of problems is no certainty.
        share = (sum(hits[first:end]) / orders + 1) / (sum(numbers[first:end]) / orders + 2)
        ends += [(value, share) for value in sorted({values[first], values[end - 1]})]
    return tuple(_monotone(ends))


def expected_error(confidences: Sequence[float], right: Sequence[bool], bins: int) -> float:
    """Expected calibration error (Guo et al., arXiv 1706.04599): the mean gap of bins of equal width, by their size."""
    gaps = [abs(b["confidence"] - b["accuracy"]) * b["problems"] for b in reliability(confidences, right, bins)]
    return float(sum(gaps) / max(len(right), 1))


def error_if_perfect(confidences: Sequence[float], bins: int, seed: int) -> dict[str, float]:
    """The calibration error that these confidences would show if each were exactly the chance of being right.

    So few problems show some error by luck alone: its median, and the 95th percentile, of a thousand draws.
    """
    rng = random.Random(seed)
    drawn = sorted(expected_error(confidences, [rng.random() < c for c in confidences], bins) for _ in range(1000))
    return {"median": drawn[500], "p95": drawn[950]}


def reliability(confidences: Sequence[float], right: Sequence[bool], bins: int) -> list[dict[str, Any]]:
    """The bins of a reliability diagram that hold problems."""
    held: list[list[int]] = [[] for _ in range(bins)]
    for index, value in enumerate(confidences):
        held[min(int(value * bins), bins - 1)].append(index)
    return [
        {
            "confidence": sum(confidences[i] for i in members) / len(members),
            "accuracy": sum(right[i] for i in members) / len(members),
            "problems": len(members),
        }
        for members in held
        if members
    ]


def coverage(confidences: Sequence[float], right: Sequence[bool]) -> list[dict[str, float]]:
    """Accuracy when only the surest share of problems is answered, for each tenth."""
    order = sorted(range(len(right)), key=lambda i: (-confidences[i], i))
    table = []
    for tenth in range(1, 11):
        kept = order[: max(1, round(len(order) * tenth / 10))] if order else []
        if kept:
            table.append({"coverage": tenth / 10, "accuracy": sum(right[i] for i in kept) / len(kept)})
    return table


def _monotone(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    highest = 0.0
    found = []
    for x, y in points:
        highest = max(highest, y)
        found.append((x, highest))
    return found
