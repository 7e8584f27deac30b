"""Stage `compare`: the student against students of one kind.

The single-kind students and their ensemble have the same base and schedule, with twice as many rationales of their kind
per step. All figures are paired, since they come from the same problems. Shares of all sampled paths separate two
students sooner than greedy paths.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from service.evaluation.calibration.replay import elected, first, greedy, is_right, right_shares, voted
from service.evaluation.calibration.samples import Sampled, SampledPath
from service.types import PathKind
from training.artifact import LOG, Artifact, Report
from training.progress import bar
from training.run import Run
from training.sample.sampling import read_samples
from training.sample.statistics import Accuracy, Difference, PairedTest, difference, mcnemar
from training.stages.dataset import examples
from training.stages.samples import SAMPLES, held_out_samples
from training.stages.self_training import student
from training.stages.train import trained

COMPARISON = "compare.json"
PAIRS = (
    ("MD, CoT greedy", "CoT student, greedy"),
    ("MD, PoT greedy", "PoT student, greedy"),
    ("MD, vote", "CoT student, vote"),
    ("MD, vote", "PoT student, vote"),
    ("MD, vote", "ensemble, vote"),
)
"""Measures that are tested against each other."""

CURVE_PATHS = (1, 2, 3, 5, 10, 20)
"""Paths of each kind at the points of the curves."""


@dataclass(frozen=True, slots=True)
class Students:
    """Samples of the three students on the same problems in the same order."""

    mixed: Sequence[Sampled]
    cot: Sequence[Sampled]
    pot: Sequence[Sampled]


@dataclass(frozen=True, slots=True)
class PathShares:
    """Share of sampled paths of one kind that are right.

    Args:
        mixed: share of the student of both kinds.
        single: share of the student of this kind.
        lead: lead of the student of both kinds, paired by problem.
    """

    mixed: float
    single: float
    lead: Difference


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Vote over a number of paths: accuracy, and completion tokens per problem."""

    paths: int
    accuracy: float
    tokens: float


class Comparison(Report):
    """Result of the comparison.

    Args:
        problems: number of problems.
        accuracies: accuracy by measure.
        tests: paired tests, by `FIRST against SECOND`.
        paths: shares of right paths, by kind.
        curves: votes over a rising number of paths, by student.
    """

    problems: int
    accuracies: dict[str, Accuracy]
    tests: dict[str, PairedTest]
    paths: dict[PathKind, PathShares]
    curves: dict[str, tuple[CurvePoint, ...]]


def stage(run: Run) -> Artifact:
    """`compare.json`, `compare.md` and plots of the curves."""
    settings = run.recipe.compare
    both, double = dict.fromkeys(PathKind, settings.paths), 2 * settings.paths
    steps = settings.steps or run.recipe.train.max_steps
    mixed = student(run)  # first: it needs both kinds in the data set
    single = {
        kind: trained(run, f"train-{kind.value}", lambda: examples(run), kinds=(kind,), max_steps=steps)
        for kind in PathKind
    }
    samples = {"mixed": held_out_samples(run, mixed, settings, settings.split, both)}
    for kind, artifact in single.items():
        samples[kind.value] = held_out_samples(run, artifact, settings, settings.split, {kind: double})

    def build(out: Path) -> None:
        students = Students(**{name: list(read_samples(found.path / SAMPLES)) for name, found in samples.items()})
        with bar("compare"):
            comparison = compare(students, settings.paths)
        comparison.write(out / COMPARISON)
        (out / "compare.md").write_text(table(comparison))
        _plot(comparison, out / LOG)

    inputs = {name: artifact.digest for name, artifact in samples.items()}
    return run.make("compare", {"paths": settings.paths}, inputs, build)


def compare(students: Students, paths: int) -> Comparison:
    """Compare the students.

    Args:
        students: their samples.
        paths: paths of each kind in the vote of the student of both kinds. Every vote has 2 · `paths` paths.
    """
    outcomes = measures(students, paths)
    single = {PathKind.COT: students.cot, PathKind.POT: students.pot}
    return Comparison(
        problems=len(students.mixed),
        accuracies={name: Accuracy.of(right) for name, right in outcomes.items()},
        tests={f"{a} against {b}": mcnemar(outcomes[a], outcomes[b]) for a, b in PAIRS},
        paths={kind: _path_shares(students.mixed, found, kind) for kind, found in single.items()},
        curves=curves(students, paths),
    )


