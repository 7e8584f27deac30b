"""Plots, for people: loss, memory, accuracy against training tokens, paths and completion tokens, reliability and
coverage. Never hashed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt


def losses(history: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Each task's loss over the steps, smoothed over fifty."""
    figure, axis = plt.subplots(figsize=(7, 4))
    for kind in ("cot", "pot"):
        points = [(row["step"], row[f"{kind}_loss"]) for row in history if f"{kind}_loss" in row]
        smooth = [sum(y for _, y in points[max(0, i - 49) : i + 1]) / min(i + 1, 50) for i in range(len(points))]
        axis.plot([x for x, _ in points], smooth, label=kind)
    axis.set(xlabel="step", ylabel="mean negative log-likelihood of a token", ylim=(0, None))
    axis.legend()
    _save(figure, out, "loss.png")


def memory(points: Sequence[tuple[float, float]], out: Path) -> None:
    """The peak of memory so far, in GiB, over the minutes of a process."""
    figure, axis = plt.subplots(figsize=(7, 4))
    axis.plot([minutes for minutes, _ in points], [gib for _, gib in points])
    axis.set(xlabel="minutes", ylabel="most memory so far, GiB", ylim=(0, None))
    _save(figure, out, "memory.png")


def learning(seen: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Accuracy of a student while it learns, against the completion tokens it has learned from."""
    figure, axis = plt.subplots(figsize=(7, 4))
    for name, label in (("cot", "one CoT path, T = 0"), ("pot", "one PoT path, T = 0"), ("vote", "vote")):
        axis.plot([row["tokens"] for row in seen], [row[name] for row in seen], marker="o", label=label)
    axis.set(xlabel="completion tokens learned from", ylabel="accuracy", xlim=(0, None), ylim=(0, 1))
    axis.legend()
    _save(figure, out, "accuracy-training-tokens.png")


def curves(found: Mapping[str, Sequence[Mapping[str, float]]], out: Path) -> None:
    """Accuracy against paths, and against completion tokens, with ticks at the first one's points."""
    for x, label in (("paths", "paths in the vote"), ("tokens", "completion tokens of a problem")):
        figure, axis = plt.subplots(figsize=(7, 4))
        for name, points in found.items():
            axis.plot([p[x] for p in points], [p["accuracy"] for p in points], marker="o", label=name)
        axis.set(xlabel=label, ylabel="accuracy", ylim=(0, 1), xscale="log")
        axis.set_xticks(ticks := [round(p[x]) for p in next(iter(found.values()))], labels=map(str, ticks))
        axis.minorticks_off()
        axis.legend()
        _save(figure, out, f"accuracy-{x}.png")


def reliability(facts: Mapping[str, Any], out: Path) -> None:
    """The reliability diagram, a dot's area by its problems, and accuracy against coverage."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5))
    bins = facts["reliability"]
    left.plot([0, 1], [0, 1], color="grey", linestyle=":")
    left.scatter([b["confidence"] for b in bins], [b["accuracy"] for b in bins], s=[3 * b["problems"] for b in bins])
    left.set(xlabel="confidence", ylabel="share right", title=f"expected calibration error {facts['ece']:.3f}")
    table = facts["coverage"]
    right.plot([row["coverage"] for row in table], [row["accuracy"] for row in table], marker="o")
    right.set(xlabel="share answered, the surest first", ylabel="accuracy", ylim=(0, 1))
    _save(figure, out, "reliability.png")


def _save(figure: Any, out: Path, name: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(out / name, dpi=120)
    plt.close(figure)
