"""Stage `calibrate`: how a student is best sampled, voted and believed, from dev problems.

Four findings, all for `twinpath.json`. The temperature: of those tried, the one whose full vote is right most often,
and of equals the cheapest. The weights, of a kind and of a repaired CoT: of a small grid, those that elect most right
answers; equal weights unless others are better beyond luck, which a grid finds too. The adaptive policy's threshold
and patience: of a grid, those that take the fewest tokens and lose at most half a point to the full vote in every set
of problems, though the truth were one standard error worse, on the mean of many orders in which the same paths could
have come, since one order's early votes are a matter of luck; too few problems change neither. The confidence map: the
Beta rule's confidence is a statement about votes, not about being right, and wherever the adaptive policy stops it is
the same; the leader's support among the counted paths is not, and a rising map of it (`confidence.fit`) is a share of
right answers. It is fitted on what the adaptive and the fixed policy make of the same paths in those orders, and its
errors are measured by cross-fitting, so that the figures are not the fit's own.
"""

import math
import operator
import random
import statistics
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, product
from typing import Any

from service.evaluation.calibration_error import coverage, expected_error, reliability
from service.solve.calibration import Calibration, interpolate, support
from service.solve.stopping import BETA_THRESHOLD, Rule
from service.solve.vote import winner
from service.types import PathKind, Policy
from training.confidence import Observed, fit
from training.sampling import Sampled, SampledPath, by_set
from training.votes import PLAIN, counts, first, is_right, replay, stopped, voted

THRESHOLDS = (0.75, 0.8, 0.85, 0.9, BETA_THRESHOLD)
PATIENCE = (1.0, 0.8, 0.6, 0.4)
ORDERS = 20
GRID = (0.25, 0.4, 0.5, 0.67, 0.8, 1.0)
REPAIRED = (0.0, 0.25, 0.5, 0.75, 1.0)
FOLDS = 5
ENOUGH = 100
"""No stop is learned from fewer problems: one of them is more than a point, and `best_stop` asks for half of one."""


def best_temperature(tried: Mapping[float, Sequence[Sampled]], paths: int, bins: int, seed: int) -> dict[str, Any]:
    """The calibration at the best of the temperatures, with a row of figures for each that was tried."""
    found = {temperature: calibrate(samples, paths, bins, seed) for temperature, samples in tried.items()}
    best = max(found, key=lambda t: (found[t]["accuracy_fixed"], -found[t]["tokens"]))
    shown = ("accuracy_fixed", "accuracy", "tokens", "tokens_fixed", "threshold", "patience")
    rows = [{"temperature": t} | {name: facts[name] for name in shown} for t, facts in found.items()]
    return {"temperature": best} | found[best] | {"temperatures": rows}


def calibrate(samples: Sequence[Sampled], paths: int, bins: int, seed: int) -> dict[str, Any]:
    """Weights, threshold, patience, map and figures, ready for `twinpath.json`. Tokens are means of a problem."""
    weights = best_weights(samples, paths)
    tried = stops(samples, paths, weights, seed)
    if len(samples) >= ENOUGH:
        best = best_stop(tried)
        weights = weights.model_copy(update={name: best[name] for name in ("threshold", "patience")})
    policies = (Policy.ADAPTIVE, Policy.FIXED)
    seen = {policy: observed(samples, paths, policy, weights) for policy in policies}
    drawn = [observed(order, paths, policy, weights) for order in _orders(samples, seed) for policy in policies]
    points = list(zip(*drawn, strict=True))
    mapped = cross_fitted(seen, points, seed)
    right = {policy: [good for _, good in points] for policy, points in seen.items()}
    adaptive, beta = Policy.ADAPTIVE, _beta(samples, paths)
    return {
        "problems": len(samples),
        "paths_per_kind": paths,
        "weights": {kind.value: weights.weights[kind] for kind in PathKind},
        "repaired": weights.repaired,
        "threshold": weights.threshold,
        "patience": weights.patience,
        "stops": tried,
        "confidence_map": [[round(x, 6), round(y, 6)] for x, y in fit(list(chain(*points)), ORDERS)],
        "accuracy": _share(right[adaptive]),
        "accuracy_fixed": _share(right[Policy.FIXED]),
        "tokens": _tokens(samples, paths, Policy.ADAPTIVE, weights),
        "tokens_fixed": _tokens(samples, paths, Policy.FIXED, weights),
        "repaired_worth": repaired_worth(samples, paths, weights),
        "ece_before": expected_error([c for c, _ in beta], [good for _, good in beta], bins),
        "ece": expected_error(mapped[adaptive], right[adaptive], bins),
        "ece_fixed": expected_error(mapped[Policy.FIXED], right[Policy.FIXED], bins),
        "reliability": reliability(mapped[adaptive], right[adaptive], bins),
        "coverage": coverage(mapped[adaptive], right[adaptive]),
    }


