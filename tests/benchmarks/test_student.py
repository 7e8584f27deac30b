"""Variants of the bundled model compared with bf16."""

from typing import Any

import pytest

from benchmarks.student import figures, table, whole
from tests.support.markdown import rows


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


def test_a_row_compares_a_variant_with_bf16() -> None:
    facts = figures(
        {"bf16": [report(200, 0.2, 0.4), report(100, 0, 0)], "int8": [report(300, 0.4, 0.4), report(250, 0, 0)]}
    )
    assert facts["int8"]["tokens_per_s"] == [300.0, 250.0]
    assert facts["int8"]["against_bf16"]["cot"] == pytest.approx((0.1, 0.1959964))
    bf16, int8 = rows(table(facts))
    assert (bf16["times bf16"], int8["times bf16"]) == ("1.00 (1.00 to 1.00)", "2.00 (1.50 to 2.50)")
    assert int8["tokens/s"] == "275 (250 to 300)"
    assert [int8[name] for name in ("CoT, T = 0", "PoT, T = 0", "vote", "95 %")] == [
        "50.0%",
        "25.0%",
        "75.0%",
        "25.0% to 87.5%",
    ]
    assert int8["right of all CoT paths (points to bf16)"] == "40.0% (+10.0 ± 19.6)"
    assert int8["right of all PoT paths"] == "50.0%"


def test_variants_without_a_run_are_left_out() -> None:
    assert list(figures({"bf16": [report(200, 0.2)], "int8": []})) == ["bf16"]


def test_a_report_with_cut_off_votes_is_refused() -> None:
    assert whole({"n": 4, "cut_off": 0}) == {"n": 4, "cut_off": 0}
    with pytest.raises(SystemExit, match="3 of 4 votes took over 600 s"):
        whole({"n": 4, "cut_off": 3})
