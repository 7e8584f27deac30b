"""Observed votes, and the calibration that is fitted on them."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.evaluation.calibration.confidence import Seen, fit, fit_shifts
from service.evaluation.calibration.replay import (
    UNCALIBRATED,
    Replay,
    first,
    is_right,
    prefix_votes,
    stop,
    uses_all_numbers,
)
from service.evaluation.calibration.samples import Sampled
from service.solve.calibration import Calibration, smoothed_vote_share
from service.solve.vote import winner
from service.types import Policy

POLICIES = (Policy.ADAPTIVE, Policy.FIXED)
FOLDS = 5


@dataclass(frozen=True, slots=True)
class NumberUse:
    """Share right by whether a program of the leader uses every number of the problem.

    Args:
        problems: problems whose leader has a program that uses all numbers.
        right: share of right leaders among them.
        problems_left_out: problems whose leader has programs, and each leaves out a number.
        right_left_out: share of right leaders among them.
    """

    problems: int
    right: float
    problems_left_out: int
    right_left_out: float

    @classmethod
    def of(cls, seen: Sequence[Seen]) -> "NumberUse":
        """Shares of observed votes."""
        all_used, left_out = ([point.right for point in seen if point.uses_all is use] for use in (True, False))
        return cls(len(all_used), share(all_used), len(left_out), share(left_out))


def observed(samples: Sequence[Sampled], paths: int, policy: Policy, calibration: Calibration) -> list[Seen]:
    """Vote of each problem when `policy` stops.

    Args:
        samples: samples of the problems.
        paths: paths of each kind in the full vote.
        policy: the stopping policy.
        calibration: threshold of the policy.
    """
    return observed_by_policy(samples, paths, calibration, [policy])[policy]


def observed_by_policy(
    samples: Sequence[Sampled], paths: int, calibration: Calibration, policies: Sequence[Policy] = POLICIES
) -> dict[Policy, list[Seen]]:
    """Vote of each problem when each of the policies stops. The other arguments are those of `observed`."""
    found: dict[Policy, list[Seen]] = {policy: [] for policy in policies}
    for sampled in samples:
        drawn = first(sampled, paths, paths)
        votes = prefix_votes(drawn)
        for policy, seen in found.items():
            seen.append(_seen(stop(calibration.rule(policy), drawn, votes), sampled))
    return found


def fitted(points: Sequence[Seen], plain: Calibration, orders: int) -> Calibration:
    """Calibration with a confidence map and shifts.

    Args:
        points: votes in all orders under both policies.
        plain: threshold.
        orders: number of orders in which each problem is observed.
    """
    observations = len(POLICIES) * orders  # of each problem
    found = fit([point.observed for point in points], observations)
    confidence_map = tuple((round(x, 6), round(y, 6)) for x, y in found)
    shifts = fit_shifts(points, confidence_map, observations)
    return plain.model_copy(update={"confidence_map": confidence_map, **shifts._asdict()})


def cross_fitted(
    seen: Mapping[Policy, Sequence[Seen]], points: Sequence[Sequence[Seen]], seed: int, orders: int
) -> dict[Policy, list[float]]:
    """Confidence of each problem under each policy, by a map and shifts fitted on the other folds.

    Args:
        seen: observation of each problem under each policy.
        points: observations of each problem in all orders, on which maps and shifts are fitted.
        seed: seed of the folds.
        orders: number of orders in which each problem is observed.
    """
    order = list(range(len(points)))
    random.Random(seed).shuffle(order)  # noqa: S311 - repeatable, not secret
    mapped = {policy: [0.0] * len(order) for policy in seen}
    for fold in range(FOLDS):
        held_out = set(order[fold::FOLDS])
        others = [point for i in order if i not in held_out for point in points[i]]
        calibration = fitted(others, UNCALIBRATED, orders)
        for policy, observations in seen.items():
            for index in held_out:
                vote_share, _, uses_all = observations[index]
                mapped[policy][index] = calibration.shifted(vote_share, uses_all)
    return mapped


def share(right: Sequence[bool]) -> float:
    """Share of right ones. 0 without any."""
    return sum(right) / max(len(right), 1)


def _seen(end: Replay, sampled: Sampled) -> Seen:
    leader = winner(end.votes)
    vote_share = smoothed_vote_share(leader.votes, end.counted) if leader else 0.0
    return Seen(vote_share, is_right(leader, sampled.gold), uses_all_numbers(end, sampled.question))