def cross_fitted(
    seen: Mapping[Policy, Sequence[Observed]], points: Sequence[Sequence[Observed]], seed: int
) -> dict[Policy, list[float]]:
    """Each problem's confidence under each policy, by a map that is fitted on the `points` of the other folds of the
    problems; `points` holds those of a problem in every order.
    """
    order = list(range(len(points)))
    random.Random(seed).shuffle(order)
    mapped = {policy: [0.0] * len(order) for policy in seen}
    for fold in range(FOLDS):
        held = set(order[fold::FOLDS])
        fitted = fit([point for i in order if i not in held for point in points[i]], ORDERS)
        for policy, observations in seen.items():
            for index in held:
                mapped[policy][index] = interpolate(fitted, observations[index][0])
    return mapped


def best_weights(samples: Sequence[Sampled], paths: int) -> Calibration:
    """The weights that elect most right answers; the stronger kind counts 1.

    Others than equal ones must be ahead by more than twice the standard error of that lead, √(problems that changed).
    """
    plain = voted(samples, paths, paths)
    best, most = PLAIN, 0
    for calibration in _options():
        right = voted(samples, paths, paths, calibration)
        lead, changed = sum(right) - sum(plain), sum(map(operator.ne, right, plain))
        if lead > most and lead > 2 * math.sqrt(changed):
            best, most = calibration, lead
    return best


def stops(samples: Sequence[Sampled], paths: int, weights: Calibration, seed: int) -> list[dict[str, Any]]:
    """What each threshold and patience cost beside the full vote, on the mean of `ORDERS` orders of the same paths.

    `lost` is the share of problems (its standard `error` is over problems), `tokens` that of the full vote's; `sets`
    has the three for each set of problems. `risk` is the share that may be lost in the set where it is largest: one
    standard error more than the loss there, and a vote that is right more often when cut short was lucky, which counts
    as no loss.
    """
    tried = [{"threshold": threshold, "patience": patience} for patience, threshold in product(PATIENCE, THRESHOLDS)]
    adaptive = [weights.model_copy(update=stop).rule(Policy.ADAPTIVE) for stop in tried]
    rules = [weights.rule(Policy.FIXED), *adaptive]
    orders = [[first(s, paths, paths) for s in order] for order in _orders(samples, seed)]
    ends = [_ends(rules, of, weights, s.gold) for of, s in zip(zip(*orders, strict=True), samples, strict=True)]
    table = []
    for n, stop in enumerate(tried):
        problems = [((full[0] - early[n][0]) / ORDERS, early[n][1], full[1]) for full, *early in ends]
        sets = {name: _cost([problems[place] for place in places]) for name, places in by_set(samples).items()}
        risk = max((max(0.0, row["lost"]) + row["error"] for row in sets.values()), default=0.0)
        table.append(stop | _cost(problems) | {"sets": sets, "risk": risk})
    return table


