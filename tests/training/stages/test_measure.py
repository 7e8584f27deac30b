"""The final figures."""

from dataclasses import replace

from service.evaluation.calibration.samples import SampledPath
from service.evaluation.calibration_error import CoveragePoint
from service.solve.calibration import Calibration
from service.types import PathKind
from tests.support.samples import sampled
from training.stages.measure import measure, table

COT, POT = PathKind.COT, PathKind.POT


def test_the_test_problems_are_measured_as_calibrated() -> None:
    repaired = SampledPath(COT, -1, "", 10, "7", "8", repaired=True)
    samples = [
        replace(sampled(["7"] * 5, ["7"] * 5, number=i), id=f"{name}/{i}", gold=gold)
        for name, gold in (("a", "7"), ("b", "8"))
        for i in range(2)
    ]
    for number, path in enumerate([repaired, replace(repaired, stated="7", repaired=False)]):
        samples[number] = replace(samples[number], paths=(path, *samples[number].paths[1:]))
    found = measure(samples, 4, Calibration(threshold=0.75, confidence_map=((0.0, 0.5), (1.0, 0.5))), 10, seed=1)
    accuracies = {name: {what: row.accuracy for what, row in rows.items()} for name, rows in found.sets.items()}
    assert accuracies["a"] == {
        "one CoT path, T = 0, as stated": 0.5,
        "one CoT path, T = 0, repaired": 1.0,
        "one PoT path, T = 0": 1.0,
        "4 CoT paths": 1.0,
        "4 PoT paths": 1.0,
        "4 + 4 paths": 1.0,
        "4 + 4 paths, adaptive": 1.0,
    }
    assert set(accuracies["b"].values()) == {0.0}
    assert (found.tokens, found.tokens_fixed, found.ece) == (30.0, 120.0, 0.0)
    assert found.coverage[-1] == CoveragePoint(1.0, 0.5)
    assert "| a (2) | one CoT path, T = 0, as stated | 50.0% | 9.5% to 90.5% |" in table(found)
    for line in ("| all problems | 4 | 0.000 | 0.000 |", "| a | 2 | 0.500 | 0.500 |", "| b | 2 | 0.500 | 0.500 |"):
        assert line in table(found)  # what is too much in one set and too little in the other cancels in all
    assert "| threshold | all | a | b |" in table(found)
    assert "| 0.75 | 0.0 ± 0.0, 0.25 | 0.0 ± 0.0, 0.25 | 0.0 ± 0.0, 0.25 |" in table(found)
