"""Recorded paths under every stopping rule, also those that the service does not offer. Costs no token.

A replay counts paths in the fixed order and starts as few as a busy service would; a started path's tokens count in
full, so that the figures are those of the rule, not of the load. The longest of the counted paths bounds what a rule
can save of one client's wait: an engine decodes paths together, one token of each in a step.
"""

import statistics
from collections.abc import Sequence
from itertools import product
from typing import Any

from service.solve.calibration import Calibration
from service.solve.stopping import BETA_THRESHOLD
from service.types import Policy
from training.compare import mcnemar
from training.sampling import Sampled
from training.votes import Replay, is_right, replay

THRESHOLDS = (0.8, 0.9, 0.95, 0.99)
PATIENCE = (1.0, 0.6)


def replays(recorded: Sequence[Sampled], calibration: Calibration) -> list[dict[str, Any]]:
    """A row for each rule."""
    fixed = [replay(Policy.FIXED, s.paths, calibration) for s in recorded]
    base = [is_right(end.votes[0] if end.votes else None, s.gold) for end, s in zip(fixed, recorded, strict=True)]
    whole = [len(s.paths) for s in recorded]
    all_tokens = sum(_tokens(recorded, whole))
    all_longest = statistics.median(_longest(recorded, whole))
    rows: list[dict[str, Any]] = []

    def add(name: str, right: Sequence[bool], counted: Sequence[int], started: Sequence[int]) -> None:
        rows.append(
            {
                "rule": name,
                "accuracy": sum(right) / len(right),
                "against_fixed": mcnemar(right, base),
                "tokens_of_fixed": sum(_tokens(recorded, started)) / all_tokens,
                "longest_of_fixed": statistics.median(_longest(recorded, counted)) / all_longest,
                "paths": sum(started) / len(right),
            }
        )

    def add_ends(name: str, ends: Sequence[Replay]) -> None:
        right = [is_right(e.votes[0] if e.votes else None, s.gold) for e, s in zip(ends, recorded, strict=True)]
        add(name, right, [len(end.counted) for end in ends], [len(end.started) for end in ends])

    add_ends("fixed", fixed)
    rules = [("lossless", Policy.LOSSLESS, calibration)]
    rules += [
        (f"Beta {t}" + (f", {p:.0%} of the paths" if p < 1 else ""), Policy.ADAPTIVE, _stopping(calibration, t, p))
        for p, t in product(PATIENCE, THRESHOLDS)
    ]
    for name, policy, rule in rules:
        add_ends(name, [replay(policy, s.paths, rule) for s in recorded])
    add_ends(f"first CoT = first PoT, else Beta {BETA_THRESHOLD}", [_agreement(s, calibration) for s in recorded])
    fewest = [_hindsight(s, calibration) for s in recorded]
    add("hindsight: the fewest paths with the full vote's answer", base, fewest, fewest)
    return rows


def _tokens(recorded: Sequence[Sampled], numbers: Sequence[int]) -> list[int]:
    return [sum(path.tokens for path in s.paths[:n]) for s, n in zip(recorded, numbers, strict=True)]


def _longest(recorded: Sequence[Sampled], numbers: Sequence[int]) -> list[int]:
    return [max((path.tokens for path in s.paths[:n]), default=0) for s, n in zip(recorded, numbers, strict=True)]


def _stopping(calibration: Calibration, threshold: float, patience: float = 1.0) -> Calibration:
    return calibration.model_copy(update={"threshold": threshold, "patience": patience})


def _agreement(sampled: Sampled, calibration: Calibration) -> Replay:
    two = replay(Policy.FIXED, sampled.paths[:2], calibration)
    agrees = bool(two.votes) and two.votes[0].cot + two.votes[0].pot == 2
    return two if agrees else replay(Policy.ADAPTIVE, sampled.paths, _stopping(calibration, BETA_THRESHOLD))


def _hindsight(sampled: Sampled, calibration: Calibration) -> int:
    """The fewest paths of the fixed order whose vote already has the full vote's answer."""
    votes = replay(Policy.FIXED, sampled.paths, calibration).votes
    if not votes:
        return 0
    for number in range(1, len(sampled.paths) + 1):
        part = replay(Policy.FIXED, sampled.paths[:number], calibration).votes
        if part and part[0].answer == votes[0].answer:
            return number
    raise AssertionError("the full vote has its own answer")
