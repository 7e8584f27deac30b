"""Calibrated confidence and stopping threshold of a checkpoint."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from service.solve.stopping import BETA_THRESHOLD, StoppingRule
from service.solve.vote import Tally, beta_confidence
from service.types import Policy

_Share = Annotated[float, Field(ge=0, le=1)]
_Shift = Annotated[float, Field(ge=-10, le=10)]


class Calibration(BaseModel):
    """Calibration of a checkpoint, as `twinpath.json` holds it.

    Args:
        threshold: Beta confidence at which the adaptive policy stops.
        confidence_map: points (smoothed vote share, share of right answers), nondecreasing in both coordinates. Empty
            means that the checkpoint is not calibrated.
        all_numbers_shift: shift of the map's log odds if a program of the leader uses every number of the problem.
        left_out_shift: the same if every program of the leader leaves out a number.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    threshold: Annotated[float, Field(ge=0.5, lt=1)] = BETA_THRESHOLD
    confidence_map: tuple[tuple[_Share, _Share], ...] = ()
    all_numbers_shift: _Shift = 0.0
    left_out_shift: _Shift = 0.0

    @field_validator("confidence_map")
    @classmethod
    def _is_nondecreasing(cls, points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        if any(x0 > x1 or y0 > y1 for (x0, y0), (x1, y1) in pairwise(points)):
            raise ValueError("points must rise in both coordinates")
        return points

    def rule(self, policy: Policy) -> StoppingRule:
        """Stopping rule of a policy with this threshold."""
        return StoppingRule(policy, self.threshold)

    @property
    def calibrated(self) -> bool:
        """Whether a confidence map exists."""
        return bool(self.confidence_map)

    def confidence(self, tallies: Sequence[Tally], counted: int, *, uses_all: bool | None = None) -> float:
        """Confidence in the leader, in [0, 1], or 0 without a vote.

        Args:
            tallies: the votes, the leader first.
            counted: number of counted paths, abstaining ones included.
            uses_all: whether a program of the leader uses every number of the problem. None without a program.
        """
        if not tallies:
            return 0.0
        if self.calibrated:
            return self.shifted(smoothed_vote_share(tallies[0].votes, counted), uses_all)
        return beta_confidence(tallies[0].votes, tallies[1].votes if len(tallies) > 1 else 0)

    def shifted(self, vote_share: float, uses_all: bool | None) -> float:
        """Confidence of a calibrated model.

        Args:
            vote_share: smoothed vote share of the leader.
            uses_all: as in `confidence`.
        """
        mapped = interpolate(self.confidence_map, vote_share)
        if uses_all is None:
            return mapped
        return shift_log_odds(mapped, self.all_numbers_shift if uses_all else self.left_out_shift)


def shift_log_odds(probability: float, shift: float) -> float:
    """Probability whose log odds are higher by `shift`. Certainty does not change."""
    odds = probability * math.exp(shift)
    return odds / (odds + (1 - probability)) if shift else probability


def smoothed_vote_share(votes: int, counted: int) -> float:
    """Leader's share of the counted paths, in (0, 1), with add-one smoothing.

    One vote for and one against are added, so that 4 of 4 is less than 20 of 20.
    """
    return (votes + 1) / (counted + 2)


def interpolate(points: Sequence[tuple[float, float]], value: float) -> float:
    """Piecewise linear interpolation through `points`, constant outside of them."""
    if value <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if value <= x1:
            return min(y1, y0 + (y1 - y0) * (value - x0) / (x1 - x0)) if x1 > x0 else y1
    return points[-1][1]
