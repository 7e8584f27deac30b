"""Grades by an expected answer and by a vote."""

from fractions import Fraction

import pytest

from service.errors import InputError
from service.paths.answer import Answer, parse_answer
from service.solve.calibration import Calibration
from service.solve.grading import grade_by_expected, grade_by_vote
from service.solve.problem import Solution, Timing
from service.solve.vote import Ballot, count
from service.types import GradeBasis, GradeVerdict, PathKind, Status
from tests.support.data import data_rows

LIKELY = Calibration(confidence_map=((0.0, 0.1), (0.75, 0.1), (0.76, 0.8), (1.0, 0.8)))
CORRECT, INCORRECT, UNDECIDED = GradeVerdict


def solution(*answers: str, calibration: Calibration = LIKELY) -> Solution:
    """Solution of programs with these answers."""
    ballots = [Ballot(i, PathKind.POT, _read(text)) for i, text in enumerate(answers)]
    tallies = count(ballots)
    return Solution(
        id="s",
        status=Status.ANSWERED if tallies else Status.ABSTAINED,
        answer=tallies[0].answer if tallies else None,
        confidence=calibration.confidence(tallies, len(answers)),
        calibrated=calibration.calibrated,
        votes=tallies,
        planned=len(answers),
        paths=(),
        timing=Timing(0, 0, 0, 0),
        model="m",
        seed=7,
    )


def _read(text: str) -> Answer:
    answer = parse_answer(text)
    assert answer is not None
    return answer


ROUNDED = "The response may be the answer, rounded."
CONVERTED = "The response may be the answer in another unit."


@pytest.mark.parametrize(
    ("response", "expected", "verdict", "reason"),
    [
        ("24 pastries", "24", CORRECT, ""),
        ("twenty-four", "24.0", CORRECT, ""),
        ("26", "24", INCORRECT, ""),
        ("-24", "24", INCORRECT, ""),
        ("92 - 68 = 26", "26", CORRECT, ""),  # never repaired
        ("92 - 68 = 26", "24", INCORRECT, ""),
        ("50%", "0.5", CORRECT, ""),
        ("0.5", "50 %", CORRECT, ""),
        ("50%", "50", CORRECT, ""),
        ("500 cents", "$5", CORRECT, ""),
        ("5 cents", "5 dollars", INCORRECT, ""),
        ("3.33", "10/3", CORRECT, ""),
        ("0.67", "2/3", CORRECT, ""),
        ("3.3", "10/3", UNDECIDED, ROUNDED),
        ("10/3", "3.3", UNDECIDED, ROUNDED),
        ("27", "26.67", UNDECIDED, ROUNDED),
        ("3", "10/3", INCORRECT, ""),
        ("1", "1/2", INCORRECT, ""),
        ("150 minutes", "2.5", UNDECIDED, CONVERTED),
        ("2.5 hours", "150 minutes", UNDECIDED, CONVERTED),
        ("150", "2.5", INCORRECT, ""),
        ("9", "9:00 am", CORRECT, ""),
        ("9:00 am", "9", CORRECT, ""),
        ("B", "24", UNDECIDED, "The response gives an option letter, and the answer is a number."),
        ("2:30", "2.5", UNDECIDED, "The response gives a time, a date or a ratio, and the answer is a number."),
        ("24", "no", UNDECIDED, "The response gives a number, and the answer is yes or no."),
        ("C) 26", "C", CORRECT, ""),
        ("C) 26", "26", CORRECT, ""),
        ("no", "yes", INCORRECT, ""),
        ("", "24", UNDECIDED, "No answer was read from the response: it is blank."),
        ("dunno", "24", UNDECIDED, "No answer was read from the response: no number."),
        ("24 or 26", "24", UNDECIDED, "No answer was read from the response: several values."),
    ],
)
def test_grade_by_the_expected_answer(response: str, expected: str, verdict: GradeVerdict, reason: str) -> None:
    grade = grade_by_expected(response, expected)
    assert (grade.verdict, grade.reason, grade.basis) == (verdict, reason, GradeBasis.EXPECTED)
    assert grade.answer == parse_answer(expected)
    assert grade.confidence is None


