"""Words for a solution: verdict, confidence, deadline, advice, savings. Terminals and reports share them."""

from math import floor

from service.schemas.response import SolveResponse
from service.types import DEMO as DEMO
from service.types import DEMO_MODEL as DEMO_MODEL
from service.types import Status, Verdict

NOT_MEASURED = "This model's confidence was never measured."

VERDICTS = {
    Verdict.LIKELY: "Likely right",
    Verdict.AGREED: "The attempts agree",
    Verdict.UNSURE: "Unsure: check it",
    Verdict.TORN: "Torn",
    Verdict.NONE: "No answer",
}
"""Words of each verdict. `headline` adds the two leading answers to `torn`."""


def headline(response: SolveResponse) -> str:
    """Words of the verdict, such as "Torn: 180 or 30?"."""
    words = VERDICTS[response.verdict]
    if response.verdict is not Verdict.TORN:
        return words
    first, second = response.votes[:2]
    return f"{words}: {first.answer} or {second.answer}?"


def meaning(response: SolveResponse) -> str:
    """Meaning of the confidence of an answer, in one line."""
    if response.calibrated:
        right = percent(response.confidence, 1)
        return f"{right} of 100 answers with such a vote were right on problems that the model had not seen."
    if response.verdict is Verdict.AGREED:
        leader = response.votes[0]
        return f"{leader.cot + leader.pot} of {counted(response)} attempts agree. {NOT_MEASURED}"
    return NOT_MEASURED


def advice(response: SolveResponse, min_confidence: float) -> str:
    """Advice for a solution without an answer, in two sentences.

    Args:
        response: the response.
        min_confidence: minimum confidence of the request, in [0, 1].
    """
    if response.votes:
        return (
            f"The confidence of {response.confidence:g} is below your minimum of {min_confidence:g}. "
            "Check the votes yourself, or lower the minimum."
        )
    if response.status is Status.DEADLINE:
        return "No attempt had a result in time. Give it more time, or ask for fewer attempts."
    return "No attempt had a result. Rephrase the problem with one clear question, or use a larger model."


def cut_off(response: SolveResponse, limit_s: float | None = None) -> str:
    """Sentence on the attempts that the deadline cut off, without its full stop. Empty before the deadline.

    Args:
        response: the response.
        limit_s: deadline of the request in seconds, if it is known.
    """
    if response.status is not Status.DEADLINE:
        return ""
    paths = response.paths
    missing = paths.planned - paths.voted - paths.abstained
    total_s = response.timing.total_s  # a service that shuts down answers before the deadline
    were = "was" if missing == 1 else "were"
    after = seconds(min(total_s, limit_s or total_s))
    return f"Time ran out after {after}: {number(missing, 'attempt')} {were} cut off"


def savings(response: SolveResponse) -> str:
    """Sentence on the tokens that an early decision saved. Empty if it saved none."""
    saved = response.usage.saved_tokens
    return f"Stopping early saved about {number(saved, 'token')}." if saved > 0 else ""


def counted(response: SolveResponse) -> int:
    """Number of all counted votes, the scale of every share."""
    return sum(vote.cot + vote.pot for vote in response.votes)


def percent(part: float, whole: float) -> int:
    """Percentage, rounded half up."""
    return floor(100 * part / whole + 0.5)


def number(count: int, noun: str) -> str:
    """Count and its noun: "1 program", "2 programs"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def seconds(value: float) -> str:
    """Duration: "1.6 s", "30 s"."""
    if value < 0.05:
        return "under 0.1 s"
    return f"{value:.0f} s" if value >= 9.95 or value == int(value) else f"{value:.1f} s"
