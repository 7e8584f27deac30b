"""Grading: a response to a problem against the answer of a vote, or against an expected answer.

Undecided comes before wrong: a response is incorrect only if its answer and the right answer are certain.
"""

from dataclasses import dataclass

from service.errors import InputError
from service.paths.answer import Answer
from service.paths.calculator.steps import Step, read_steps
from service.paths.cot import rationale_of
from service.paths.equality import is_one_amount, parse_gold
from service.paths.response import read_response
from service.solve.problem import Solution
from service.types import GradeBasis, GradeVerdict, Verdict

_TRUSTED = (Verdict.LIKELY, Verdict.AGREED)


@dataclass(frozen=True, slots=True)
class Grade:
    """Grade of a response.

    Args:
        verdict: verdict on the response.
        answer: answer that the response is compared with, or None if the vote has none.
        given: answer that the response states, or None.
        basis: source of `answer`.
        confidence: confidence of the vote, in [0, 1]. None without a vote.
        steps: checked equations of the response, in order.
        reason: reason of an undecided verdict in one sentence, else empty.
    """

    verdict: GradeVerdict
    answer: Answer | None
    given: Answer | None
    basis: GradeBasis
    confidence: float | None
    steps: tuple[Step, ...]
    reason: str = ""


def read_expected(text: str) -> Answer:
    """Expected answer that a text states.

    Raises:
        InputError: the text states no answer.
    """
    answer = parse_gold(text)
    if answer is None:
        raise InputError(
            "`expected` states no answer; give one number, a time, yes, no or an option letter.", "expected"
        )
    return answer


def grade_by_expected(response: str, expected: str) -> Grade:
    """Grade of a response by the expected answer.

    Raises:
        InputError: `expected` states no answer.
    """
    return _grade(response, read_expected(expected), GradeBasis.EXPECTED, None, "")


def grade_by_vote(response: str, solution: Solution) -> Grade:
    """Grade of a response by the vote of a solution. Only an answer that is likely or agreed decides."""
    doubt = "" if solution.verdict in _TRUSTED else _DOUBTS[solution.verdict]
    return _grade(response, solution.answer, GradeBasis.VOTE, solution.confidence, doubt)


_DOUBTS = {
    Verdict.UNSURE: "The model is unsure of its answer.",
    Verdict.TORN: "The model is torn between several answers.",
    Verdict.NONE: "The model found no answer.",
}


def _grade(response: str, answer: Answer | None, basis: GradeBasis, confidence: float | None, doubt: str) -> Grade:
    reading = read_response(response)
    given = reading.answer
    verdict, reason = GradeVerdict.UNDECIDED, doubt
    if given is None:
        reason = f"No answer was read from the response: {reading.reason}."
    elif answer is not None and not doubt:
        is_right = is_one_amount((given, answer))
        verdict = GradeVerdict.CORRECT if is_right else GradeVerdict.INCORRECT
    return Grade(verdict, answer, given, basis, confidence, read_steps(rationale_of(response)), reason)
