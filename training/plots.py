"""Plots as PNG files: losses, memory, accuracies and reliability. They are outside of every hash."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from service.evaluation.calibration_error import CoveragePoint, ReliabilityBin
from service.evaluation.html.chart import Axis
from service.evaluation.statistics import wilson
from training.curves import loss_axis, losses_by_kind, smoothed

mpl.use("Agg")
import itertools

from matplotlib import pyplot as plt

INK, SOFT, LINE = "#1c2430", "#5a6472", "#e3e1da"
COLORS = {
    "cot": "#2b62b8",
    "pot": "#a8561a",
    "vote": INK,
    "MD": INK,
    "CoT student": "#2b62b8",
    "PoT student": "#a8561a",
    "ensemble": "#7a4fa3",
}
"""Color of each curve. Both kinds have those of the web page."""
STYLE = {
    "figure.figsize": (7.2, 4.2),
    "figure.dpi": 120,
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlepad": 12,
    "grid.color": LINE,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "ytick.left": False,
    "lines.linewidth": 2,
    "lines.markersize": 5,
}
"""Style of all plots."""
mpl.rcParams.update(STYLE)

_KINDS = {"cot": "CoT", "pot": "PoT"}
_LABEL_GAP = 0.055
"""Least distance of two labels, as a share of the axis."""

Curve = Sequence[tuple[float, float]]


def losses(history: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Each kind's loss over the steps, and its moving mean: `loss.png`.

    Args:
        history: log rows of the Trainer.
        out: directory of the plot.
    """
    raw = losses_by_kind(history)
    means = {kind: smoothed(points) for kind, points in raw.items()}
    figure, axis = plt.subplots()
    for kind, points in raw.items():
        axis.plot(*_columns(points), color=COLORS[kind], linewidth=0.8, alpha=0.25)
    labels = {kind: f"{_KINDS[kind]} {points[-1][1]:.3g}" for kind, points in means.items()}
    if raw:
        _curves(axis, means, labels, loss_axis(raw.values(), ""))
    axis.set(title="Loss of each kind", xlabel="step", ylabel="negative log-likelihood per token")
    _save(figure, out, "loss.png")


def memory(points: Curve, out: Path, device: str = "process") -> None:
    """Peak memory over time: `memory.png`.

    Args:
        points: minutes since the start, and peak memory in GiB.
        out: directory of the plot.
        device: owner of the memory: `process`, or the name of a GPU.
    """
    figure, axis = plt.subplots()
    if points:
        fitted = Axis.fitted("", [gib for _, gib in points], from_zero=True)
        _curves(axis, {"vote": points}, {"vote": f"{points[-1][1]:.1f} GiB"}, fitted)
    axis.set(title=f"Peak memory ({device})", xlabel="minutes", ylabel="GiB")
    _save(figure, out, "memory.png")


def learning(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Accuracy of a student in training over learned tokens: `accuracy-training-tokens.png`.

    Args:
        rows: rows of `watch.jsonl`, with `tokens`.
        out: directory of the plot.
    """
    names = {"cot": "one CoT path", "pot": "one PoT path", "vote": "vote"}
    figure, axis = plt.subplots()
    curves = {name: [(row["tokens"], row[name]) for row in rows if name in row] for name in names}
    _curves(axis, curves, names, _shares(curves), marker="o")
    axis.set(title="Accuracy on dev problems during training", xlabel="learned completion tokens", ylabel="right")
    _save(figure, out, "accuracy-training-tokens.png")


def accuracies(curves: Mapping[str, Curve], label: str, out: Path, name: str) -> None:
    """Accuracy of several students over one quantity.

    Args:
        curves: pairs of quantity and accuracy, by student.
        label: label of the quantity.
        out: directory of the plot.
        name: file name of the plot.
    """
    figure, axis = plt.subplots()
    _curves(axis, curves, {student: student for student in curves}, _shares(curves), marker="o")
    axis.set(title="Accuracy of the votes", xlabel=label, ylabel="right")
    _save(figure, out, name)


def reliability(error: float, bins: Sequence[ReliabilityBin], coverage: Sequence[CoveragePoint], out: Path) -> None:
    """Reliability diagram with 95 % intervals, and accuracy over coverage: `reliability.png`.

    Args:
        error: expected calibration error.
        bins: bins of the diagram. The area of a dot is proportional to its problems.
        coverage: accuracy at each coverage.
        out: directory of the plot.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.4))
    left.plot([0, 1], [0, 1], color=SOFT, linestyle=(0, (4, 4)), linewidth=1)
    most = max((one.problems for one in bins), default=1)
    for one in bins:
        ends = wilson(round(one.accuracy * one.problems), one.problems)
        left.plot([one.confidence] * 2, ends, color=INK, linewidth=1, alpha=0.5)
        left.scatter(one.confidence, one.accuracy, s=20 + 180 * one.problems / most, color=INK, zorder=3, clip_on=False)
    left.set(title=f"Reliability: calibration error {error:.3f}", xlabel="confidence", ylabel="right")
    whole = Axis("", 0, 1, 0.2, is_share=True)
    _fit(left.xaxis, whole)
    _fit(left.yaxis, whole)
    curves = {"vote": [(point.coverage, point.accuracy) for point in coverage]}
    _curves(right, curves, {}, _shares(curves), marker="o")
    _fit(right.xaxis, whole)
    right.set(title="Accuracy of the most confident answers", xlabel="share answered", ylabel="right")
    _save(figure, out, "reliability.png")


def _curves(axes: Any, curves: Mapping[str, Curve], labels: Mapping[str, str], y: Axis, marker: str = "") -> None:
    """Draw curves on fitted axes, the horizontal one from zero, and write each label beside the end of its curve."""
    drawn = {name: points for name, points in curves.items() if points}
    for name, points in drawn.items():
        axes.plot(*_columns(points), color=COLORS[name], marker=marker, clip_on=False)
    _fit(axes.yaxis, y)
    _fit(axes.xaxis, Axis.fitted("", [x for points in drawn.values() for x, _ in points] or [0.0], from_zero=True))
    labeled = [name for name in labels if name in drawn]
    places = spread([y.share(drawn[name][-1][1]) for name in labeled], _LABEL_GAP)
    for name, place in zip(labeled, places, strict=True):
        axes.text(1.02, place, labels[name], color=COLORS[name], transform=axes.transAxes, va="center", weight="bold")


def _fit(side: Any, fitted: Axis) -> None:
    """Give an axis of matplotlib the ends and ticks of a fitted one."""
    side.set_view_interval(fitted.low, fitted.high, ignore=True)
    side.set_ticks(fitted.ticks, labels=[fitted.text(tick) for tick in fitted.ticks])


def _shares(curves: Mapping[str, Curve]) -> Axis:
    return Axis.fitted("", [y for points in curves.values() for _, y in points] or [0.0], is_share=True)


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Places moved apart until neighbours have a distance of `gap`, in their order.

    Args:
        places: places on an axis, in [0, 1].
        gap: least distance of two places.
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    for lower, upper in itertools.pairwise(order):
        moved[upper] = max(moved[upper], moved[lower] + gap)
    above = max(0.0, max(moved, default=0.0) - 1)
    for index in order:
        moved[index] -= above
    return moved


def _columns(points: Curve) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _save(figure: Any, out: Path, name: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(out / name)
    plt.close(figure)
