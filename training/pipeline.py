"""The pipeline: which stages there are, and how they rest on each other.

    sources ─┬─ teacher ─┐
             └───────────┴─ filter ── dataset ── base ── train ── second ── compare ── calibrate ── measure ── export

`cli.py` calls it, `run.py` holds what one run needs, `stages/` says what each stage reads and makes.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from training.recipe import Recipe
from training.run import Run, Stage
from training.stages import data, figures, students

STAGES: Mapping[str, Stage] = {
    "teacher": data.teacher,
    "filter": data.verified,
    "dataset": data.data_set,
    "base": data.base,
    "train": students.train,
    "second": students.second_round,
    "compare": figures.compare,
    "calibrate": figures.calibrate,
    "measure": figures.measure,
    "export": figures.export,
}


def open_run(recipe: Recipe, root: Path, report: Callable[[str], None] = print) -> Run:
    """A run of all stages of `recipe` in the directory `root`."""
    return Run(recipe, root, STAGES, report)
