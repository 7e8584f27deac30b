"""The best of several temperatures."""

from pathlib import Path

import pytest

from service.evaluation.calibration.fit import MIN_PROBLEMS
from tests.support.samples import sampled
from training.stages.calibrate import BestCalibration, best_temperature


def test_the_best_temperature_is_right_most_often_and_then_the_cheapest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.evaluation.calibration.thresholds.ORDERS", 2)  # all orders agree
    sure = [sampled(["7"] * 5, ["7"] * 5, number=i) for i in range(MIN_PROBLEMS)]
    torn = [sampled(["7", "7", "8", "7", "7"], ["7", "8", "7", "7", "7"], number=i) for i in range(MIN_PROBLEMS)]
    wrong = [sampled(["8"] * 5, ["8"] * 5, number=i) for i in range(MIN_PROBLEMS)]
    found = best_temperature({0.3: wrong, 0.5: torn, 0.7: sure}, 4, 10, seed=1)
    assert found.temperature == 0.7
    assert [row.accuracy_fixed for row in found.temperatures] == [0.0, 1.0, 1.0]
    assert found.report.tokens == 30.0  # one path of each kind
    assert found.report.tokens_fixed == 120.0
    found.write(tmp_path / "calibration.json")
    assert BestCalibration.read(tmp_path / "calibration.json") == found
