"""The confidence map: how it is fitted, and how far what it says is from what is right in each set of problems."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from service.evaluation.calibration_error import error_if_perfect, expected_error
from service.types import Policy

Points = tuple[tuple[float, float], ...]
Observed = tuple[float, bool]
"""A confidence (or support), and whether the answer was right."""

_SUPPORTS = tuple(step / 20 for step in range(1, 21))
_STIFFNESS = 10.0
"""What a bend costs: the square of the change of slope at a knot, in log odds, against the log loss of a problem."""


def fit(points: Sequence[Observed], orders: int = 1) -> Points:
    """The share of right answers as a function of the support, which never falls, tabulated from 0 to 1.

    Its log odds are a P-spline (Eilers and Marx, 1996) of degree 1: straight between the knots, and the fewer problems
    there are, the less bent. The targets are Platt's (1999), so that a handful of problems is no certainty. What was
    seen of a problem in several `orders` is no more than what one order shows: it counts in problems. Where nothing had
    support, the share is a half.
    """
    voted = [(support, right) for support, right in points if support > 0]
    right = np.array([right for _, right in voted], bool)
    hits, misses = right.sum() / orders, (~right).sum() / orders
    targets = np.where(right, (hits + 1) / (hits + 2), 1 / (misses + 2))
    supports, place = np.unique(np.array([support for support, _ in voted]), return_inverse=True)
    problems, hoped = np.bincount(place) / orders, np.bincount(place, targets) / orders
    knots = np.eye(len(_SUPPORTS))
    between = np.stack([np.interp(supports, _SUPPORTS, knot) for knot in knots], axis=1)
    basis = np.cumsum(between[:, ::-1], axis=1)[:, ::-1]  # of the first knot's log odds and the rise to each other one

    def loss(parameters: Any) -> tuple[float, Any]:
        """The log loss of all problems and the cost of the bends, with the gradient."""
        log_odds, bends = basis @ parameters, np.diff(parameters[1:])
        value = problems @ np.logaddexp(0, log_odds) - hoped @ log_odds + _STIFFNESS * bends @ bends
        gradient = basis.T @ (problems * expit(log_odds) - hoped)
        gradient[1:-1] -= 2 * _STIFFNESS * bends
        gradient[2:] += 2 * _STIFFNESS * bends
        return float(value), gradient

    rising = [(None, None)] + [(0, None)] * (len(_SUPPORTS) - 1)
    found = minimize(loss, np.zeros(len(_SUPPORTS)), jac=True, bounds=rising).x
    shares = expit(np.cumsum(found))
    return ((0.0, 0.0), *zip(_SUPPORTS, map(float, shares), strict=True))


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
