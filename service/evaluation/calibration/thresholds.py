"""Stopping thresholds: cost of each one beside the full vote.

A cost is a mean over many orders of the same paths.
"""

import math
import operator
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from service.evaluation.calibration.replay import first, is_right, prefix_votes, stop
from service.evaluation.calibration.samples import Sampled, SampledPath, by_set
from service.solve.stopping import BETA_THRESHOLD, StoppingRule
from service.solve.vote import winner
from service.types import Policy

THRESHOLDS = (0.75, 0.8, 0.85, 0.9, BETA_THRESHOLD)
ORDERS = 20
"""Random orders of each problem's paths. The early votes of one order are a matter of chance."""
MAX_RISK = 1 / 200
"""Maximum loss to the full vote in any set of problems, as a share. One standard error is added to each loss."""


@dataclass(frozen=True, slots=True)
class StopCost:
    """Cost of stopping early, relative to the full vote.

    Args:
        lost: share of problems lost, negative for a gain.
        error: standard error of `lost` over problems.
        tokens: share of the full vote's tokens.
    """

    lost: float
    error: float
    tokens: float


@dataclass(frozen=True, slots=True)
class ThresholdCost:
    """Cost of a threshold.

    Args:
        threshold: Beta confidence at which the vote stops.
        cost: cost over all problems.
        sets: cost in each set of problems.
        risk: largest loss in a set plus one standard error. A gain counts as no loss, because it is chance.
    """

    threshold: float
    cost: StopCost
    sets: dict[str, StopCost]
    risk: float


def shuffled_orders(samples: Sequence[Sampled], seed: int) -> list[list[Sampled]]:
    """The samples with each problem's paths in `ORDERS` random orders."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    return [[sampled.shuffled(rng) for sampled in samples] for _ in range(ORDERS)]


def threshold_costs(samples: Sequence[Sampled], paths: int, seed: int) -> tuple[ThresholdCost, ...]:
    """Cost of each threshold beside the full vote, as a mean over `ORDERS` orders of the same paths.

    Args:
        samples: samples of the problems.
        paths: paths of each kind in the full vote.
        seed: seed of the orders.
    """
    rules = [StoppingRule(Policy.FIXED), *(StoppingRule(Policy.ADAPTIVE, threshold) for threshold in THRESHOLDS)]
    orders = [[first(s, paths, paths) for s in order] for order in shuffled_orders(samples, seed)]
    ends = [_ends(rules, drawn, s.gold) for drawn, s in zip(zip(*orders, strict=True), samples, strict=True)]
    found = []
    for number, threshold in enumerate(THRESHOLDS):
        problems = [((full[0] - early[number][0]) / ORDERS, early[number][1], full[1]) for full, *early in ends]
        sets = {name: _cost([problems[i] for i in positions]) for name, positions in by_set(samples).items()}
        risk = max((max(0.0, cost.lost) + cost.error for cost in sets.values()), default=0.0)
        found.append(ThresholdCost(threshold, _cost(problems), sets, risk))
    return tuple(found)


def best_threshold(costs: Sequence[ThresholdCost]) -> ThresholdCost:
    """The threshold with the fewest tokens within `MAX_RISK`. Without any, the one of the lowest risk."""
    safe = [row for row in costs if row.risk <= MAX_RISK]
    return min(safe, key=lambda row: row.cost.tokens) if safe else min(costs, key=operator.attrgetter("risk"))


def _ends(rules: Sequence[StoppingRule], orders: Sequence[Sequence[SampledPath]], gold: str) -> list[tuple[int, int]]:
    """For each rule, the number of orders of a problem in which it is right, and the tokens of all orders."""
    counted = [(paths, prefix_votes(paths)) for paths in orders]
    found = []
    for rule in rules:
        ends = [stop(rule, paths, votes) for paths, votes in counted]
        right = sum(is_right(winner(end.votes), gold) for end in ends)
        found.append((right, sum(end.tokens for end in ends)))
    return found


def _cost(problems: Sequence[tuple[float, int, int]]) -> StopCost:
    """Cost over problems, from the loss, the tokens and the full vote's tokens of each."""
    lost, error = _mean_and_error([lost for lost, _, _ in problems])
    full = sum(full for _, _, full in problems)
    return StopCost(lost, error, sum(tokens for _, tokens, _ in problems) / max(full, 1))


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard error."""
    if len(values) < 2:
        return sum(values), 0.0
    return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))
