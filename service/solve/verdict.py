"""Verdict: trust in the answer of a vote, in one word."""

from collections.abc import Sequence

from service.solve.stopping import BETA_THRESHOLD
from service.solve.vote import Tally
from service.types import Verdict

LIKELY_CONFIDENCE = 0.7
"""Lowest calibrated confidence of a likely answer."""


def verdict(tallies: Sequence[Tally], confidence: float, *, calibrated: bool) -> Verdict:
    """Verdict on the leader of a vote.

    A tie, and a leader with less than half of the votes, are torn at any confidence. Without a calibration the
    confidence measures only agreement, so that no answer is likely.

    Args:
        tallies: the votes, the leader first. Empty without an answer.
        confidence: confidence in the leader, in [0, 1].
        calibrated: whether the confidence is calibrated.
    """
    if not tallies:
        return Verdict.NONE
    if _is_torn(tallies):
        return Verdict.TORN
    if calibrated:
        return Verdict.LIKELY if confidence >= LIKELY_CONFIDENCE else Verdict.UNSURE
    return Verdict.AGREED if confidence >= BETA_THRESHOLD else Verdict.UNSURE


def _is_torn(tallies: Sequence[Tally]) -> bool:
    leader, *others = (tally.votes for tally in tallies)
    return leader in others or leader < sum(others)
