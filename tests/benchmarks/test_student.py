"""A variant's sampled paths beside bf16's, by hand."""

from typing import Any

import pytest

from benchmarks.student import figures, table, whole


def report(tokens_per_s: float, *cot: float) -> dict[str, Any]:
    """A report of `twinpath evaluate` with these shares of right CoT paths and half of the PoT paths right."""
    return {
        "n": len(cot),
        "accuracy": {"cot_greedy": 0.5, "pot_greedy": 0.25, "vote": 0.75},
        "interval": {"vote": (0.25, 0.875)},
        "paths_right": {"cot": sum(cot) / len(cot), "pot": 0.5},
        "completion_tokens_per_problem": tokens_per_s,
        "seconds": float(len(cot)),
        "rows": [{"paths_right": {"cot": share, "pot": 0.5}} for share in cot],
    }


def test_the_table_has_each_variants_speed_and_accuracy_beside_bf16s() -> None:
    facts = figures(
        {"bf16": [report(200, 0.2, 0.4), report(100, 0, 0)], "int8": [report(300, 0.4, 0.4), report(250, 0, 0)]}
    )
    lines = table(facts).splitlines()
    assert lines[2:] == [
        "| bf16 | 150 (100 to 200) | 1.00 (1.00 to 1.00) | 50.0% | 25.0% | 75.0% | 25.0% to 87.5% | 30.0% | 50.0% |",
        "| int8 | 275 (250 to 300) | 2.00 (1.50 to 2.50) | 50.0% | 25.0% | 75.0% | 25.0% to 87.5% | 40.0% (+10.0 ± 19.6) | 50.0% |",
    ]


def test_variants_that_are_still_to_be_measured_are_left_out() -> None:
    assert list(figures({"bf16": [report(200, 0.2)], "int8": []})) == ["bf16"]


def test_a_report_with_votes_that_the_deadline_cut_off_is_none_of_a_variant() -> None:
    assert whole({"n": 4, "cut_off": 0}) == {"n": 4, "cut_off": 0}
    with pytest.raises(SystemExit, match="3 of 4 votes took over 600 s"):
        whole({"n": 4, "cut_off": 3})
