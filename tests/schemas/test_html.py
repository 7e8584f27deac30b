"""HTML of solutions and grades: exact texts, and no tag or attribute of a model or a caller."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.schemas import GradeResponse, SolveResponse
from service.types import Verdict

SOLUTION: dict[str, Any] = SolveResponse.model_json_schema()["examples"][0]
GRADE: dict[str, Any] = GradeResponse.model_json_schema()["examples"][0] | {
    "verdict": "incorrect", "confidence": 0.72, "reason": None
}  # fmt: skip
DEMO = "Demo: scripted answers, many of them wrong. No model is running."


class Parsed(HTMLParser):
    """Tags, attributes and texts of a document."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def solution(**changes: Any) -> SolveResponse:
    return SolveResponse.model_validate(SOLUTION | changes, strict=False)


def grade(**changes: Any) -> GradeResponse:
    return GradeResponse.model_validate(GRADE | changes, strict=False)


def texts(shown: SolveResponse | GradeResponse) -> list[str]:
    return [text.strip() for text in Parsed(shown._repr_html_()).texts if text.strip()]


def colors(shown: SolveResponse | GradeResponse) -> set[str]:
    return set(re.findall("#[0-9a-f]{6}", shown._repr_html_()))


def test_a_solution_shows_verdict_votes_explanation_and_program() -> None:
    assert texts(solution()) == [
        DEMO, "The attempts agree", "21", "6 of 7 attempts agree. This confidence was never measured.",
        "21", "86 %", "3 explanations", "3 programs", "10", "14 %", "0 explanations", "1 program",
        "7 pens cost 7 * 3 = 21 dollars. The answer is 21", "pens = 7\nans = pens * 3", "→ 21",
    ]  # fmt: skip
    assert DEMO not in texts(solution(model="pens"))
    unused = SOLUTION["explanation"] | {"left_out": ["12", "30"]}
    assert texts(solution(explanation=unused))[-2:] == ["→ 21", "No program behind this answer uses 12 or 30."]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"verdict": "likely", "calibrated": True, "confidence": 0.72},
         ["Likely right", "21", "72 of 100 answers with such a vote were right on problems that the model had not seen."]),
        ({"verdict": "torn"}, ["Torn: 21 or 10?", "This confidence was never measured."]),
        ({"status": "deadline"},
         ["The attempts agree", "21", "6 of 7 attempts agree. This confidence was never measured.",
          "Time ran out after less than 0.1 s: 12 attempts were cut off."]),
        ({"verdict": "none", "answer": None},
         ["No answer", "The confidence is below the minimum of the request. Check the votes yourself, or lower the minimum."]),
        ({"verdict": "none", "answer": None, "votes": []},
         ["No answer", "No attempt had a result. Rephrase the problem with one clear question, or use a larger model."]),
    ],
    ids=["likely", "torn", "deadline", "below the minimum", "none"],
)  # fmt: skip
def test_each_verdict_has_its_words(changes: dict[str, Any], shown: list[str]) -> None:
    assert texts(solution(model="pens", **changes))[: len(shown)] == shown


def test_only_a_measured_answer_is_green() -> None:
    green = "#1a7f37"
    assert {v for v in Verdict if green in colors(solution(verdict=v, model="pens"))} == {Verdict.LIKELY}
    assert green not in colors(grade(verdict="correct", basis="vote"))
    assert green in colors(grade(verdict="correct", basis="expected", confidence=None))


def test_a_grade_shows_both_answers_and_each_equation() -> None:
    assert texts(grade()) == [
        "Incorrect", "Given: 26. Voted: 24 (confidence 0.72).", "✗ 92 - 68 = 26", "should be 24",
    ]  # fmt: skip
    undecided = grade(verdict="undecided", given=None, steps=[], reason="No answer is read.", basis="expected",
                      confidence=None)  # fmt: skip
    assert texts(undecided) == ["Undecided", "Expected: 24.", "No answer is read."]
    right = grade(steps=[{"text": "92 - 68 = 24", "holds": True, "should_be": None}], model="demo")
    assert texts(right) == [DEMO, "Incorrect", "Given: 26. Voted: 24 (confidence 0.72).", "✓ 92 - 68 = 24"]


def wild_html(wild: str) -> list[Parsed]:
    """HTML of responses with this text in every field that holds one."""
    cot = {"path": 0, "text": wild, "repaired": False}
    program = {"path": 1, "code": wild, "output": wild}
    fields = {
        "answer": wild, "explanation": {"cot": cot, "program": program}, "model": wild,
        "votes": [{"answer": wild, "cot": 1, "pot": 0}, {"answer": wild, "cot": 1, "pot": 0}],
    }  # fmt: skip
    steps = [{"text": wild, "holds": False, "should_be": wild}]
    graded = grade(answer=wild, given=wild, reason=wild, steps=steps, model=wild)
    shown = [solution(**fields), solution(**fields, verdict="torn")]
    return [Parsed(html) for html in (*(response._repr_html_() for response in shown), graded._repr_html_())]


HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=y>', "</pre></div><b id=a>", "&lt;b&amp;"]


@settings(max_examples=50)
@given(st.one_of(st.text(min_size=1), st.sampled_from(HOSTILE)))
def test_no_text_becomes_a_tag_or_an_attribute(wild: str) -> None:
    for shown, plain in zip(wild_html(wild), wild_html("x"), strict=True):
        assert (shown.tags, shown.attributes) == (plain.tags, plain.attributes)
        assert {name for name, _ in shown.attributes} == {"style"}
