"""Words for solutions and grades, which terminals, notebooks and reports share."""

from collections.abc import Iterable

from service.amounts import duration as duration
from service.amounts import number as number
from service.amounts import percent as percent
from service.schemas.grade import GradeResponse
from service.schemas.response import SolveResponse, Vote
from service.types import DEMO as DEMO
from service.types import DEMO_MODEL as DEMO_MODEL
from service.types import GradeBasis, GradeVerdict, Status, Verdict

NOT_MEASURED = "This confidence was never measured."
COMPLETE = "Those votes were complete, so this figure is less exact."
"""Limit of a calibrated confidence whose vote the deadline ended."""
MAJORITY = "It is the probability that the leading answer has the majority."
"""Meaning of a confidence that was never measured."""

VERDICTS: dict[str, str] = {
    Verdict.LIKELY: "Likely right",
    Verdict.AGREED: "The attempts agree",
    Verdict.UNSURE: "Unsure: check it",
    Verdict.TORN: "Torn",
    Verdict.NONE: "No answer",
}
"""Words of each verdict. `headline` adds the two leading answers to `torn`."""

COLORS: dict[str, str] = {
    Verdict.LIKELY: "green",
    Verdict.AGREED: "blue",
    Verdict.UNSURE: "amber",
    Verdict.TORN: "amber",
    Verdict.NONE: "grey",
}
"""Color of each verdict. Green is for measured answers."""

_MAX_NUMBERS = 5
_GRADE_COLORS = {
    (GradeVerdict.CORRECT, GradeBasis.EXPECTED): "green",
    (GradeVerdict.INCORRECT, GradeBasis.EXPECTED): "red",
    (GradeVerdict.CORRECT, GradeBasis.VOTE): COLORS[Verdict.AGREED],
    (GradeVerdict.INCORRECT, GradeBasis.VOTE): COLORS[Verdict.UNSURE],
}


def headline(response: SolveResponse) -> str:
    """Words of the verdict, such as "Torn: 180 or 30?"."""
    words = VERDICTS.get(response.verdict) or response.verdict.capitalize()
    if response.verdict is not Verdict.TORN:
        return words
    first, second = response.votes[:2]
    return f"{words}: {first.answer} or {second.answer}?"


def color(verdict: str) -> str:
    """Color of a verdict. One of a later version of the service has none of its own."""
    return COLORS.get(verdict, "grey")


def meaning(response: SolveResponse) -> str:
    """Meaning of the confidence of an answer, in one or two sentences."""
    if response.calibrated:
        right = percent(response.confidence, 1)
        measured = f"{right} of 100 answers with such a vote were right on problems that the model had not seen."
        return f"{measured} {COMPLETE}" if response.status is Status.DEADLINE else measured
    if response.verdict is Verdict.AGREED:
        leader = response.votes[0]
        return f"{leader.cot + leader.pot} of {counted(response.votes)} attempts agree. {NOT_MEASURED}"
    return NOT_MEASURED


def left_out(response: SolveResponse) -> str:
    """Sentence on the numbers that no program behind the answer uses. Empty if there are none."""
    numbers = response.explanation.left_out
    named = numbers[:_MAX_NUMBERS] + ["others"] * (len(numbers) > _MAX_NUMBERS)
    *first, last = named or [""]
    return f"No program behind this answer uses {', '.join(first)}{' or ' if first else ''}{last}." if named else ""


def advice(response: SolveResponse, min_confidence: float | None = None) -> str:
    """Advice for a solution without an answer, in one or two sentences.

    Args:
        response: the response.
        min_confidence: minimum confidence of the request in [0, 1], if it is known.
    """
    if response.votes:
        below = (
            "The confidence is below the minimum of the request."
            if min_confidence is None
            else f"The confidence of {response.confidence:g} is below your minimum of {min_confidence:g}."
        )
        return f"{below} Check the votes yourself, or lower the minimum."
    if response.status is Status.DEADLINE:
        return "No attempt had a result in time. Give it more time, or ask for fewer attempts."
    if response.warning:
        return "No attempt had a result."  # the warning has the remedy
    return "No attempt had a result. Rephrase the problem with one clear question, or use a larger model."


def cut_off(response: SolveResponse, limit_s: float | None = None) -> str:
    """Sentence on the attempts that the deadline cut off. Empty before the deadline.

    Args:
        response: the response.
        limit_s: deadline of the request in seconds, if it is known.
    """
    if response.status is not Status.DEADLINE:
        return ""
    missing = unfinished(response)
    total_s = response.timing.total_s  # a service that shuts down answers before the deadline
    were = "was" if missing == 1 else "were"
    after = duration(min(total_s, limit_s or total_s))
    return f"Time ran out after {after}: {number(missing, 'attempt')} {were} cut off."


def savings(response: SolveResponse) -> str:
    """Sentence on the tokens that an early decision saved. Empty if it saved none."""
    saved = response.usage.saved_tokens
    return f"Stopping early saved about {number(saved, 'token')}." if saved > 0 else ""


def unfinished(response: SolveResponse) -> int:
    """Number of planned attempts that were cut off or not needed."""
    paths = response.paths
    return paths.planned - paths.voted - paths.abstained


def counted(votes: Iterable[Vote]) -> int:
    """Number of counted votes. All of a response are the scale of every share."""
    return sum(vote.cot + vote.pot for vote in votes)


def comparison(grade: GradeResponse) -> str:
    """Answers that a grade compares: "Given: 26. Voted: 24 (confidence 0.72)."."""
    answers = [f"Given: {grade.given}."] if grade.given is not None else []
    if grade.answer is not None:
        name = "Expected" if grade.basis is GradeBasis.EXPECTED else "Voted"
        answers.append(f"{name}: {grade.answer}{_confidence(grade)}.")
    return " ".join(answers)


def _confidence(grade: GradeResponse) -> str:
    """Confidence of a vote in brackets. Without a calibration it is not a number, because it was never measured."""
    if grade.confidence is None:
        return ""
    if grade.calibrated is False:
        return " (confidence never measured)"
    return f" (confidence {grade.confidence:.2f})"


def grade_color(grade: GradeResponse) -> str:
    """Color of a grade. Green and red are for expected answers."""
    return _GRADE_COLORS.get((grade.verdict, grade.basis), "grey")
