"""Metadata of an exported checkpoint."""

import pytest

from service.evaluation.calibration.fit import MIN_PROBLEMS
from service.model.metadata import CheckpointMetadata
from tests.support.samples import sampled
from training.stages.calibrate import best_temperature
from training.stages.export import with_results

PLAIN = CheckpointMetadata(format_version=1, base_model="tiny")


def test_the_metadata_states_the_limits_of_the_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.evaluation.calibration.thresholds.ORDERS", 2)
    samples = [sampled(["7"] * 5, ["7"] * 5, number=i) for i in range(MIN_PROBLEMS)]
    found = best_temperature({0.5: samples}, 4, 10, seed=1)
    whole = with_results(PLAIN, {"dataset": "1f"}, found, 24, None)
    assert (whole.decoding.temperature, whole.max_tokens) == (0.5, 24)
    assert (whole.calibration, whole.data) == (found.report.calibration, {"dataset": "1f"})
    assert "max_tokens" in whole.model_dump()
    plain = with_results(PLAIN, {}, None, 24, None)
    assert (plain, plain.max_tokens) == (PLAIN, 320)
    assert "max_tokens" not in plain.model_dump()
