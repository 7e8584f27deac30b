"""Words for a solution."""

from typing import Any

import pytest

from service.schemas import GradeResponse, SolveResponse, words
from service.types import Policy, Status, Verdict
from tests.support.solutions import voted

SURE, HALF = [24] * 20, [24, 24, 24, 36, None, 24, 36, 11]


@pytest.mark.parametrize(
    ("votes", "options", "headline", "meaning"),
    [
        (SURE, {"calibrated": True}, "Likely right",
         "76 of 100 answers with such a vote were right on problems that the model had not seen."),
        (HALF, {"calibrated": True}, "Unsure: check it",
         "56 of 100 answers with such a vote were right on problems that the model had not seen."),
        ([18, 48, 18, 48], {"calibrated": True}, "Torn: 18 or 48?",
         "45 of 100 answers with such a vote were right on problems that the model had not seen."),
        (SURE, {}, "The attempts agree", "4 of 4 attempts agree. This confidence was never measured."),
        ([*SURE[:7], None, 36, 24], {"policy": Policy.FIXED}, "The attempts agree",
         "8 of 9 attempts agree. This confidence was never measured."),
        (HALF, {}, "Unsure: check it", "This confidence was never measured."),
        ([18, 48, 11], {}, "Torn: 18 or 48?", "This confidence was never measured."),
    ],
)  # fmt: skip
async def test_verdict_and_confidence(votes: list[int | None], options: Any, headline: str, meaning: str) -> None:
    response = await voted(votes, **({"policy": Policy.ADAPTIVE} | options))
    assert (words.headline(response), words.meaning(response)) == (headline, meaning)


async def test_a_late_vote_says_that_its_confidence_is_less_exact() -> None:
    assert words.meaning(await voted(SURE, ends=[0, 1, 2], calibrated=True)) == (
        "72 of 100 answers with such a vote were right on problems that the model had not seen. "
        "Those votes were complete, so this figure is less exact."
    )
    assert words.meaning(await voted(SURE, ends=[0, 1, 2])) == "This confidence was never measured."


def test_every_verdict_has_words() -> None:
    assert set(words.VERDICTS) == set(words.COLORS) == set(Verdict)
    assert [verdict for verdict, color in words.COLORS.items() if color == "green"] == [Verdict.LIKELY]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("How many?", ""),
        ("12 of them", "No program behind this answer uses 12."),
        ("12 of 36", "No program behind this answer uses 12 or 36."),
        ("12 of 1,300 with 7.5", "No program behind this answer uses 12, 1,300 or 7.5."),
        ("2 3 4 5 6 7 8".replace(" ", " and "), "No program behind this answer uses 2, 3, 4, 5, 6 or others."),
        ("24 of them", ""),
    ],
)
@pytest.mark.parametrize("calibrated", [False, True])
async def test_numbers_that_no_program_uses(text: str, sentence: str, calibrated: bool) -> None:
    assert words.left_out(await voted(SURE, calibrated=calibrated, text=text)) == sentence
    assert words.left_out(await voted([24], text=text)) == ""  # no program votes


async def test_advice_without_an_answer() -> None:
    nothing = await voted([None, None], calibrated=True)
    assert words.headline(nothing) == "No answer"
    assert words.advice(nothing, 0.0) == (
        "No attempt had a result. Rephrase the problem with one clear question, or use a larger model."
    )
    late = await voted([1, 1], ends=[], deadline_s=0.01)
    assert words.advice(late, 0.0) == ("No attempt had a result in time. Give it more time, or ask for fewer attempts.")
    refused = await voted([1, 1], min_confidence=0.9)
    assert words.headline(refused) == "No answer"
    assert words.advice(refused, 0.9) == (
        "The confidence of 0.875 is below your minimum of 0.9. Check the votes yourself, or lower the minimum."
    )


async def test_only_a_late_response_says_that_time_ran_out() -> None:
    assert words.cut_off(await voted([1, 1], deadline_s=30), 30) == ""
    late = await voted([1, None, 1, 1, 1], ends=[0, 1])
    assert (late.status, late.paths.voted, late.paths.abstained) == (Status.DEADLINE, 1, 1)

    def after(total_s: float, limit_s: float | None) -> str:
        return words.cut_off(
            late.model_copy(update={"timing": late.timing.model_copy(update={"total_s": total_s})}), limit_s
        )

    assert after(30.18, 30) == "Time ran out after 30 s: 3 attempts were cut off."
    assert after(30.18, None) == "Time ran out after 30 s: 3 attempts were cut off."
    assert after(2.18, 2) == "Time ran out after 2 s: 3 attempts were cut off."
    assert after(4.2, 30) == "Time ran out after 4.2 s: 3 attempts were cut off."  # the service shut down
    one = await voted([1, 1], ends=[0])
    assert words.cut_off(one, 7).endswith(": 1 attempt was cut off.")


async def test_savings_are_said_only_if_there_are_some() -> None:
    def saving(response: SolveResponse, tokens: int) -> str:
        usage = response.usage.model_copy(update={"saved_tokens": tokens})
        return words.savings(response.model_copy(update={"usage": usage}))

    response = await voted([1, 1])
    assert [saving(response, tokens) for tokens in (0, 1, 1280)] == [
        "", "Stopping early saved about 1 token.", "Stopping early saved about 1,280 tokens.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said", "color"),
    [
        ({}, "Given: 26. Voted: 24 (confidence 0.72).", "amber"),
        ({"given": None, "verdict": "undecided"}, "Voted: 24 (confidence 0.72).", "grey"),
        ({"answer": None, "verdict": "undecided", "confidence": 0.0}, "Given: 26.", "grey"),
        ({"given": "24", "verdict": "correct"}, "Given: 24. Voted: 24 (confidence 0.72).", "blue"),
        ({"basis": "expected", "confidence": None}, "Given: 26. Expected: 24.", "red"),
        ({"basis": "expected", "confidence": None, "given": "24", "verdict": "correct"},
         "Given: 24. Expected: 24.", "green"),
    ],
)  # fmt: skip
def test_a_grade_compares_two_answers(changes: dict[str, Any], said: str, color: str) -> None:
    fields = {"verdict": "incorrect", "answer": "24", "given": "26", "basis": "vote", "confidence": 0.72,
              "steps": [], "reason": None, "id": "g", "model": "m"} | changes  # fmt: skip
    grade = GradeResponse.model_validate(fields, strict=False)
    assert (words.comparison(grade), words.grade_color(grade)) == (said, color)


@pytest.mark.parametrize(
    ("part", "whole", "rounded"), [(0.725, 1, 73), (0.7249, 1, 72), (1, 3, 33), (1, 8, 13), (0, 5, 0), (5, 5, 100)]
)
def test_percentages_are_rounded_half_up(part: float, whole: float, rounded: int) -> None:
    assert words.percent(part, whole) == rounded


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, "less than 0.1 s"), (0.049, "less than 0.1 s"), (0.05, "0.1 s"), (1.64, "1.6 s"), (9.949, "9.9 s"), (9.95, "10 s"),
     (30.2, "30 s"), (2, "2 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (130, "2 min 10 s"), (3900.4, "1 h 5 min"), (90061, "25 h 1 min")],
)  # fmt: skip
def test_durations(value: float, written: str) -> None:
    assert words.duration(value) == written
