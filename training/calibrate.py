"""Stage `calibrate`: how much each kind's vote counts, and what the service's confidence is worth, from dev problems.

Two findings, both for `twinpath.json`. The kinds' weights: of a small grid, the pair that elects most right answers;
equal weights unless another pair is better by more than one problem, since a grid of ten finds luck too. The
confidence map: the Beta rule's confidence is a statement about votes, not about being right; a monotone map (isotonic
regression by pooling adjacent violators) makes it one. The expected calibration error is measured by cross-fitting:
each fold is mapped by the others, so the figure is not the fit's own.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from service.types import PathKind
from training.sampling import Sampled
from training.votes import confidence, elected, first, is_right

GRID = (0.25, 0.4, 0.5, 0.67, 0.8, 1.0)
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Map:
    """A monotone map by linear interpolation between points (confidence, share right)."""

    points: tuple[tuple[float, float], ...]

    def __call__(self, value: float) -> float:
        if not self.points:
            return value
        if value <= self.points[0][0]:
            return self.points[0][1]
        for (x0, y0), (x1, y1) in pairwise(self.points):
            if value <= x1:
                return y0 + (y1 - y0) * (value - x0) / (x1 - x0) if x1 > x0 else y1
        return self.points[-1][1]


def calibrate(samples: Sequence[Sampled], paths: int, bins: int, seed: int) -> dict[str, Any]:
    """Weights, map and figures, ready for `twinpath.json`."""
    weights = best_weights(samples, paths)
    points = [_point(sampled, paths, weights) for sampled in samples]
    order = list(range(len(points)))
    random.Random(seed).shuffle(order)
    mapped = [0.0] * len(points)
    for fold in range(FOLDS):
        held = set(order[fold::FOLDS])
        fitted = fit([points[i] for i in order if i not in held])
        for index in held:
            mapped[index] = fitted(points[index][0])
    right = [good for _, good in points]
    return {
        "problems": len(samples),
        "paths_per_kind": paths,
        "weights": {kind.value: weights[kind] for kind in PathKind},
        "confidence_map": [[round(x, 6), round(y, 6)] for x, y in fit(points).points],
        "accuracy": sum(right) / max(len(right), 1),
        "ece_before": expected_error([c for c, _ in points], right, bins),
        "ece": expected_error(mapped, right, bins),
        "reliability": reliability(mapped, right, bins),
        "coverage": coverage(mapped, right),
    }


def best_weights(samples: Sequence[Sampled], paths: int) -> Mapping[PathKind, float]:
    """The kinds' weights; the stronger kind counts 1."""

    def score(cot: float, pot: float) -> int:
        weights = {PathKind.COT: cot, PathKind.POT: pot}
        return sum(is_right(elected(first(s, paths, paths), weights), s.gold) for s in samples)

    equal = score(1.0, 1.0)
    options = [(cot, 1.0) for cot in GRID] + [(1.0, pot) for pot in GRID]
    best = max(options, key=lambda option: (score(*option), min(option)))
    if score(*best) <= equal + 1:
        best = (1.0, 1.0)
    return {PathKind.COT: best[0], PathKind.POT: best[1]}


def fit(points: Sequence[tuple[float, bool]]) -> Map:
    """Isotonic regression: the monotone map with the least squared error (pool adjacent violators)."""
    by_value: dict[float, list[bool]] = {}
    for value, right in points:
        by_value.setdefault(value, []).append(right)
    blocks: list[tuple[float, float, list[float]]] = []  # right, number, confidences
    for value, rights in sorted(by_value.items()):
        blocks.append((sum(rights), len(rights), [value]))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            hits, number, values = blocks.pop()
            blocks[-1] = (blocks[-1][0] + hits, blocks[-1][1] + number, blocks[-1][2] + values)
    ends = []
    for hits, number, values in blocks:
        # One right and one wrong more: a handful of problems is no certainty.
        share = (hits + 1) / (number + 2)
        ends += [(values[0], share)] if len(values) == 1 else [(values[0], share), (values[-1], share)]
    return Map(tuple(_monotone(ends)))


def expected_error(confidences: Sequence[float], right: Sequence[bool], bins: int) -> float:
    """Expected calibration error (Guo et al., arXiv 1706.04599): the mean gap of bins of equal width, by their size."""
    gaps = [abs(b["confidence"] - b["accuracy"]) * b["problems"] for b in reliability(confidences, right, bins)]
    return float(sum(gaps) / max(len(right), 1))


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


def _point(sampled: Sampled, paths: int, weights: Mapping[PathKind, float]) -> tuple[float, bool]:
    chosen = first(sampled, paths, paths)
    return confidence(chosen), is_right(elected(chosen, weights), sampled.gold)


def _monotone(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    highest = 0.0
    found = []
    for x, y in points:
        highest = max(highest, y)
        found.append((x, highest))
    return found
