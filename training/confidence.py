"""The confidence map: how it is fitted, and how far what it says is from what is right in each set of problems."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize

from service.calibration_error import error_if_perfect, expected_error
from service.types import Policy

Points = tuple[tuple[float, float], ...]
Observed = tuple[float, bool]
"""A confidence (or support), and whether the answer was right."""

_SUPPORTS = tuple(step / 20 for step in range(21))


def fit(points: Sequence[Observed], orders: int = 1) -> Points:
    """The odds of being right as a power of the support, `odds = scale · support ** slope`, tabulated from 0 to 1.

    Beta calibration (Kull et al., AISTATS 2017) with the slope of the support alone, which never falls; the targets
    are Platt's (1999), so that a handful of problems is no certainty. What was seen of a problem in several `orders`
    is no more than what one order shows: it counts in problems. Where nothing had support, the odds are the support.
    """
    voted = [(support, right) for support, right in points if support > 0]
    logs = np.log([support for support, _ in voted])
    right = np.array([right for _, right in voted], bool)
    hits, misses = right.sum() / orders, (~right).sum() / orders
    targets = np.where(right, (hits + 1) / (hits + 2), 1 / (misses + 2))

    def log_loss(parameters: Any) -> float:
        slope, offset = parameters
        log_odds = offset + slope * logs
        return float(np.sum(np.logaddexp(0, log_odds) - targets * log_odds))

    slope, offset = minimize(log_loss, (1.0, 0.0), bounds=[(0, None), (None, None)]).x
    odds = np.exp(offset) * np.array(_SUPPORTS) ** slope
    return tuple(zip(_SUPPORTS, map(float, odds / (1 + odds)), strict=True))


def calibration_errors(observed: Mapping[Policy, Sequence[Observed]], bins: int, seed: int) -> dict[str, Any]:
    """The calibration error of some problems under each policy, and the one that a perfect confidence would show."""
    confidences = {policy: [confidence for confidence, _ in points] for policy, points in observed.items()}
    found = {
        policy.value: expected_error(confidences[policy], [right for _, right in points], bins)
        for policy, points in observed.items()
    }
    return {
        "problems": len(confidences[Policy.ADAPTIVE]),
        **found,
        "if_perfect": error_if_perfect(confidences[Policy.ADAPTIVE], bins, seed),
    }


def calibration_error_table(sets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Markdown of `calibration_errors`, of all problems and of each set, whose errors may cancel in that of all."""
    lines = [
        "| expected calibration error | problems | `adaptive` | `fixed` | of a perfect confidence (19 in 20 below) |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in sets.items():
        luck = row["if_perfect"]
        lines.append(
            f"| {name} | {row['problems']} | {row['adaptive']:.3f} | {row['fixed']:.3f} "
            f"| {luck['median']:.3f} ({luck['p95']:.3f}) |"
        )
    return lines