def measures(students: Students, paths: int) -> dict[str, list[bool]]:
    """Whether each problem is answered rightly, by measure."""
    return {
        "CoT student, greedy": greedy(students.cot, PathKind.COT),
        "PoT student, greedy": greedy(students.pot, PathKind.POT),
        "MD, CoT greedy": greedy(students.mixed, PathKind.COT),
        "MD, PoT greedy": greedy(students.mixed, PathKind.POT),
        "CoT student, vote": voted(students.cot, 2 * paths, 0),
        "PoT student, vote": voted(students.pot, 0, 2 * paths),
        "ensemble, vote": [is_right(elected(p), gold) for p, gold in ensemble(students, paths)],
        "MD, CoT paths, vote": voted(students.mixed, paths, 0),
        "MD, PoT paths, vote": voted(students.mixed, 0, paths),
        "MD, vote": voted(students.mixed, paths, paths),
    }


def ensemble(students: Students, paths: int) -> list[tuple[list[SampledPath], str]]:
    """CoT paths of the CoT student and PoT paths of the PoT student in alternating order, and the gold answer."""
    pairs = zip(students.cot, students.pot, strict=True)
    return [
        (first(Sampled(c.id, c.gold, (*c.of(PathKind.COT), *p.of(PathKind.POT))), paths, paths), c.gold)
        for c, p in pairs
    ]


def curves(students: Students, paths: int) -> dict[str, tuple[CurvePoint, ...]]:
    """Votes of each student over a rising number of paths."""
    found: dict[str, list[CurvePoint]] = {"MD": [], "CoT student": [], "PoT student": [], "ensemble": []}
    for n in (n for n in CURVE_PATHS if n <= paths):
        chosen = {
            "MD": [(first(s, n, n), s.gold) for s in students.mixed],
            "CoT student": [(first(s, 2 * n, 0), s.gold) for s in students.cot],
            "PoT student": [(first(s, 0, 2 * n), s.gold) for s in students.pot],
            "ensemble": ensemble(students, n),
        }
        for name, votes in chosen.items():
            accuracy = sum(is_right(elected(p), gold) for p, gold in votes) / len(votes)
            tokens = sum(path.tokens for p, _ in votes for path in p) / len(votes)
            found[name].append(CurvePoint(2 * n, accuracy, tokens))
    return {name: tuple(points) for name, points in found.items()}


def table(comparison: Comparison) -> str:
    """The comparison as Markdown."""
    lines = ["| measure | accuracy | 95 % interval |", "|---|---:|---|"]
    for name, row in comparison.accuracies.items():
        low, high = row.interval
        lines.append(f"| {name} | {row.accuracy:.1%} | {low:.1%} to {high:.1%} |")
    lines += ["", "| paired | only the first | only the second | p |", "|---|---:|---:|---:|"]
    for name, test in comparison.tests.items():
        lines.append(f"| {name} | {test.only_first} | {test.only_second} | {test.p:.3f} |")
    lines += ["", "| right, of all sampled paths | MD | student of one kind | lead in points, 95 % |"]
    lines.append("|---|---:|---:|---:|")
    for kind, shares in comparison.paths.items():
        points = f"{100 * shares.lead.mean:+.1f} ± {100 * shares.lead.margin:.1f}"
        lines.append(f"| {kind.value} | {shares.mixed:.1%} | {shares.single:.1%} | {points} |")
    return "\n".join(lines) + "\n"


def _path_shares(mixed: Sequence[Sampled], single: Sequence[Sampled], kind: PathKind) -> PathShares:
    a, b = right_shares(mixed, kind), right_shares(single, kind)
    return PathShares(statistics.fmean(a), statistics.fmean(b), difference(a, b))


def _plot(comparison: Comparison, out: Path) -> None:
    from training import plots

    by_paths = {name: [(p.paths, p.accuracy) for p in points] for name, points in comparison.curves.items()}
    by_tokens = {name: [(p.tokens, p.accuracy) for p in points] for name, points in comparison.curves.items()}
    plots.accuracies(by_paths, "paths in the vote", out, "accuracy-paths.png")
    plots.accuracies(by_tokens, "completion tokens per problem", out, "accuracy-tokens.png")
