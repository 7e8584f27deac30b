"""Report of a calibration: one file, plots before and after, hostile texts escaped."""

import re
from functools import cache

import pytest

from service.evaluation.calibration.calibrate import calibrate_best
from service.evaluation.calibration.content import CalibrationContent
from service.evaluation.calibration.sampling import LeftOut
from service.evaluation.html.calibration_page import calibration_page
from service.types import DEMO, DEMO_MODEL
from tests.evaluation.calibration.test_calibrate import MADE_FOR, alike, tried

HOSTILE = '</pre></details><script>alert(1)</script><img src=x onerror="alert(1)">'


@pytest.fixture(autouse=True)
def few_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.evaluation.calibration.thresholds.ORDERS", 1)


@cache
def content(right: int = 90, wrong: int = 10, split: int = 0) -> CalibrationContent:
    return calibrate_best([tried(alike(right, wrong, split))], [], seed=1)


def test_the_summary_and_the_plots() -> None:
    page = calibration_page(content(), "twinpath serve --calibration out")
    assert re.findall(r"<h3>([^<]+)</h3>", page) == [
        "Before: the agreement of the attempts",
        "After: the measured confidence",
        "Coverage: only the confident answers",
        "Confidence map",
    ]
    assert re.findall(r"<h2>([^<]+)</h2>", page) == ["What the words will mean", "When a vote stops", "Made for"]
    assert "<b>90 %</b><span>of the likely answers were right (90 of 100)</span>" in page
    assert "<b>100 %</b><span>of the problems had a likely answer</span>" in page
    assert "<b>90 %</b><span>right answers of the vote (95 % interval: 83 to 94 %)</span>" in page
    error, agreement = content().calibration_error, content().calibration_error_before
    assert (
        f"<b>{error:.3f}</b><span>calibration error; the agreement of the attempts has {agreement:.3f}</span>" in page
    )
    row = re.search(r"chosen</span></span></td><td>([^<]+)</td>", page)
    assert row is not None
    assert f"<b>{row[1]}</b><span>of the tokens of a full vote</span>" in page
    assert "100 problems · prompt p · temperature 0.7 · 3 + 3 attempts · seed 1" in page
    assert '<pre class="program">twinpath serve --calibration out</pre>' in page
    assert '0.75 <span class="chip likely">chosen</span>' in page
    assert 'class="warning"' not in page


def test_a_row_for_each_verdict() -> None:
    page = calibration_page(content(70, 10, 22), "c")
    assert '<td><span class="chip likely">Likely right</span></td><td>80</td><td>70</td><td>88 %</td>' in page
    assert '<td><span class="chip torn">Torn</span></td><td>22</td>' in page


def test_no_likely_answer_is_said_plainly() -> None:
    page = calibration_page(content(0, 30), "c")
    assert "<b>–</b><span>of the likely answers were right (0 of 0)</span>" in page
    assert "No answer will be likely: no vote reached a confidence of 0.7." in page
    assert page.count('class="warning"') == 2  # few problems, and all wrong


def test_prompts_are_compared() -> None:
    found = calibrate_best([tried(alike(20, 10), "a"), tried(alike(29, 1), HOSTILE)], [], seed=1)
    page = calibration_page(found, "c")
    assert "<h2>Prompts</h2>" in page
    assert "96.7 %" in page
    assert "<script" not in page


def test_hostile_texts_are_only_text() -> None:
    made_for = MADE_FOR.model_copy(update={"model": HOSTILE, "prompt": HOSTILE})
    found = content().model_copy(update={"made_for": made_for, "left_out": (LeftOut(HOSTILE, HOSTILE),)})
    page = calibration_page(found, f"twinpath serve --model '{HOSTILE}'")
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") >= 5


def test_the_demo_is_marked() -> None:
    made_for = MADE_FOR.model_copy(update={"model": DEMO_MODEL})
    assert DEMO in calibration_page(content().model_copy(update={"made_for": made_for}), "c")