def _ends(
    rules: Sequence[Rule], orders: Sequence[Sequence[SampledPath]], weights: Calibration, gold: str
) -> list[tuple[int, int]]:
    """For each rule in how many orders of a problem's paths it is right, and the tokens of all its orders."""
    counted = [(paths, counts(paths, weights)) for paths in orders]
    found = []
    for rule in rules:
        ends = [stopped(rule, paths, votes) for paths, votes in counted]
        right = sum(is_right(winner(end.votes), gold) for end in ends)
        found.append((right, sum(end.tokens for end in ends)))
    return found


def _cost(problems: Sequence[tuple[float, int, int]]) -> dict[str, float]:
    """Of what each problem loses, its tokens and those of its full vote: mean, standard error, and share of tokens."""
    share, error = _mean_and_error([lost for lost, _, _ in problems])
    whole = sum(whole for _, _, whole in problems)
    return {"lost": share, "error": error, "tokens": sum(tokens for _, tokens, _ in problems) / max(whole, 1)}


def best_stop(table: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The row with the fewest tokens of those that risk no more than one in 200 problems; if there is none, the row
    that risks least.
    """
    kept = [row for row in table if row["risk"] <= 1 / 200]
    return min(kept, key=operator.itemgetter("tokens")) if kept else min(table, key=operator.itemgetter("risk"))


def repaired_worth(samples: Sequence[Sampled], paths: int, weights: Calibration) -> dict[str, float]:
    """The full vote's accuracy by what a repaired chain of thought counts; `stated` is its answer before repair."""
    worth = {
        str(value): _share(voted(samples, paths, paths, weights.model_copy(update={"repaired": value})))
        for value in REPAIRED
    }
    return worth | {"stated": _share(voted([s.unrepaired() for s in samples], paths, paths, weights))}


def observed(samples: Sequence[Sampled], paths: int, policy: Policy, weights: Calibration) -> list[Observed]:
    """For each problem the leader's support where `policy` stops (0 without a vote), and whether it is right."""
    found = []
    for sampled in samples:
        end = replay(policy, first(sampled, paths, paths), weights)
        leader = end.votes[0] if end.votes else None
        backed = support(leader, end.counted, weights.weights) if leader else 0.0
        found.append((backed, is_right(leader, sampled.gold)))
    return found


def _options() -> Iterator[Calibration]:
    """The grid, equal weights first, then those nearest to them."""
    pairs = sorted({(a, 1.0) for a in GRID} | {(1.0, b) for b in GRID}, reverse=True)
    for repaired, (cot, pot) in product(reversed(REPAIRED), pairs):
        yield Calibration(weights={PathKind.COT: cot, PathKind.POT: pot}, repaired=repaired)


def _beta(samples: Sequence[Sampled], paths: int) -> list[Observed]:
    """What an uncalibrated service says where the adaptive policy stops."""
    ends = [(replay(Policy.ADAPTIVE, first(s, paths, paths)), s.gold) for s in samples]
    return [
        (PLAIN.confidence(end.votes, end.counted), is_right(end.votes[0] if end.votes else None, gold))
        for end, gold in ends
    ]


def _tokens(samples: Sequence[Sampled], paths: int, policy: Policy, weights: Calibration) -> float:
    """Completion tokens that `policy` takes for a problem, on the mean."""
    spent = [replay(policy, first(sampled, paths, paths), weights).tokens for sampled in samples]
    return sum(spent) / max(len(spent), 1)


def _orders(samples: Sequence[Sampled], seed: int) -> list[list[Sampled]]:
    """The same samples, each problem's paths as they might have come: the same orders for the same seed."""
    rng = random.Random(seed)
    return [[sampled.shuffled(rng) for sampled in samples] for _ in range(ORDERS)]


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """The mean and its standard error."""
    if len(values) < 2:
        return sum(values), 0.0
    return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))


def _share(right: Sequence[bool]) -> float:
    return sum(right) / max(len(right), 1)
