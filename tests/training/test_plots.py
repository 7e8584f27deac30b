"""Plots: axes that fit the data, and labels beside the curves."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evaluation.calibration_error import CoveragePoint, ReliabilityBin
from training import plots


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Figures that were saved."""
    found: list[Any] = []
    save = plots._save

    def keep(figure: Any, out: Path, name: str) -> None:
        found.append(figure)
        save(figure, out, name)

    monkeypatch.setattr(plots, "_save", keep)
    return found


def _labels(axis: Any) -> dict[str, float]:
    return {text.get_text(): round(text.get_position()[1], 3) for text in axis.texts}


def test_the_loss_of_each_kind(drawn: list[Any], tmp_path: Path) -> None:
    history = [{"step": n, "cot_loss": 0.5 - n / 1000, "pot_loss": 0.3 - n / 1000} for n in range(1, 51)]
    plots.losses(history, tmp_path)
    (axis,) = drawn[0].axes
    assert (tmp_path / "loss.png").stat().st_size > 10_000
    assert axis.get_title(loc="left") == "Loss of each kind"
    assert list(_labels(axis)) == ["CoT 0.451", "PoT 0.251"]
    low, high = axis.get_ylim()
    assert 0.22 < low < 0.25 < 0.499 < high < 0.52
    assert axis.get_legend() is None
    bold = [line.get_color() for line in axis.lines if line.get_linewidth() == 2]
    assert bold == [plots.COLORS["cot"], plots.COLORS["pot"]]


def test_a_training_of_one_kind_or_without_steps(drawn: list[Any], tmp_path: Path) -> None:
    plots.losses([{"step": 1, "pot_loss": 2.0}], tmp_path)
    plots.losses([], tmp_path)
    assert [list(_labels(figure.axes[0])) for figure in drawn] == [["PoT 2"], []]


def test_a_loss_that_is_not_finite_ends_no_training(drawn: list[Any], tmp_path: Path) -> None:
    losses = [6.0, float("inf"), float("nan"), 5.5, 1e38]
    for kind in ("cot", "pot"):
        plots.losses([{"step": step, f"{kind}_loss": loss} for step, loss in enumerate(losses)], tmp_path)
    plots.losses([{"step": 1, "cot_loss": float("nan")}], tmp_path)
    plots.losses([{"step": 1, "cot_loss": 1e20}], tmp_path)  # an axis of one great value
    assert [list(_labels(figure.axes[0])) for figure in drawn] == [["CoT 1e+38"], ["PoT 1e+38"], [], ["CoT 1e+20"]]


def test_accuracy_during_training(drawn: list[Any], tmp_path: Path) -> None:
    rows = [{"tokens": 1000 * n, "cot": 0.1 * n, "pot": 0.12 * n, "vote": 0.15 * n} for n in (1, 2)]
    plots.learning(rows, tmp_path)
    (axis,) = drawn[0].axes
    assert list(_labels(axis)) == ["one CoT path", "one PoT path", "vote"]
    assert axis.get_ylim() == pytest.approx((0.09, 0.31))
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["10 %", "15 %", "20 %", "25 %", "30 %"]
    assert axis.get_xlim() == pytest.approx((0, 2100))


def test_students_that_end_alike_keep_their_labels_apart(drawn: list[Any], tmp_path: Path) -> None:
    curves = {name: [(2, 0.4), (4, 0.7)] for name in ("MD", "CoT student", "PoT student", "ensemble")}
    plots.accuracies(curves, "paths in the vote", tmp_path, "accuracy-paths.png")
    places = sorted(_labels(drawn[0].axes[0]).values())
    assert all(upper - lower >= 0.054 for lower, upper in itertools.pairwise(places))
    assert (tmp_path / "accuracy-paths.png").is_file()


def test_reliability_and_coverage(drawn: list[Any], tmp_path: Path) -> None:
    bins = [ReliabilityBin(0.3, 0.25, 8), ReliabilityBin(0.9, 1.0, 20)]
    plots.reliability(0.034, bins, [CoveragePoint(0.5, 0.9), CoveragePoint(1.0, 0.8)], tmp_path)
    left, right = drawn[0].axes
    assert left.get_title(loc="left") == "Reliability: calibration error 0.034"
    assert (left.get_xlim(), left.get_ylim()) == ((0, 1), (0, 1))
    assert right.get_ylim() == pytest.approx((0.795, 0.905))
    assert (tmp_path / "reliability.png").is_file()


def test_memory_names_its_device(drawn: list[Any], tmp_path: Path) -> None:
    plots.memory([(0.5, 3.25), (1.0, 4.5)], tmp_path, "NVIDIA H200")
    plots.memory([], tmp_path)
    assert [figure.axes[0].get_title(loc="left") for figure in drawn] == [
        "Peak memory (NVIDIA H200)",
        "Peak memory (process)",
    ]
    assert drawn[0].axes[0].get_ylim() == pytest.approx((0, 4.725))


@given(st.lists(st.floats(0, 1), max_size=6))
def test_labels_keep_their_order_and_distance(places: list[float]) -> None:
    moved = plots.spread(places, 0.06)
    order = sorted(range(len(places)), key=lambda index: places[index])
    ordered = [moved[index] for index in order]
    assert all(upper - lower >= 0.06 - 1e-9 for lower, upper in itertools.pairwise(ordered))
    assert max(moved, default=0) <= 1 + 1e-9
