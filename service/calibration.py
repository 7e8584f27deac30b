"""What held-out problems taught about a checkpoint's votes: what they weigh, and how often their leader is right.

It stands in `twinpath.json`; training finds it, the solver uses it. Without it every vote weighs the same, and the
confidence is the Beta posterior that the leader is the majority, which says nothing about being right.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from service.stopping import BETA_THRESHOLD, Rule
from service.types import PathKind, Policy
from service.vote import EQUAL_WEIGHTS, Tally, Weights, beta_confidence

_Share = Annotated[float, Field(ge=0, le=1)]
_Weight = Annotated[float, Field(gt=0, le=1)]


class Calibration(BaseModel):
    """The part of a calibration that serving reads.

    Args:
        weights: what a vote of each kind weighs.
        repaired: what a repaired chain of thought's vote weighs besides; 0 takes it out of the vote.
        threshold: the Beta confidence at which the adaptive policy stops.
        patience: the share of the planned paths after which it stops though its vote is open.
        confidence_map: points (support, share of right answers), both rising; empty means not calibrated.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    weights: dict[PathKind, _Weight] = Field(default_factory=lambda: dict(EQUAL_WEIGHTS))
    repaired: _Share = 1.0
    threshold: Annotated[float, Field(ge=0.5, lt=1)] = BETA_THRESHOLD
    patience: Annotated[float, Field(gt=0, le=1)] = 1.0
    confidence_map: tuple[tuple[_Share, _Share], ...] = ()

    @field_validator("weights")
    @classmethod
    def _of_both_kinds(cls, weights: Weights) -> Weights:
        return {**EQUAL_WEIGHTS, **weights}

    @field_validator("confidence_map")
    @classmethod
    def _rising(cls, points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        if any(x0 > x1 or y0 > y1 for (x0, y0), (x1, y1) in pairwise(points)):
            raise ValueError("points must rise in both coordinates")
        return points

    def rule(self, policy: Policy) -> Rule:
        """What decides a vote under `policy`."""
        return Rule(policy, self.threshold, self.weights, self.patience)

    @property
    def calibrated(self) -> bool:
        """Whether the confidence is a share of right answers."""
        return bool(self.confidence_map)

    def weight(self, kind: PathKind, *, repaired: bool) -> float:
        """What one path's vote weighs."""
        return self.weights[kind] * (self.repaired if repaired else 1.0)

    def confidence(self, tallies: Sequence[Tally], counted: Sequence[PathKind]) -> float:
        """How sure the leader of `tallies` is; 0 without a vote.

        Args:
            tallies: the votes, the leader first.
            counted: the kinds of all counted paths, of those that abstained too.
        """
        if not tallies:
            return 0.0
        if self.calibrated:
            return interpolate(self.confidence_map, support(tallies[0], counted, self.weights))
        votes = [tally.cot + tally.pot for tally in tallies[:2]]
        return beta_confidence(votes[0], votes[1] if len(votes) > 1 else 0)


def support(leader: Tally, counted: Sequence[PathKind], weights: Weights) -> float:
    """The leader's share of what the counted paths weigh, in (0, 1): one vote for and one against are added, so that
    four of four are less than twenty of twenty.
    """
    return (leader.weight + 1) / (sum(weights[kind] for kind in counted) + 2)


def interpolate(points: Sequence[tuple[float, float]], value: float) -> float:
    """The rising map through `points`, linear between them and flat beyond."""
    if value <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if value <= x1:
            return min(y1, y0 + (y1 - y0) * (value - x0) / (x1 - x0)) if x1 > x0 else y1
    return points[-1][1]
