"""How far confidences are from what was right, on problems whose answers are known."""

import random
from collections.abc import Sequence
from typing import Any


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


def expected_error(confidences: Sequence[float], right: Sequence[bool], bins: int) -> float:
    """Expected calibration error (Guo et al., arXiv 1706.04599): the mean gap of bins of equal width, by their size."""
    gaps = [abs(b["confidence"] - b["accuracy"]) * b["problems"] for b in reliability(confidences, right, bins)]
    return float(sum(gaps) / max(len(right), 1))


def error_if_perfect(confidences: Sequence[float], bins: int, seed: int) -> dict[str, float]:
    """The calibration error that these confidences would show if each were exactly the chance of being right.

    So few problems show some error by luck alone: its median, and the 95th percentile, of a thousand draws.
    """
    rng = random.Random(seed)  # noqa: S311 - to be repeatable, not secret
    drawn = sorted(expected_error(confidences, [rng.random() < c for c in confidences], bins) for _ in range(1000))
    return {"median": drawn[500], "p95": drawn[950]}


def coverage(confidences: Sequence[float], right: Sequence[bool]) -> list[dict[str, float]]:
    """Accuracy when only the surest share of problems is answered, for each tenth."""
    order = sorted(range(len(right)), key=lambda i: (-confidences[i], i))
    table = []
    for tenth in range(1, 11):
        kept = order[: max(1, round(len(order) * tenth / 10))] if order else []
        if kept:
            table.append({"coverage": tenth / 10, "accuracy": sum(right[i] for i in kept) / len(kept)})
    return table
