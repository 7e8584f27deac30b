"""Ablation: students without one part of the data each.

All have the same base and take `train.max_steps` steps, so a part is measured against more of the rest. Outcomes on the
dev problems are paired. The tests do not cover the chance of another training. Each student is a run below the
recipe's.
"""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.errors import ConfigurationError
from service.evaluation.calibration.replay import greedy, right_shares, sampled_kinds, voted
from service.evaluation.calibration.samples import Sampled
from service.types import PathKind
from training.artifact import Report
from training.progress import print_line
from training.recipe import Recipe, Source
from training.run import Run
from training.sample.sampling import read_samples
from training.sample.statistics import Accuracy, Difference, PairedTest, difference, mcnemar
from training.stages.dataset import examples
from training.stages.samples import SAMPLES, held_out_samples
from training.stages.summaries import summary

DERIVED_PROGRAMS, NUMBERS = "derived_programs", "numbers"
ALL = "all"
_TITLES = {PathKind.COT: "CoT", PathKind.POT: "PoT"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Accuracy of a student by one measure, and the test of the student with all parts against it."""

    accuracy: Accuracy
    all_against_it: PairedTest


@dataclass(frozen=True, slots=True)
class PathShare:
    """Share of a student's sampled paths that are right, and the lead of the student with all parts."""

    right: float
    lead_of_all: Difference


@dataclass(frozen=True, slots=True)
class AblatedStudent:
    """Student without one part of the data.

    Args:
        examples: number of training examples by kind.
        outcomes: accuracy by measure.
        paths: share of right paths by kind.
    """

    examples: dict[PathKind, int]
    outcomes: dict[str, Outcome]
    paths: dict[PathKind, PathShare]


class Ablation(Report):
    """Content of `ablation.json`: number of problems, and students by name."""

    problems: int
    students: dict[str, AblatedStudent]


def parts(recipe: Recipe) -> list[str]:
    """Parts that can be left out.

    These are sources without dev problems, derived programs, copies with other numbers, and files of a source that has
    several.
    """
    names = [source.name for source in recipe.sources if not source.dev]
    if any(source.derived_programs != "none" for source in recipe.sources):
        names.append(DERIVED_PROGRAMS)
    if recipe.dataset.augment:
        names.append(NUMBERS)
    return names + [_file_name(f) for source in recipe.sources if len(source.rationales) > 1 for f in source.rationales]


def without(recipe: Recipe, part: str) -> Recipe:
    """The recipe without one of its `parts`.

    Raises:
        ConfigurationError: the recipe has no such part. The message lists its parts.
    """
    if part not in parts(recipe):
        raise ConfigurationError(f"--without {part}: the recipe has no such part; choose {', '.join(parts(recipe))}")
    if part == NUMBERS:
        return recipe.model_copy(update={"dataset": recipe.dataset.model_copy(update={"augment": 0})})

    def reduced(source: Source) -> Source:
        if part == DERIVED_PROGRAMS:
            return source.model_copy(update={"derived_programs": "none"})
        return source.model_copy(update={"rationales": tuple(f for f in source.rationales if _file_name(f) != part)})

    return recipe.model_copy(update={"sources": tuple(reduced(s) for s in recipe.sources if s.name != part)})


def ablate(recipe: Recipe, root: Path, left_out: Sequence[str], report: Callable[[str], None] = print_line) -> str:
    """Train the students, sample them, and compare them.

    Args:
        recipe: the recipe.
        root: directory of the recipe's run. `ablation.json` and `ablation.md` are written there.
        left_out: parts of the recipe, one per student.
        report: function that receives one line per stage.

    Returns:
        The comparison as Markdown.

    Raises:
        ConfigurationError: the recipe has no dev problems, no `train.max_steps`, or sets `train.start`.
    """
    if not any(source.dev for source in recipe.sources):
        raise ConfigurationError("ablate measures on dev problems; set `dev` of a source")
    if not recipe.train.max_steps:
        raise ConfigurationError("ablate trains all students for the same number of steps; set train.max_steps")
    if recipe.train.start:
        raise ConfigurationError("ablate trains from the base, but train.start learned from every part; remove it")
    whole = Run(recipe, root, report, summarize=summary)
    runs = {ALL: whole}
    for part in left_out:
        directory = root / f"without-{part.replace('/', '-')}"
        # The teacher's samples are paid for once, and all students share one base.
        shared = {"teacher": whole, "base": whole}
        runs[f"without {part}"] = Run(without(recipe, part), directory, report, shared, summary)
    samples, sizes, paths = {}, {}, recipe.train.paths(recipe.calibrate.paths)
    for name, run in runs.items():
        report(f"{name}:")
        drawn = held_out_samples(run, run.stage("train"), recipe.calibrate, "dev", paths)
        samples[name] = list(read_samples(drawn.path / SAMPLES))
        sizes[name] = Counter(example.kind for example in examples(run))
    ablation = compare(samples, sizes, max(paths.values()))
    ablation.write(root / "ablation.json")
    (root / "ablation.md").write_text(table(ablation))
    return table(ablation)


def compare(
    samples: Mapping[str, Sequence[Sampled]], sizes: Mapping[str, Mapping[PathKind, int]], paths: int
) -> Ablation:
    """Compare each student with the one that has all parts.

    Args:
        samples: samples of each student, on the same problems in the same order.
        sizes: number of training examples of each student, by kind.
        paths: paths of each kind in the vote.
    """
    kinds = sampled_kinds(samples[ALL])

    def measures(found: Sequence[Sampled]) -> dict[str, list[bool]]:
        right = {f"{_TITLES[kind]}, T = 0": greedy(found, kind) for kind in kinds}
        return right | {f"{' + '.join([str(paths)] * len(kinds))} paths": voted(found, paths, paths)}

    right_of_all = measures(samples[ALL])
    shares_of_all = {kind: right_shares(samples[ALL], kind) for kind in kinds}

    def student(name: str) -> AblatedStudent:
        shares = {kind: right_shares(samples[name], kind) for kind in kinds}
        return AblatedStudent(
            examples={kind: sizes[name][kind] for kind in PathKind},
            outcomes={
                measure: Outcome(Accuracy.of(right), mcnemar(right_of_all[measure], right))
                for measure, right in measures(samples[name]).items()
            },
            paths={
                kind: PathShare(statistics.fmean(found), difference(shares_of_all[kind], found))
                for kind, found in shares.items()
            },
        )

    return Ablation(problems=len(samples[ALL]), students={name: student(name) for name in samples})


def table(ablation: Ablation) -> str:
    """Markdown table: one row per student."""
    whole = ablation.students[ALL]
    named = [*whole.outcomes, *(f"all {_TITLES[kind]} paths" for kind in whole.paths)]
    lines = [f"| {ablation.problems} problems | CoT + PoT examples | {' | '.join(named)} |"]
    lines.append(f"|---|{'---:|' * (len(named) + 1)}")
    for name, row in ablation.students.items():
        size = row.examples
        cells = [f"{o.accuracy.accuracy:.1%}{_test(o.all_against_it, name)}" for o in row.outcomes.values()]
        cells += [f"{share.right:.1%}{_lead(share.lead_of_all, name)}" for share in row.paths.values()]
        lines.append(f"| {name} | {size[PathKind.COT]:,} + {size[PathKind.POT]:,} | {' | '.join(cells)} |")
    note = (
        "In brackets: problems that only the student with all parts gets right, problems that only this one gets "
        "right, and McNemar's p without correction. For sampled paths: lead of the student with all parts in points, "
        "with its 95 % margin over problems."
    )
    return "\n".join([*lines, "", note]) + "\n"


def _test(test: PairedTest, name: str) -> str:
    return "" if name == ALL else f" ({test.only_first}, {test.only_second}, {test.p:.2f})"


def _lead(lead: Difference, name: str) -> str:
    return "" if name == ALL else f" ({100 * lead.mean:+.1f} ± {100 * lead.margin:.1f})"


def _file_name(file: str) -> str:
    """Directory and stem of a file of rationales: `svamp/teacher_cot`."""
    return "/".join(Path(file).with_suffix("").parts[-2:])
