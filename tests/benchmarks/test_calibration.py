"""Trust in a stock model, on its calibration's problems and on others."""

from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.calibration import figures, table
from service.evaluation.calibration_error import ErrorByChance

PERFECT = ErrorByChance(0.1, 0.2)


def votes(*found: tuple[float, bool]) -> list[Any]:
    return [SimpleNamespace(answer="1", confidence=one, right=is_right) for one, is_right in found]


def calibration(**changes: Any) -> Any:
    fields: dict[str, Any] = {
        "made_for": SimpleNamespace(model="m", prompt="qwen", cot=10, pot=9),
        "problems": 4,
        "rows": [
            *votes((0.7, True), (0.9, True), (0.6, False)),
            SimpleNamespace(answer=None, confidence=0, right=False),
        ],
        "calibration_error_before": 0.3,
        "calibration_error": 0.05,
        "calibration_error_if_perfect": PERFECT,
    }
    return SimpleNamespace(**fields | changes)


def evaluation(**changes: Any) -> Any:
    of_votes = [
        SimpleNamespace(answer=one.answer, confidence=one.confidence, right={"vote": one.right})
        for one in votes((0.8, False), (0.4, True))
    ]
    fields: dict[str, Any] = {
        "model": "m", "calibrated": True, "cut_off": 0, "n": 2, "rows": of_votes,
        "calibration_error_before": 0.25, "calibration_error": 0.125, "calibration_error_if_perfect": PERFECT,
    }  # fmt: skip
    return SimpleNamespace(**fields | changes)


def test_other_problems_stand_beside_those_of_the_calibration() -> None:
    text = table(figures(calibration(), [evaluation(), evaluation(cut_off=1)]))
    assert "m, prompt `qwen`, at most 10 + 9 paths." in text
    assert "| of the calibration, cross-fitted | 4 | 50% | 0.300 | 0.050 | 0.100 (0.200) |" in text
    assert "| others | 2 | 50% | 0.250 | 0.125 | 0.100 (0.200) |" in text
    late = "others, 1 of 2 votes ended by the deadline"
    assert f"| answers that count: right of them (95 %) | of the calibration, cross-fitted | others | {late} |" in text
    other = "0 of 1, 0% (0% to 79%)"
    assert f"| confidence at least 0.7, `likely` | 2 of 2, 100% (34% to 100%) | {other} | {other} |" in text
    assert "| confidence at least 0.9 | 1 of 1, 100% (21% to 100%) | none | none |" in text
    assert f"| the 50% with most confidence | 2 of 2, 100% (34% to 100%) | {other} | {other} |" in text


@pytest.mark.parametrize("wrong", [{"model": "other"}, {"calibrated": False}])
def test_another_evaluation_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Each evaluation must be one of m with this calibration"):
        figures(calibration(), [evaluation(), evaluation(**wrong)])


def test_an_evaluation_does_not_replace_another_one() -> None:
    with pytest.raises(ValueError, match="As many votes of two evaluations ended by the deadline"):
        figures(calibration(), [evaluation(), evaluation()])
