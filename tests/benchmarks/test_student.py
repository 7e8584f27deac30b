"""A variant's sampled paths against bf16's, by hand."""

from typing import Any

import pytest

from benchmarks.student import difference, figures, table


def report(tokens_per_s: float, *cot: float) -> dict[str, Any]:
    """A report of `twinpath evaluate` with these shares of right CoT paths and half of the PoT paths right."""
    rows = [{"paths_right": {"cot": share, "pot": 0.5}} for share in cot]
    return {
        "n": len(cot),
        "accuracy": {"cot_greedy": 0.5, "pot_greedy": 0.25, "vote": 0.75},
        "interval": {"vote": (0.25, 0.875)},
        "paths_right": {"cot": sum(cot) / len(cot), "pot": 0.5},
        "completion_tokens_per_problem": tokens_per_s,
        "seconds": float(len(cot)),
        "rows": rows,
    }


def test_the_difference_is_paired_by_problem() -> None:
    bf16, int8 = report(100, 0.2, 0.4, 0.9, 1.0)["rows"], report(100, 0.1, 0.3, 0.8, 0.9)["rows"]
    assert difference(int8, bf16, "cot") == pytest.approx((-0.1, 0.0))  # a tenth in each: no chance is in it
    assert difference(int8, bf16, "pot") == (0.0, 0.0)
    apart = report(100, 0.6, 0.4, 0.9, 1.0)["rows"]
    assert difference(apart, bf16, "cot") == pytest.approx((0.1, 1.96 * 0.2 / 2))


def test_the_table_has_each_variants_speed_and_accuracy_to_bf16s() -> None:
    facts = figures({"bf16": [report(200, 0.2, 0.4), report(100, 0, 0)], "int8": [report(300, 0.4, 0.4)] * 2})
    lines = table(facts).splitlines()
    assert lines[2:] == [
        "| bf16 | 150 (100 to 200) | 1.00 | 50.0% | 25.0% | 75.0% | 25.0% to 87.5% | 30.0% | 50.0% |",
        "| int8 | 300 (300 to 300) | 2.00 | 50.0% | 25.0% | 75.0% | 25.0% to 87.5% | 40.0% (+10.0 ± 19.6) | 50.0% |",
    ]
