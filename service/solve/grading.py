"""Grading: comparison of a response with the right answer.

The right answer is the expected one, or that of a vote.
Undecided comes before wrong: a response is incorrect only if its answer and the right answer are certain.
"""

import re
from dataclasses import dataclass, replace

from service.errors import InputError
from service.paths.answer import Answer
from service.paths.calculator.steps import Step, read_steps
from service.paths.calculator.units import common_ratios
from service.paths.cot import rationale_of
from service.paths.equality import agree, may_be_rounded, parse_gold
from service.paths.response import ResponseReading, kind_of, read_response
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
    comparison = _compare(read_response(response), answer, f"{response} {expected}")
    return _grade(response, comparison, answer, GradeBasis.EXPECTED, None)


def grade_by_vote(response: str, solution: Solution) -> Grade:
    """Grade of a response by the vote of a solution. Only an answer that is likely or agreed decides."""
    reading, answer = read_response(response), solution.answer
    comparison = _compare(reading, answer, response)
    if reading.answers and solution.verdict in _DOUBTS:
        comparison = replace(comparison, verdict=GradeVerdict.UNDECIDED, reason=_DOUBTS[solution.verdict])
    return _grade(response, comparison, answer, GradeBasis.VOTE, solution.confidence)


_DOUBTS = {
    Verdict.UNSURE: "The model is unsure of its answer.",
    Verdict.TORN: "The model is torn between several answers.",
    Verdict.NONE: "The model found no answer.",
}
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class _Comparison:
    given: Answer | None
    verdict: GradeVerdict = GradeVerdict.UNDECIDED
    reason: str = ""


def _grade(
    response: str, compared: _Comparison, answer: Answer | None, basis: GradeBasis, confidence: float | None
) -> Grade:
    steps = read_steps(rationale_of(response))
    return Grade(compared.verdict, answer, compared.given, basis, confidence, steps, compared.reason)


def _compare(reading: ResponseReading, answer: Answer | None, text: str) -> _Comparison:
    """Comparison of a response with an answer. `text` names the units."""
    if not reading.answers:
        return _Comparison(None, reason=f"No answer was read from the response: {reading.reason}.")
    if answer is None:
        return _Comparison(reading.answers[0])
    for given in reading.answers:
        if agree(given, answer):
            return _Comparison(given, GradeVerdict.CORRECT)
    kind = kind_of(answer)
    given = next((given for given in reading.answers if kind_of(given) == kind), reading.answers[0])
    if kind_of(given) != kind:
        return _Comparison(given, reason=f"The response gives {kind_of(given)}, and the answer is {kind}.")
    if may_be_rounded(given, answer):
        return _Comparison(given, reason="The response may be the answer, rounded.")
    if given.value and answer.value:
        ratio = abs(given.value / answer.value)
        if max(ratio, 1 / ratio) in common_ratios(_WORD.findall(text.lower())):
            return _Comparison(given, reason="The response may be the answer in another unit.")
    return _Comparison(given, GradeVerdict.INCORRECT)
