"""Grading: comparison of a response with the right answer.

The right answer is the expected one, or that of a vote.
Undecided comes before wrong: a response is incorrect only if its answer and the right answer are certain.
"""

from dataclasses import dataclass, replace

from service.errors import InputError
from service.paths.answer import Answer
from service.paths.calculator.steps import Step, read_steps
from service.paths.cot import rationale_of
from service.paths.equality import parse_gold
from service.solve.comparison import Comparison, compare
from service.solve.problem import Solution
from service.types import GradeBasis, GradeVerdict, Verdict


@dataclass(frozen=True, slots=True)
class Grade:
    """Grade of a response.

    Args:
        verdict: verdict on the response.
        answer: answer that the response is compared with, or None if the vote has none.
        given: answer that the response states, or None.
        basis: source of `answer`.
        confidence: confidence of the vote, in [0, 1]. None without a vote.
        calibrated: whether `confidence` is calibrated. None without a vote.
        steps: checked equations of the response, in order.
        reason: reason of an undecided verdict in one sentence, else empty.
    """

    verdict: GradeVerdict
    answer: Answer | None
    given: Answer | None
    basis: GradeBasis
    confidence: float | None
    calibrated: bool | None
    steps: tuple[Step, ...]
    reason: str = ""


def grade_by_expected(response: str, expected: str) -> Grade:
    """Grade of a response by the expected answer.

    Raises:
        InputError: `expected` states no answer.
    """
    answer = parse_gold(expected)
    if answer is None:
        raise InputError(
            "`expected` states no answer; give one number, a time, yes, no or an option letter.", "expected"
        )
    comparison = compare(response, answer, expected)
    return _grade(response, comparison, answer, GradeBasis.EXPECTED)


def grade_by_vote(response: str, solution: Solution) -> Grade:
    """Grade of a response by the vote of a solution. Only an answer that is likely or agreed decides."""
    answer = solution.answer
    comparison = compare(response, answer)
    if comparison.given and solution.verdict in _DOUBTS:
        reason = " ".join(filter(None, (_DOUBTS[solution.verdict], solution.warning)))
        comparison = replace(comparison, verdict=GradeVerdict.UNDECIDED, reason=reason)
    return _grade(response, comparison, answer, GradeBasis.VOTE, solution)


_DOUBTS = {
    Verdict.UNSURE: "The model is unsure of its answer.",
    Verdict.TORN: "The model is torn between several answers.",
    Verdict.NONE: "The model found no answer.",
}


def _grade(
    response: str, compared: Comparison, answer: Answer | None, basis: GradeBasis, solution: Solution | None = None
) -> Grade:
    return Grade(
        compared.verdict,
        answer,
        compared.given,
        basis,
        confidence=solution.confidence if solution else None,
        calibrated=solution.calibrated if solution else None,
        steps=read_steps(rationale_of(response)),
        reason=compared.reason,
    )
