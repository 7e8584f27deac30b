"""Votes, comparison and calibration over scripted samples: exact figures."""

import pytest

from service.types import PathKind
from training.calibrate import Map, best_weights, calibrate, expected_error, fit
from training.compare import Students, compare, mcnemar, table
from training.sampling import Sampled, SampledPath
from training.votes import confidence, elected, first, is_right

COT, POT = PathKind.COT, PathKind.POT


def _sampled(cot: list[str], pot: list[str], gold: str = "7", number: int = 0) -> Sampled:
    paths = [SampledPath(COT, i - 1, "", 10, answer) for i, answer in enumerate(cot)]
    paths += [SampledPath(POT, i - 1, "", 20, answer) for i, answer in enumerate(pot)]
    return Sampled(f"p{number}", gold, tuple(paths))


def test_paths_alternate_as_the_service_plans_them() -> None:
    sampled = _sampled(["1", "2", "3"], ["4", "5", "6"])
    assert [path.answer for path in first(sampled, 2, 2)] == ["2", "5", "3", "6"]
    assert [path.answer for path in sampled.of(COT, greedy=True)] == ["1"]


def test_weights_move_a_vote() -> None:
    paths = first(_sampled(["7", "8", "8"], ["7", "7", "7"]), 2, 2)
    tied = elected(paths)
    assert tied is not None
    assert not is_right(tied, "7")  # two and two, and the 8 came first
    assert is_right(elected(paths, {COT: 0.5, POT: 1.0}), "7")


def test_the_better_kind_gets_more_weight() -> None:
    samples = [_sampled(["8"] * 3, ["7"] * 3, number=i) for i in range(5)]
    assert best_weights(samples, 2) == {COT: 0.8, POT: 1.0}
    assert best_weights([_sampled(["7"] * 3, ["7"] * 3)], 2) == {COT: 1.0, POT: 1.0}


def test_isotonic_regression_pools_violators() -> None:
    points = [(0.2, False), (0.4, True), (0.6, False), (0.8, True)]
    found = fit(points)
    assert found.points == ((0.2, pytest.approx(1 / 3)), (0.4, 0.5), (0.6, 0.5), (0.8, pytest.approx(2 / 3)))
    assert found(0.5) == 0.5
    assert found(0.7) == pytest.approx(7 / 12)
    assert Map(())(0.3) == 0.3


def test_calibration_error_is_the_mean_gap() -> None:
    assert expected_error([0.95, 0.95, 0.15, 0.15], [True, False, False, False], 10) == pytest.approx(0.3)


def test_calibration_reports_what_it_found() -> None:
    samples = [_sampled(["7"] * 3, ["7"] * 3, gold="7" if i % 4 else "8", number=i) for i in range(40)]
    facts = calibrate(samples, 2, 10, seed=1)
    assert facts["accuracy"] == 0.75
    assert facts["ece"] < 0.1 < facts["ece_before"]
    assert facts["coverage"][-1] == {"coverage": 1.0, "accuracy": 0.75}
    assert confidence(first(samples[0], 2, 2)) == pytest.approx(31 / 32)


def test_mcnemars_exact_test() -> None:
    a, b = [True] * 9 + [False], [False] * 8 + [True, True]
    assert mcnemar(a, b) == {"only_first": 8, "only_second": 1, "p": pytest.approx(20 / 512)}
    assert mcnemar([True], [True])["p"] == 1.0


def test_a_comparison_is_paired_and_counts_the_same_number_of_paths() -> None:
    mixed = [_sampled(["7", "7", "8"], ["7", "7", "7"], number=i) for i in range(4)]
    cot = [_sampled(["8", "8", "7", "8", "8"], [], number=i) for i in range(4)]
    pot = [_sampled([], ["7", "7", "7", "8", "7"], number=i) for i in range(4)]
    facts = compare(Students(mixed, cot, pot), 2)
    rows = {name: row["accuracy"] for name, row in facts["rows"].items()}
    assert rows["MD, vote"] == 1.0
    assert rows["CoT student, vote"] == 0.0
    assert rows["PoT student, vote"] == 1.0
    assert rows["ensemble, vote"] == 1.0
    assert facts["tests"]["MD, vote against CoT student, vote"]["only_first"] == 4
    assert facts["curves"]["CoT student"][-1] == {"paths": 4, "accuracy": 0.0, "tokens": 40.0}
    assert "| MD, vote | 100.0% | 51.0% to 100.0% |" in table(facts)
