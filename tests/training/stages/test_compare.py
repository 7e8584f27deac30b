"""The comparison with single-kind students."""

from service.types import PathKind
from tests.support.samples import sampled
from training.stages.compare import CurvePoint, Students, compare, table

COT, POT = PathKind.COT, PathKind.POT


def test_a_comparison_is_paired_and_counts_the_same_number_of_paths() -> None:
    mixed = [sampled(["7", "7", "8"], ["7", "7", "7"], number=i) for i in range(4)]
    cot = [sampled(["8", "8", "7", "8", "8"], [], number=i) for i in range(4)]
    pot = [sampled([], ["7", "7", "7", "8", "7"], number=i) for i in range(4)]
    found = compare(Students(mixed, cot, pot), 2)
    rows = {name: row.accuracy for name, row in found.accuracies.items()}
    assert rows["MD, vote"] == 1.0
    assert rows["CoT student, vote"] == 0.0
    assert rows["PoT student, vote"] == 1.0
    assert rows["ensemble, vote"] == 1.0
    assert found.tests["MD, vote against CoT student, vote"].only_first == 4
    assert found.curves["CoT student"][-1] == CurvePoint(4, 0.0, 40.0)
    assert "| MD, vote | 100.0% | 51.0% to 100.0% |" in table(found)


def test_sampled_paths_are_compared_without_the_greedy_one() -> None:
    mixed = [sampled(["8", "7", answer], ["7", "8", "8"], number=i) for i, answer in enumerate("7788")]
    cot = [sampled(["7", "7", "8", "8", "8"], [], number=i) for i in range(4)]
    pot = [sampled([], ["8", "7", "8", "8", "8"], number=i) for i in range(4)]
    found = compare(Students(mixed, cot, pot), 2)
    assert found.paths[COT].mixed == 0.75
    assert found.paths[COT].single == 0.25
    assert "| cot | 75.0% | 25.0% | +50.0 ± 28.3 |" in table(found)
    assert "| pot | 0.0% | 25.0% | -25.0 ± 0.0 |" in table(found)
