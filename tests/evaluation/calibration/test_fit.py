"""The fit on scripted samples: exact figures."""

from dataclasses import replace

import pytest

from service.evaluation.calibration.confidence import fit
from service.evaluation.calibration.fit import MIN_PROBLEMS, CalibrationReport, calibrate
from service.evaluation.calibration.observed import NumberUse, observed
from service.evaluation.calibration.replay import UNCALIBRATED
from service.evaluation.calibration.samples import Sampled
from service.evaluation.calibration.thresholds import StopCost, ThresholdCost, best_threshold, threshold_costs
from service.evaluation.calibration_error import CoveragePoint
from service.solve.calibration import interpolate
from service.types import PathKind, Policy
from tests.support.samples import sampled


def calibrated(samples: list[Sampled], paths: int) -> CalibrationReport:
    return calibrate(samples, paths, bins=10, seed=1).report


def _threshold(samples: list[Sampled], paths: int) -> float:
    return best_threshold(threshold_costs(samples, paths, seed=1)).threshold


def test_the_threshold_is_the_lowest_that_loses_nothing() -> None:
    sure = [sampled(["7"] * 11, ["7"] * 11, number=i) for i in range(9)]
    assert _threshold(sure, 10) == 0.75
    # Two of two are sure enough at 0.85; two of the five 7s and three 8s are both 8 once in eight orders.
    torn = sampled(["", "8", "7", "7", "7"], ["", "8", "7", "7", "8"])
    assert _threshold([*sure, torn], 4) == 0.9


def test_the_threshold_is_that_of_many_orders() -> None:
    """One early mistake of one order does not show the cost of a threshold."""
    unlucky = sampled(["", *"8777777777"], ["", *"8777777777"])  # the recorded order stops at two 8s of twenty
    sure = [sampled(["7"] * 11, ["7"] * 11, number=i) for i in range(19)]
    assert _threshold([*sure, unlucky], 10) == 0.75


def _cost(threshold: float, risk: float, tokens: float) -> ThresholdCost:
    return ThresholdCost(threshold, StopCost(0.0, 0.0, tokens), {}, risk)


def test_a_threshold_that_may_lose_is_not_chosen_for_its_mean() -> None:
    safe, cheap = _cost(0.95, 0.0, 0.8), _cost(0.9, 0.012, 0.5)
    assert best_threshold([safe, cheap]) == safe
    assert best_threshold([safe, replace(cheap, risk=0.004)]).cost.tokens == 0.5
    assert best_threshold([cheap, replace(safe, risk=0.1)]) == cheap  # none is sure: the one of the lowest risk


def test_a_threshold_must_hold_in_every_set_of_problems() -> None:
    """Sets that lose nothing must not hide one that does, nor one in which stopping early was lucky."""
    sure = [replace(sampled(["7"] * 11, ["7"] * 11), id=f"easy/{i}") for i in range(30)]
    torn = replace(sampled(["", "8", "7", "7", "7"], ["", "8", "7", "7", "8"]), id="hard/0")
    lucky = replace(sampled(["", "7", "8", "8", "8"], ["", "7", "8", "8", "7"]), id="lucky/0")
    first, *_ = threshold_costs([*sure, torn, lucky], 4, seed=1)
    assert abs(first.cost.lost) < 0.01
    assert first.sets["easy"].lost == 0.0
    assert first.sets["hard"].lost == -first.sets["lucky"].lost > 0.05
    assert first.risk == pytest.approx(1 / 8, abs=0.08)
    beside = replace(sampled(["7"] * 5, ["7"] * 5), id="lucky/1")
    row = threshold_costs([lucky, beside], 4, seed=1)[0]
    assert row.cost.lost < 0
    assert row.risk == pytest.approx(row.cost.error)


def test_what_each_threshold_costs() -> None:
    sure = [sampled(["7"] * 5, ["7"] * 5, number=i) for i in range(2)]
    costs = threshold_costs(sure, 4, seed=1)
    assert [row.threshold for row in costs] == [0.75, 0.8, 0.85, 0.9, 0.95]
    assert costs[0].cost == StopCost(0.0, 0.0, 0.25)  # one path of each kind, of four
    assert costs[-1].cost == StopCost(0.0, 0.0, 0.5)  # two of each kind
    torn = sampled(["", "8", "7", "7", "7"], ["", "8", "7", "7", "8"])
    cost = threshold_costs([*sure, torn], 4, seed=1)[0].cost
    assert cost.lost == pytest.approx(1 / 8 / 3, abs=0.03)
    assert cost.error == pytest.approx(cost.lost)  # only one of three problems loses