def test_the_given_answer_is_that_of_the_response() -> None:
    grade = grade_by_expected("92 - 68 = 26, so 26 more pastries", "24")
    assert (grade.given, grade.answer) == (Answer("26", Fraction(26)), Answer("24", Fraction(24)))
    assert [(step.text, step.should_be) for step in grade.steps] == [("92 - 68 = 26", "24")]


def test_the_thought_of_a_response_is_not_graded() -> None:
    grade = grade_by_expected("<think>2 + 2 = 5. The answer is 5</think>2 + 2 = 4", "4")
    assert (grade.verdict, [step.text for step in grade.steps]) == (CORRECT, ["2 + 2 = 4"])


@pytest.mark.parametrize("expected", ["", "?", "some", "24 or 26"])
def test_an_expected_answer_must_be_readable(expected: str) -> None:
    with pytest.raises(InputError, match="`expected` states no answer") as raised:
        grade_by_expected("24", expected)
    assert raised.value.field == "expected"


@pytest.mark.parametrize(
    ("response", "votes", "verdict", "reason"),
    [
        ("24 pastries", ["24"] * 4, CORRECT, ""),
        ("26", ["24"] * 4, INCORRECT, ""),
        ("26", ["24"] * 3 + ["26"], UNDECIDED, "The model is unsure of its answer."),
        ("24", ["24"] * 3 + ["26"], UNDECIDED, "The model is unsure of its answer."),
        ("24", ["24", "26"], UNDECIDED, "The model is torn between several answers."),
        ("24", [], UNDECIDED, "The model found no answer."),
        ("dunno", ["24"] * 4, UNDECIDED, "No answer was read from the response: no number."),
        ("0.28", ["28%"] * 4, CORRECT, ""),
        ("3.33", ["10/3"] * 4, CORRECT, ""),
    ],
)
def test_grade_by_a_vote(response: str, votes: list[str], verdict: GradeVerdict, reason: str) -> None:
    voted = solution(*votes)
    grade = grade_by_vote(response, voted)
    assert (grade.verdict, grade.reason, grade.basis) == (verdict, reason, GradeBasis.VOTE)
    assert (grade.answer, grade.confidence) == (voted.answer, voted.confidence)


def test_an_uncalibrated_vote_that_agrees_decides() -> None:
    assert grade_by_vote("24", solution(*["24"] * 4, calibration=Calibration())).verdict is CORRECT
    assert grade_by_vote("24", solution(*["24"] * 3, calibration=Calibration())).verdict is UNDECIDED


NOTATIONS = (
    "{n} items", "${n}.00", "{n}.0", "{twice}/2", r"\boxed{{{n}}}", "x = {n}", "Answer: {n:,} things", "{n} because {sum} - 7 = {n}",
    "First I had {sum} and then {sum} - 7 = {n}, so {n} are left.", "{sum} - 7 = {n}\n{n}",
)  # fmt: skip


def test_right_and_wrong_responses_to_public_problems() -> None:
    golds = [int(row["answer"]) for row in data_rows("svamp_train")]
    for index, gold in enumerate(golds):
        notation = NOTATIONS[index % len(NOTATIONS)]
        right, wrong = (notation.format(n=n, twice=2 * n, sum=n + 7) for n in (gold, gold + 1 + index))
        assert grade_by_expected(right, str(gold)).verdict is CORRECT, right
        assert grade_by_expected(wrong, str(gold)).verdict is INCORRECT, wrong
        slip = grade_by_expected(
            f"{index} + 5 = {index + 7}. Then {gold + 7} - 7 = {gold}. The answer is {gold}", str(gold)
        )
        assert slip.verdict is CORRECT
        assert [(step.holds, step.should_be) for step in slip.steps] == [(False, str(index + 5)), (True, None)]


def test_rationales_of_teachers_are_correct() -> None:
    golds = {row["id"]: row["answer"] for name in ("svamp_train", "gsm8k_train") for row in data_rows(name)}
    for row in [*data_rows("svamp_teacher_cot"), *data_rows("gsm8k_teacher_cot")]:
        assert grade_by_expected(row["text"], golds[row["id"]]).verdict is CORRECT, row["id"]
