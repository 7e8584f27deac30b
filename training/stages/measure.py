"""Stage `measure`: the student on the test problems, with the decoding, weights and map that `calibrate` found.

These are the figures that a checkpoint's card reports. Nothing is chosen here: look once, at the end.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from service.evaluation.calibration_error import coverage, reliability
from service.solve.calibration import Calibration, interpolate
from service.types import PathKind, Policy
from training.calibrate import observed, stops
from training.compare import figure, mcnemar
from training.confidence import calibration_error_table, calibration_errors
from training.sampling import Sampled, by_set
from training.votes import first, greedy, replay, voted

ALL = "all problems"
"""The row of all sets together, beside those of the sets: no name for a set."""


def measure(samples: Sequence[Sampled], paths: int, calibration: Calibration, bins: int, seed: int) -> dict[str, Any]:
    """Accuracy of single paths and votes in each set of problems, what `adaptive` saves, and the confidence's error.

    Tokens are means of a problem.
    """
    places = by_set(samples)
    sets = {name: [samples[place] for place in of] for name, of in places.items()}
    spent = {
        policy: sum(replay(policy, first(s, paths, paths), calibration).tokens for s in samples) / len(samples)
        for policy in (Policy.ADAPTIVE, Policy.FIXED)
    }
    seen = {policy: observed(samples, paths, policy, calibration) for policy in spent}
    right = {policy: [good for _, good in points] for policy, points in seen.items()}
    sure = {
        policy: [interpolate(calibration.confidence_map, backed) for backed, _ in points]
        for policy, points in seen.items()
    }
    errors = {
        name: calibration_errors(
            {policy: [(sure[policy][i], right[policy][i]) for i in of] for policy in spent}, bins, seed
        )
        for name, of in ({ALL: [*range(len(samples))]} | places).items()
    }
    return {
        "problems": len(samples),
        "sets": {name: _rows(members, paths, calibration) for name, members in sets.items()},
        "adaptive against fixed": mcnemar(right[Policy.ADAPTIVE], right[Policy.FIXED]),
        "tokens": spent[Policy.ADAPTIVE],
        "tokens_fixed": spent[Policy.FIXED],
        "stops": stops(samples, paths, calibration, seed),
        "ece": errors[ALL][Policy.ADAPTIVE],
        "calibration_errors": errors,
        "reliability": reliability(sure[Policy.ADAPTIVE], right[Policy.ADAPTIVE], bins),
        "coverage": coverage(sure[Policy.ADAPTIVE], right[Policy.ADAPTIVE]),
    }


def table(facts: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    lines = ["| set | measure | accuracy | 95 % interval |", "|---|---|---:|---|"]
    for name, rows in facts["sets"].items():
        for what, row in rows.items():
            low, high = row["interval"]
            lines.append(f"| {name} ({row['problems']}) | {what} | {row['accuracy']:.1%} | {low:.1%} to {high:.1%} |")
    test = facts["adaptive against fixed"]
    lines += [
        "",
        f"`adaptive` takes {facts['tokens']:.0f} completion tokens of a problem, `fixed` {facts['tokens_fixed']:.0f}. "
        f"It alone is right {test['only_first']} times, `fixed` alone {test['only_second']} times "
        f"(p = {test['p']:.2f}).",
        "",
        *calibration_error_table(facts["calibration_errors"]),
        "",
        "Lost to the full vote, in points, and tokens, of the full vote's:",
        "",
        f"| stop at | after at most | all | {' | '.join(facts['sets'])} |",
        f"|---:|---:|---:|{'---:|' * len(facts['sets'])}",
        *map(_stop, facts["stops"]),
        "",
        "| share answered, the surest first | accuracy |",
        "|---:|---:|",
    ]
    lines += [f"| {row['coverage']:.0%} | {row['accuracy']:.1%} |" for row in facts["coverage"]]
    return "\n".join(lines) + "\n"


def _stop(row: Mapping[str, Any]) -> str:
    costs = (
        f"{100 * cost['lost']:.1f} ± {100 * cost['error']:.1f}, {cost['tokens']:.2f}"
        for cost in (row, *row["sets"].values())
    )
    return f"| {row['threshold']} | {row['patience']:.0%} of the paths | {' | '.join(costs)} |"


def _rows(samples: Sequence[Sampled], paths: int, calibration: Calibration) -> dict[str, dict[str, Any]]:
    stated = [s.unrepaired() for s in samples]
    outcomes = {
        "one CoT path, T = 0, as stated": greedy(stated, PathKind.COT),
        "one CoT path, T = 0, repaired": greedy(samples, PathKind.COT),
        "one PoT path, T = 0": greedy(samples, PathKind.POT),
        f"{paths} CoT paths": voted(samples, paths, 0, calibration),
        f"{paths} PoT paths": voted(samples, 0, paths, calibration),
        f"{paths} + {paths} paths": voted(samples, paths, paths, calibration),
        f"{paths} + {paths} paths, adaptive": [
            good for _, good in observed(samples, paths, Policy.ADAPTIVE, calibration)
        ],
    }
    return {name: figure(right) | {"problems": len(right)} for name, right in outcomes.items()}