@pytest.fixture
def few_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """For problems on which all orders agree."""
    monkeypatch.setattr("service.evaluation.calibration.thresholds.ORDERS", 2)


@pytest.mark.usefixtures("few_orders")
def test_few_problems_teach_no_threshold() -> None:
    """A student that is never right loses nothing by stopping early. Few problems do not show that."""
    lost = [sampled(["8"] * 5, ["8"] * 5, number=i) for i in range(MIN_PROBLEMS)]
    assert calibrated(lost, 4).calibration.threshold == 0.75
    assert calibrated(lost[1:], 4).calibration.threshold == 0.95


def test_the_vote_share_is_seen_where_a_policy_stops() -> None:
    samples = [sampled(["7"] * 11, ["7"] * 11)]
    assert observed(samples, 10, Policy.ADAPTIVE, UNCALIBRATED) == [(5 / 6, True, None)]
    assert observed(samples, 10, Policy.FIXED, UNCALIBRATED) == [(21 / 22, True, None)]
    assert observed([sampled([], [])], 10, Policy.FIXED, UNCALIBRATED) == [(0.0, False, None)]


def test_a_student_that_never_voted_gets_a_confidence_map() -> None:
    assert interpolate(fit([(0.0, False)] * 5), 0.5) == pytest.approx(1 / 2)
    found = calibrated([sampled([], [], number=i) for i in range(10)], 2)
    assert (found.accuracy, found.calibration.calibrated) == (0.0, True)


@pytest.mark.usefixtures("few_orders")
def test_calibration_reports_what_it_found() -> None:
    samples = [sampled(["7"] * 3, ["7"] * 3, gold="7" if i % 4 else "8", number=i) for i in range(200)]
    found = calibrated(samples, 2)
    assert found.accuracy == 0.75
    assert found.ece < 0.1 < found.ece_before
    assert found.coverage[-1] == CoveragePoint(1.0, 0.75)


def _with_programs(program: str, gold: str, number: int) -> Sampled:
    """Three of each kind agree on 7 for a problem with the numbers 3 and 4."""
    plain = sampled(["7"] * 3, ["7"] * 3, gold=gold, number=number)
    paths = tuple(replace(path, text=program if path.kind is PathKind.POT else "") for path in plain.paths)
    return replace(plain, paths=paths, question="She had 3 eggs, and then 4 more.")


@pytest.mark.usefixtures("few_orders")
def test_the_use_of_numbers_shifts_the_confidence() -> None:
    """One map for both: half of all answers are right. With every number nine in ten are, without one in ten."""
    samples = [_with_programs("ans = 3 + 4", "7" if i % 10 else "8", i) for i in range(100)]
    samples += [_with_programs("# 3 and 4\nans = 7", "8" if i % 10 else "7", 100 + i) for i in range(100)]
    found = calibrated(samples, 2)
    assert found.number_use == NumberUse(100, 0.9, 100, 0.1)
    calibration = found.calibration
    assert calibration.all_numbers_shift == pytest.approx(-calibration.left_out_shift, abs=0.01)
    assert calibration.shifted(5 / 6, None) == pytest.approx(0.5, abs=0.01)
    assert calibration.shifted(5 / 6, uses_all=True) == pytest.approx(
        0.83, abs=0.01
    )  # the ridge holds it back from 0.9
    assert found.ece < 0.1
    forgotten = calibrated([replace(one, question="") for one in samples], 2)
    assert (forgotten.calibration.all_numbers_shift, forgotten.calibration.left_out_shift) == (0.0, 0.0)
    assert forgotten.number_use == NumberUse(0, 0.0, 0, 0.0)


def test_the_confidence_is_that_of_many_orders() -> None:
    """Four recorded paths agree at once. In most other orders they do not, and in some a wrong one leads."""
    samples = [sampled(["", *"77888"], ["", *"77788"], number=i) for i in range(20)]
    recorded = fit(
        [
            point.observed
            for policy in (Policy.ADAPTIVE, Policy.FIXED)
            for point in observed(samples, 5, policy, UNCALIBRATED)
        ]
    )
    found = calibrated(samples, 5).calibration.confidence_map
    assert interpolate(recorded, 5 / 6) > 0.9
    assert interpolate(found, 5 / 6) < 0.85
