"""Stage `compare`: does one student of both kinds beat students of one kind, and their ensemble?

Students trained on CoT alone and on PoT alone get the same base and schedule as the MD student, with twice as many
rationales of their kind in a step, and as many steps or those of `compare.steps`. All figures come from the same
problems, so they are paired: differences are tested with McNemar's exact test, accuracies have Wilson's 95 % interval.
Which share of all sampled paths is right tells two students apart sooner than one greedy path of each problem.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.evaluation.evaluate import Z95, wilson
from service.types import PathKind
from training.sampling import Sampled, SampledPath
from training.votes import elected, first, greedy, is_right, right_shares, voted

BOTH = (PathKind.COT, PathKind.POT)


@dataclass(frozen=True, slots=True)
class Students:
    """The samples of the three students over the same problems in the same order."""

    mixed: Sequence[Sampled]
    cot: Sequence[Sampled]
    pot: Sequence[Sampled]


def compare(students: Students, paths: int) -> dict[str, Any]:
    """The table's rows, the paired tests, the sampled paths, and the curves over the number of paths."""
    outcomes = measures(students, paths)
    rows = {name: figure(right) for name, right in outcomes.items()}
    tests = {
        f"{a} against {b}": mcnemar(outcomes[a], outcomes[b])
        for a, b in (
            ("MD, CoT greedy", "CoT student, greedy"),
            ("MD, PoT greedy", "PoT student, greedy"),
            ("MD, vote", "CoT student, vote"),
            ("MD, vote", "PoT student, vote"),
            ("MD, vote", "ensemble, vote"),
        )
    }
    return {
        "problems": len(students.mixed),
        "rows": rows,
        "tests": tests,
        "paths": sampled(students),
        "curves": curves(students, paths),
    }


def measures(students: Students, paths: int) -> dict[str, list[bool]]:
    """For each measure whether each problem was answered rightly. Every vote has 2 · `paths` paths."""
    return {
        "CoT student, greedy": greedy(students.cot, PathKind.COT),
        "PoT student, greedy": greedy(students.pot, PathKind.POT),
        "MD, CoT greedy": greedy(students.mixed, PathKind.COT),
        "MD, PoT greedy": greedy(students.mixed, PathKind.POT),
        "CoT student, vote": voted(students.cot, 2 * paths, 0),
        "PoT student, vote": voted(students.pot, 0, 2 * paths),
        "ensemble, vote": [is_right(elected(p), g) for p, g in ensemble(students, paths)],
        "MD, CoT paths, vote": voted(students.mixed, paths, 0),
        "MD, PoT paths, vote": voted(students.mixed, 0, paths),
        "MD, vote": voted(students.mixed, paths, paths),
    }


def sampled(students: Students) -> dict[str, dict[str, Any]]:
    """Which share of each kind's sampled paths is right, of MD and of the student of this kind alone."""
    found = {}
    for name, kind, student in (("CoT", PathKind.COT, students.cot), ("PoT", PathKind.POT, students.pot)):
        mixed, alone = right_shares(students.mixed, kind), right_shares(student, kind)
        found[name] = {
            "MD": statistics.fmean(mixed),
            "alone": statistics.fmean(alone),
            "MD above it": difference(mixed, alone),
        }
    return found


def ensemble(students: Students, paths: int) -> list[tuple[list[SampledPath], str]]:
    """CoT paths of the CoT student and PoT paths of the PoT student in one vote, in alternating order."""
    pairs = zip(students.cot, students.pot, strict=True)
    return [
        (first(Sampled(c.id, c.gold, (*c.of(PathKind.COT), *p.of(PathKind.POT))), paths, paths), c.gold)
        for c, p in pairs
    ]


def curves(students: Students, paths: int) -> dict[str, list[dict[str, float]]]:
    """Accuracy and completion tokens of a problem against the number of paths in the vote."""
    counts = [n for n in (1, 2, 3, 5, 10, 20) if n <= paths]
    found: dict[str, list[dict[str, float]]] = {"MD": [], "CoT student": [], "PoT student": [], "ensemble": []}
    for n in counts:
        chosen = {
            "MD": [(first(s, n, n), s.gold) for s in students.mixed],
            "CoT student": [(first(s, 2 * n, 0), s.gold) for s in students.cot],
            "PoT student": [(first(s, 0, 2 * n), s.gold) for s in students.pot],
            "ensemble": ensemble(students, n),
        }
        for name, votes in chosen.items():
            found[name].append(
                {
                    "paths": 2 * n,
                    "accuracy": sum(is_right(elected(p), gold) for p, gold in votes) / len(votes),
                    "tokens": sum(path.tokens for p, _ in votes for path in p) / len(votes),
                }
            )
    return found


def mcnemar(a: Sequence[bool], b: Sequence[bool]) -> dict[str, float]:
    """McNemar's exact test over the problems that one gets right and the other wrong: two-sided binomial p-value."""
    only_a = sum(x and not y for x, y in zip(a, b, strict=True))
    only_b = sum(y and not x for x, y in zip(a, b, strict=True))
    n, least = only_a + only_b, min(only_a, only_b)
    tail = sum(math.comb(n, k) for k in range(least + 1)) / 2**n
    return {"only_first": only_a, "only_second": only_b, "p": min(1.0, 2 * tail)}


def difference(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """By how much the mean of `a` is above that of `b`, in pairs, and the margin of its 95 % interval (normal)."""
    each = [x - y for x, y in zip(a, b, strict=True)]
    return statistics.fmean(each), Z95 * statistics.stdev(each) / math.sqrt(len(each)) if len(each) > 1 else 0.0


def figure(right: Sequence[bool]) -> dict[str, Any]:
    """An accuracy with Wilson's 95 % interval."""
    return {"accuracy": sum(right) / len(right), "interval": list(wilson(sum(right), len(right)))}


def table(facts: Mapping[str, Any]) -> str:
    """The comparison as Markdown."""
    lines = ["| measure | accuracy | 95 % interval |", "|---|---:|---|"]
    for name, row in facts["rows"].items():
        low, high = row["interval"]
        lines.append(f"| {name} | {row['accuracy']:.1%} | {low:.1%} to {high:.1%} |")
    lines += ["", "| paired | only the first | only the second | p |", "|---|---:|---:|---:|"]
    for name, test in facts["tests"].items():
        lines.append(f"| {name} | {test['only_first']} | {test['only_second']} | {test['p']:.3f} |")
    lines += ["", "| right, of all sampled paths | MD | student of one kind | points more, 95 % |"]
    lines.append("|---|---:|---:|---:|")
    for name, row in facts["paths"].items():
        more, margin = row["MD above it"]
        points = f"{100 * more:+.1f} ± {100 * margin:.1f}"
        lines.append(f"| {name} | {row['MD']:.1%} | {row['alone']:.1%} | {points} |")
    return "\n".join(lines) + "\n"
