"""Plots as PNG files: losses, memory, accuracies and reliability. They are outside of every hash."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from service.evaluation.calibration_error import CoveragePoint, ReliabilityBin

mpl.use("Agg")
from matplotlib import pyplot as plt


def losses(history: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Each task's loss over the steps, smoothed over fifty: `loss.png`.

    Args:
        history: log rows of the Trainer.
        out: directory of the plot.
    """
    figure, axis = plt.subplots(figsize=(7, 4))
    for kind in ("cot", "pot"):
        points = [(row["step"], row[f"{kind}_loss"]) for row in history if f"{kind}_loss" in row]
        smooth = [sum(y for _, y in points[max(0, i - 49) : i + 1]) / min(i + 1, 50) for i in range(len(points))]
        axis.plot([x for x, _ in points], smooth, label=kind)
    axis.set(xlabel="step", ylabel="mean negative log-likelihood per token", ylim=(0, None))
    axis.legend()
    _save(figure, out, "loss.png")


def memory(points: Sequence[tuple[float, float]], out: Path) -> None:
    """Peak memory over time: `memory.png`.

    Args:
        points: minutes since the start, and peak memory in GiB.
        out: directory of the plot.
    """
    figure, axis = plt.subplots(figsize=(7, 4))
    axis.plot([minutes for minutes, _ in points], [gib for _, gib in points])
    axis.set(xlabel="minutes", ylabel="peak memory, GiB", ylim=(0, None))
    _save(figure, out, "memory.png")


def learning(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Accuracy of a student in training over learned tokens: `accuracy-training-tokens.png`.

    Args:
        rows: rows of `watch.jsonl`, with `tokens`.
        out: directory of the plot.
    """
    figure, axis = plt.subplots(figsize=(7, 4))
    for name, label in (("cot", "one CoT path, T = 0"), ("pot", "one PoT path, T = 0"), ("vote", "vote")):
        axis.plot([row["tokens"] for row in rows], [row[name] for row in rows], marker="o", label=label)
    axis.set(xlabel="learned completion tokens", ylabel="accuracy", xlim=(0, None), ylim=(0, 1))
    axis.legend()
    _save(figure, out, "accuracy-training-tokens.png")


def accuracies(curves: Mapping[str, Sequence[tuple[float, float]]], label: str, out: Path, name: str) -> None:
    """Accuracy of several students over one quantity, with ticks at the first student's points.

    Args:
        curves: pairs of quantity and accuracy, by student.
        label: label of the quantity.
        out: directory of the plot.
        name: file name of the plot.
    """
    figure, axis = plt.subplots(figsize=(7, 4))
    for student, points in curves.items():
        axis.plot([x for x, _ in points], [y for _, y in points], marker="o", label=student)
    axis.set(xlabel=label, ylabel="accuracy", ylim=(0, 1), xscale="log")
    axis.set_xticks(ticks := [round(x) for x, _ in next(iter(curves.values()))], labels=map(str, ticks))
    axis.minorticks_off()
    axis.legend()
    _save(figure, out, name)


def reliability(error: float, bins: Sequence[ReliabilityBin], coverage: Sequence[CoveragePoint], out: Path) -> None:
    """Reliability diagram, and accuracy over coverage: `reliability.png`.

    Args:
        error: expected calibration error.
        bins: bins of the diagram. The area of a dot is proportional to its problems.
        coverage: accuracy at each coverage.
        out: directory of the plot.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5))
    left.plot([0, 1], [0, 1], color="grey", linestyle=":")
    left.scatter([b.confidence for b in bins], [b.accuracy for b in bins], s=[3 * b.problems for b in bins])
    left.set(xlabel="confidence", ylabel="accuracy", title=f"expected calibration error {error:.3f}")
    right.plot([point.coverage for point in coverage], [point.accuracy for point in coverage], marker="o")
    right.set(xlabel="share answered, highest confidence first", ylabel="accuracy", ylim=(0, 1))
    _save(figure, out, "reliability.png")


def _save(figure: Any, out: Path, name: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(out / name, dpi=120)
    plt.close(figure)
