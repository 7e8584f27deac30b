"""Loss curves of a training, their moving means and their axis."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from service.evaluation.html.chart import Axis
from service.types import PathKind

Points = list[tuple[float, float]]
HISTORY, WATCH, MEMORY = "history.jsonl", "watch.jsonl", "memory.jsonl"
"""Files of a training: its log rows, and under `log/` its accuracies on dev problems and its memory."""
_KEYS = {kind.value: f"{kind.value}_loss" for kind in PathKind}
_LONGEST_WINDOW = 50
_SPIKES = 0.01
"""Share of the losses at each end that may lie outside of the axis."""
_NEAR_ZERO = 0.2
"""Share of the highest loss below which the axis starts at zero."""


def losses_by_kind(history: Sequence[Mapping[str, Any]]) -> dict[str, Points]:
    """Steps and finite losses of each kind that was trained, from the log rows of the Trainer."""
    found = {
        kind: [(row["step"], row[key]) for row in history if math.isfinite(row.get(key, math.nan))]
        for kind, key in _KEYS.items()
    }
    return {kind: points for kind, points in found.items() if points}


def trained_kinds(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """Kinds that were trained. Their losses need not be finite."""
    return [kind for kind, key in _KEYS.items() if any(key in row for row in history)]


def diverged(history: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The first step whose loss is not a finite number, by kind. Kinds with only finite losses are left out."""
    steps = {
        kind: [row["step"] for row in history if not math.isfinite(row.get(key, 0.0))] for kind, key in _KEYS.items()
    }
    return {kind: found[0] for kind, found in steps.items() if found}


def smoothed(points: Sequence[tuple[float, float]]) -> Points:
    """Mean around each point, over a tenth of the curve and at most fifty points. Both ends have fewer."""
    half = min(_LONGEST_WINDOW, len(points) // 10) // 2
    sums = [0.0, *accumulate(y for _, y in points)]
    spans = [(max(0, i - half), min(len(points), i + half + 1)) for i in range(len(points))]
    return [(x, (sums[end] - sums[start]) / (end - start)) for (x, _), (start, end) in zip(points, spans, strict=True)]


def thinned(points: Sequence[tuple[float, float]], most: int) -> Points:
    """At most `most` points at even distances, with the last one."""
    step = -(-len(points) // most) or 1
    return list(points[::-1][::step][::-1])


def loss_axis(curves: Iterable[Points], label: str) -> Axis:
    """Axis of losses. Single spikes may lie outside, the moving means do not.

    Args:
        curves: loss of each step, by kind. At least one.
        label: label of the axis.
    """
    known = list(curves)
    losses = sorted(y for points in known for _, y in points)
    cut = int(_SPIKES * len(losses))
    shown = losses[cut : len(losses) - cut] + [y for points in known for _, y in smoothed(points)]
    return Axis.fitted(label, shown, from_zero=min(shown) < _NEAR_ZERO * max(shown), least=0.05)
