"""Training in the report: losses, memory, and accuracy on dev problems."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from service.amounts import duration
from service.evaluation.html.chart import Axis, Chart
from service.evaluation.html.elements import Html, element
from service.evaluation.html.figures import curve, figure, legend
from service.evaluation.html.tables import share, table
from training.artifact import LOG
from training.curves import (
    HISTORY,
    MEMORY,
    WATCH,
    Points,
    diverged,
    loss_axis,
    losses_by_kind,
    smoothed,
    thinned,
    trained_kinds,
)
from training.report.files import Made, RunFiles
from training.report.layout import KINDS, hint, part, section

_TITLES = {
    "train": "Student of both kinds",
    "self_training": "Self-training",
    "train-cot": "CoT student",
    "train-pot": "PoT student",
}
"""Names of the trainings, by artifact."""
_SINGLE = ("train-cot", "train-pot")
_WATCHED = {"cot": "one CoT path, greedy", "pot": "one PoT path, greedy", "both": "vote"}
_COLUMNS = ("steps", "learned tokens", "time", "learned tokens/s", "peak memory")
_TOKENS = (
    "Learned tokens: those of the rationales. The progress bar also counts the prompts. Time: with loading and saving."
)
_LEAST_MINUTES = 0.05
"""Minimum duration for a speed. The rows of the memory are rounded to a thousandth of a minute."""
_MOST_POINTS = 300

Rows = Sequence[Mapping[str, Any]]


class _Step(BaseModel):
    """Row of the history."""

    step: int
    tokens: int = 0
    cot_loss: float | None = None
    pot_loss: float | None = None


class _Watched(BaseModel):
    """Row of `log/watch.jsonl`."""

    step: int
    cot: float | None = None
    pot: float | None = None
    vote: float | None = None


class _Memory(BaseModel):
    """Row of `log/memory.jsonl`, one per step of the last process."""

    minutes: float
    gib: float


def learning(files: RunFiles) -> Html | None:
    """Section of the stages `train` and `self_training`, and of the students of one kind."""
    histories = _histories(files)
    if not histories:
        return None
    losses = {name: losses_by_kind(rows) for name, rows in histories.items()}
    single = {kind: points for name in _SINGLE for kind, points in losses.get(name, {}).items()}
    titles = {name: _title(name, rows) for name, rows in histories.items()}
    figures = [_losses(f"Loss: {titles[name]}", losses[name]) for name in histories if name not in _SINGLE]
    figures.append(_losses("Loss: students of one kind", single))
    figures += [
        _watched(f"Dev problems: {titles[name]}", files.rows(name, f"{LOG}/{WATCH}", _Watched), rows)
        for name, rows in histories.items()
        if name not in _SINGLE
    ]
    return part(
        "Training",
        histories,
        section("Trainings", _table(files, histories, titles), hint(_TOKENS)),
        element("div", *filter(None, figures), class_="plots"),
    )


def divergences(files: RunFiles) -> list[str]:
    """Sentences on trainings with losses that are not finite."""
    found = {name: diverged(rows) for name, rows in _histories(files).items()}
    return [
        f"The training {name} diverged: its {' and '.join(KINDS[kind] for kind in steps)} loss is not a finite number, "
        f"first at step {min(steps.values())}. Do not use its student. Lower train.lr, and train again."
        for name, steps in found.items()
        if steps
    ]


def _histories(files: RunFiles) -> dict[str, Rows]:
    """Log rows of each training that was made."""
    read = {name: files.rows(name, HISTORY, _Step) for name in _TITLES}
    return {name: [row.model_dump(exclude_none=True) for row in rows] for name, rows in read.items() if rows}


def _title(name: str, history: Rows) -> str:
    """Title of a training. The student of a recipe can learn one kind only."""
    kinds = trained_kinds(history)
    return f"{KINDS[kinds[0]]} student" if name == "train" and len(kinds) == 1 else _TITLES[name]


def _table(files: RunFiles, histories: Mapping[str, Rows], titles: Mapping[str, str]) -> Html:
    losses = (f"{kind} loss" for kind in KINDS.values())
    head = ("training", *_COLUMNS, *losses, "λ", "trained", "learning rate")
    memory = {name: files.rows(name, f"{LOG}/{MEMORY}", _Memory) for name in histories}
    rows = (_row(titles[name], files.made[name], rows, memory[name]) for name, rows in histories.items())
    return table("counts", head, rows)


def _row(title: str, made: Made, history: Rows, memory: Sequence[_Memory]) -> Iterable[str]:
    settings: Mapping[str, Any] = made.manifest.settings.get("train", {})
    tokens, losses = sum(row.get("tokens", 0) for row in history), losses_by_kind(history)
    rank = f", rank {settings.get('rank', '–')}" if settings.get("adapter") == "lora" else ""
    yield from (title, f"{len(history):,}", f"{tokens:,}")
    yield from (duration(made.seconds) if made.seconds else "–", _speed(history, memory))
    yield f"{memory[-1].gib:.1f} GiB" if memory else "–"
    for kind in KINDS:
        means = smoothed(losses.get(kind, []))
        last = "not finite" if kind in diverged(history) else f"{means[-1][1]:.3f}" if means else ""
        yield f"{means[0][1]:.3f} → {last}" if means else last or "–"
    yield f"{settings.get('cot_weight', '–')}" if len(trained_kinds(history)) == len(KINDS) else "–"
    yield from (f"{settings.get('adapter', '–')}{rank}", f"{settings.get('lr', '–')}")


def _speed(history: Rows, memory: Sequence[_Memory]) -> str:
    """Learned tokens per second of the last process, from the end of its first step to its last."""
    minutes = memory[-1].minutes - memory[0].minutes if memory else 0.0
    if minutes < _LEAST_MINUTES:
        return "–"
    tokens = sum(row["tokens"] for row in history[1:][-(len(memory) - 1) :])
    return f"{tokens / (60 * minutes):,.0f}"


def _losses(title: str, raw: Mapping[str, Points]) -> Html | None:
    if not raw:
        return None
    means = {kind: smoothed(points) for kind, points in raw.items()}
    x = Axis.fitted("step", [x for points in raw.values() for x, _ in points], from_zero=True)
    chart = Chart(title, x, loss_axis(raw.values(), "negative log-likelihood per token"))
    marks = [chart.line(thinned(points, _MOST_POINTS), f"{kind} faint") for kind, points in raw.items()]
    marks += [chart.line(thinned(points, _MOST_POINTS), kind) for kind, points in means.items()]
    names = {kind: f"{KINDS[kind]}: {points[-1][1]:.3f} at the end" for kind, points in means.items()}
    caption = "Faint: the loss of each step. Bold: its mean over a tenth of the training, at most 50 steps."
    return figure(title, chart.drawn(*marks), caption, legend(names))


def _watched(title: str, rows: Sequence[_Watched], history: Rows) -> Html | None:
    series: dict[str, list[tuple[float, float, str]]] = {}  # a student can learn one kind only
    for row in rows:
        for class_, share_ in (("cot", row.cot), ("pot", row.pot), ("both", row.vote)):
            if share_ is not None:
                series.setdefault(class_, []).append((row.step, share_, f"step {row.step}: {share(share_)}"))
    if not series:
        return None
    y = Axis.fitted("right answers", [y for points in series.values() for _, y, _ in points], is_share=True)
    steps = [*(row.step for row in rows), *(row["step"] for row in history)]
    chart = Chart(title, Axis.fitted("step", steps, from_zero=True), y)
    marks = [curve(chart, points, class_) for class_, points in series.items()]
    caption = "Some dev problems, solved during the training. They do not change the student."
    return figure(title, chart.drawn(*marks), caption, legend({class_: _WATCHED[class_] for class_ in series}))
