"""`twinpath train ablate RECIPE`: does each part of the data earn its place?

Beside the recipe's own student, one is trained for each part that is left out: a source, a file of rationales, the
mechanical programs, or the copies with other numbers. All have the same base and take `train.max_steps` steps, then
solve the dev problems with the decoding of `[calibrate]`. So the question is what a part is worth beside more of the
rest. Outcomes are paired and tested with McNemar's test; which share of all sampled paths is right tells two students
apart sooner, and is paired by problem. Neither knows the chance of one more training. Each student is a run of its own
below the recipe's, made stage by stage and never twice; a teacher is asked once for all.
"""

import json
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from service.errors import ConfigurationError
from service.types import PathKind
from training.compare import difference, figure, mcnemar
from training.pipeline import STAGES, open_run
from training.recipe import Recipe, Source
from training.report import SAMPLES
from training.run import Run
from training.sampling import Sampled, read_samples
from training.stages.data import examples
from training.stages.students import held_out_samples
from training.votes import greedy, right_shares, voted

MECHANICAL, NUMBERS = "mechanical", "numbers"
ALL = "all"


def parts(recipe: Recipe) -> list[str]:
    """What can be left out: a source without dev problems, what is made mechanically, one of a source's files."""
    names = [source.name for source in recipe.sources if not source.dev]
    if any(source.mechanical != "none" for source in recipe.sources):
        names.append(MECHANICAL)
    if recipe.dataset.augment:
        names.append(NUMBERS)
    return names + [_named(f) for source in recipe.sources if len(source.rationales) > 1 for f in source.rationales]


def without(recipe: Recipe, part: str) -> Recipe:
    """The recipe with one of its `parts` left out.

    Raises:
        ConfigurationError: it has no such part; the message names those it has.
    """
    if part not in parts(recipe):
        raise ConfigurationError(f"--without {part}: the recipe has no such part; it has {', '.join(parts(recipe))}")
    if part == NUMBERS:
        return recipe.model_copy(update={"dataset": recipe.dataset.model_copy(update={"augment": 0})})

    def less(source: Source) -> Source:
        if part == MECHANICAL:
            return source.model_copy(update={"mechanical": "none"})
        return source.model_copy(update={"rationales": tuple(f for f in source.rationales if _named(f) != part)})

    return recipe.model_copy(update={"sources": tuple(less(s) for s in recipe.sources if s.name != part)})


def ablate(recipe: Recipe, root: Path, left_out: Sequence[str], report: Callable[[str], None] = print) -> str:
    """Make the students and their samples below `root`; the table, which `ablation.md` there holds too.

    Raises:
        ConfigurationError: the recipe has nothing to measure on, or its students would not be trained alike.
    """
    if not any(source.dev for source in recipe.sources):
        raise ConfigurationError("ablate measures on dev problems: give a source `dev`")
    if not recipe.train.max_steps:
        raise ConfigurationError("ablate trains all students for the same number of steps: give train.max_steps")
    if recipe.train.start:
        raise ConfigurationError("ablate trains from the base, and train.start has learnt from every part")
    whole = open_run(recipe, root, report)
    shared = {name: lambda _, name=name: whole.stage(name) for name in ("teacher", "base")}
    runs = {ALL: whole}
    for part in left_out:
        directory = root / f"without-{part.replace('/', '-')}"
        runs[f"without {part}"] = Run(without(recipe, part), directory, {**STAGES, **shared}, report)
    samples, sizes = {}, {}
    for name, run in runs.items():
        report(f"{name}:")
        both = dict.fromkeys(PathKind, recipe.calibrate.paths)
        drawn = held_out_samples(run, run.stage("train"), recipe.calibrate, "dev", both)
        samples[name] = list(read_samples(drawn.path / SAMPLES))
        sizes[name] = Counter(example.kind for example in examples(run))
    facts = compared(samples, sizes, recipe.calibrate.paths)
    (root / "ablation.json").write_text(json.dumps(facts, indent=2) + "\n")
    (root / "ablation.md").write_text(table(facts))
    return table(facts)


def compared(
    samples: Mapping[str, Sequence[Sampled]], sizes: Mapping[str, Mapping[PathKind, int]], paths: int
) -> dict[str, Any]:
    """Each student's examples and accuracies, and how the one with all parts does against it.

    All `samples` are of the same problems in the same order.
    """

    def measures(found: Sequence[Sampled]) -> dict[str, list[bool]]:
        return {
            "CoT, T = 0": greedy(found, PathKind.COT),
            "PoT, T = 0": greedy(found, PathKind.POT),
            f"{paths} + {paths} paths": voted(found, paths, paths),
        }

    right = {name: measures(found) for name, found in samples.items()}
    of_all = {kind: right_shares(samples[ALL], kind) for kind in PathKind}
    return {
        "problems": len(samples[ALL]),
        "examples": {name: {kind.value: size[kind] for kind in PathKind} for name, size in sizes.items()},
        "students": {
            name: {
                what: figure(outcomes) | {"all against it": mcnemar(right[ALL][what], outcomes)}
                for what, outcomes in found.items()
            }
            for name, found in right.items()
        },
        "paths": {
            name: {
                kind.value: {
                    "right": statistics.fmean(drawn := right_shares(found, kind)),
                    "all above it": difference(of_all[kind], drawn),
                }
                for kind in PathKind
            }
            for name, found in samples.items()
        },
    }


def table(facts: Mapping[str, Any]) -> str:
    """A line for each student: its examples, accuracies, and how often `all` alone and it alone is right."""
    named = [*facts["students"][ALL], "all CoT paths", "all PoT paths"]
    lines = [f"| {facts['problems']} problems | CoT + PoT examples | {' | '.join(named)} |"]
    lines.append(f"|---|{'---:|' * (len(named) + 1)}")
    for name, rows in facts["students"].items():
        size = facts["examples"][name]
        cells = [f"{row['accuracy']:.1%}{_beside(row['all against it'], name)}" for row in rows.values()]
        cells += [f"{row['right']:.1%}{_above(row['all above it'], name)}" for row in facts["paths"][name].values()]
        lines.append(f"| {name} | {size['cot']:,} + {size['pot']:,} | {' | '.join(cells)} |")
    said = (
        "In brackets: right with all parts alone, without this part alone, and McNemar's p of that, uncorrected; of "
        "all sampled paths, how many points more are right with all parts, with the 95 % margin over problems."
    )
    return "\n".join([*lines, "", said]) + "\n"


def _beside(test: Mapping[str, float], name: str) -> str:
    return "" if name == ALL else f" ({test['only_first']}, {test['only_second']}, {test['p']:.2f})"


def _above(difference: tuple[float, float], name: str) -> str:
    more, margin = difference
    return "" if name == ALL else f" ({100 * more:+.1f} ± {100 * margin:.1f})"


def _named(file: str) -> str:
    """A file of rationales by its directory and stem: `svamp/teacher_cot`."""
    return "/".join(Path(file).with_suffix("").parts[-2:])
