"""Summaries of finished stages, one line each, and of a finished run.

They read small files only, because an up-to-date run shows them too.
"""

import json
import math
import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from service.amounts import duration, number
from service.model.vocabulary import TRIM_FILE
from training.artifact import LOG
from training.curves import HISTORY
from training.data.card import DataCard
from training.data.filtered import FILTER_REPORT, FilterReport
from training.run import RATIONALES, Run, enabled_stages
from training.sample.statistics import Accuracy
from training.stages.calibrate import CALIBRATION, BestCalibration
from training.stages.compare import COMPARISON, Comparison
from training.stages.dataset import CARD, DEV, TEST
from training.stages.measure import MEASUREMENT, Measurement

MEAN_STEPS = 10
"""Steps of the mean loss. The loss of one step depends on its problems."""

_LOSSES = {"cot_loss": "CoT", "pot_loss": "PoT"}
_COMPARED = {"both kinds": "MD, vote", "only CoT": "CoT student, vote", "only PoT": "PoT student, vote"}
_SINGLES = {"one CoT path": "one CoT path, T = 0, repaired", "one PoT path": "one PoT path, T = 0"}
_VARIANTS = ("model", "adapter", "int8")

_Read = TypeVar("_Read")


def summary(stage: str, artifact: Path) -> str:
    """Result of a stage. Empty if its files are damaged or of another version.

    Args:
        stage: name of the stage.
        artifact: directory of its artifact.
    """
    return _readable(lambda: _SUMMARIES[stage](artifact), "")


def ending(run: Run, took_s: float) -> str:
    """Last lines of a run: result, duration, report and next command.

    Args:
        run: the run. The stages that its recipe turns on are made.
        took_s: duration of the command, in seconds.
    """
    nothing: list[tuple[str, str]] = []
    lines = [*_readable(lambda: [*_results(run)], nothing), *_warnings(run), ("Took", duration(took_s))]
    report = run.root / "report.html"
    if report.is_file():
        lines.append(("Report", str(report)))
    lines.append(("Next", shlex.join(["twinpath", "serve", "--model", str(run.stage("export").path / "model")])))
    return "\n".join(f"{label:<9}{text}" for label, text in lines)


def _results(run: Run) -> Iterator[tuple[str, str]]:
    """Accuracies of the student on the test problems, and of the compared students."""
    enabled = enabled_stages(run.recipe)
    if "measure" in enabled:
        for name, rows in Measurement.read(run.stage("measure").path / MEASUREMENT).sets.items():
            vote = _vote(rows)
            yield "Result", f"{name}: vote {_interval(vote)} of {number(vote.problems, 'test problem')}"
            yield "", ", ".join(f"{label} {_interval(rows[what])}" for label, what in _SINGLES.items() if what in rows)
    if "compare" in enabled:
        found = Comparison.read(run.stage("compare").path / COMPARISON)
        votes = [f"{label:<10} {_interval(found.accuracies[name])}" for label, name in _COMPARED.items()]
        yield "Compared", f"{votes[0]} of {number(found.problems, f'{run.recipe.compare.split} problem')}, by vote"
        yield from (("", vote) for vote in votes[1:])


def _warnings(run: Run) -> Iterator[tuple[str, str]]:
    """Trainings whose loss is not finite at the end."""
    for stage in ("train", "self_training"):
        if stage not in enabled_stages(run.recipe):
            continue
        losses: dict[str, float] = _readable(partial(_losses, run.stage(stage).path), dict[str, float]())
        if not all(map(math.isfinite, losses.values())):
            yield "Warning", f"the loss of {stage} is not finite, so the student is useless; lower train.lr"


def _vote(rows: Mapping[str, Accuracy]) -> Accuracy:
    """The full vote of a set's measures: over both kinds, or over the only one that the student learned."""
    return [row for name, row in rows.items() if name.endswith("paths")][-1]


def _interval(row: Accuracy) -> str:
    low, high = row.interval
    return f"{row.accuracy:.1%} ({low:.1%} to {high:.1%})"


def _teacher(artifact: Path) -> str:
    cost = artifact / LOG / "cost.json"
    dollars = f", ${json.loads(cost.read_text())['dollars']:.2f}" if cost.is_file() else ""
    return number(_rows(artifact / RATIONALES), "rationale") + dollars


def _filter(artifact: Path) -> str:
    kept, report = number(_rows(artifact / RATIONALES), "rationale"), artifact / LOG / FILTER_REPORT
    if not report.is_file():
        return f"{kept} kept"
    return f"{kept} kept of {sum(sum(row.results.values()) for row in FilterReport.read(report).rows):,}"


def _dataset(artifact: Path) -> str:
    examples = sum(row.rows for row in DataCard.read(artifact / CARD).rows)
    dev, test = _rows(artifact / DEV), _rows(artifact / TEST)
    return f"{number(examples, 'example')}, {dev:,} dev and {number(test, 'test problem')}"


def _base(artifact: Path) -> str:
    kept = artifact / TRIM_FILE
    return f"vocabulary of {number(len(json.loads(kept.read_text())), 'token')}" if kept.is_file() else ""


def _training(artifact: Path) -> str:
    losses = " ".join(f"{label} {loss:.3f}" for label, loss in _losses(artifact).items())
    return f"{number(_rows(artifact / HISTORY), 'step')}, mean loss {losses}"


def _losses(artifact: Path) -> dict[str, float]:
    """Mean loss of the last steps, by the name of its kind."""
    steps = (artifact / HISTORY).read_text().splitlines()
    last = [json.loads(step) for step in steps[-MEAN_STEPS:]]
    found = {label: [row[name] for row in last if name in row] for name, label in _LOSSES.items()}
    return {label: sum(losses) / len(losses) for label, losses in found.items() if losses}


def _compare(artifact: Path) -> str:
    found = Comparison.read(artifact / COMPARISON).accuracies
    return "vote of " + ", ".join(f"{label} {found[name].accuracy:.1%}" for label, name in _COMPARED.items())


def _calibrate(artifact: Path) -> str:
    best = BestCalibration.read(artifact / CALIBRATION)
    return (
        f"vote {best.report.accuracy_fixed:.1%} of {number(best.report.problems, 'dev problem')}, "
        f"temperature {best.temperature:g}, threshold {best.report.calibration.threshold:g}"
    )


def _measure(artifact: Path) -> str:
    sets = Measurement.read(artifact / MEASUREMENT).sets
    return "vote " + ", ".join(f"{_vote(rows).accuracy:.1%} of {name}" for name, rows in sets.items())


def _export(artifact: Path) -> str:
    return ", ".join(name for name in _VARIANTS if (artifact / name).is_dir())


def _readable(read: Callable[[], _Read], otherwise: _Read) -> _Read:
    """Content of a stage's files, or another value if they are damaged or of another version."""
    try:
        return read()
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return otherwise


def _rows(path: Path) -> int:
    """Number of lines of a file."""
    with path.open("rb") as lines:
        return sum(1 for _ in lines)


_SUMMARIES: Mapping[str, Callable[[Path], str]] = {
    "teacher": _teacher,
    "filter": _filter,
    "dataset": _dataset,
    "base": _base,
    "train": _training,
    "self_training": _training,
    "compare": _compare,
    "calibrate": _calibrate,
    "measure": _measure,
    "export": _export,
}
