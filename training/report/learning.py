"""Training in the report: losses, memory, and accuracy on dev problems."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.amounts import duration
from service.evaluation.html.chart import Axis, Chart
from service.evaluation.html.elements import Html, element
from service.evaluation.html.figures import curve, figure, legend
from service.evaluation.html.tables import table
from training.artifact import LOG
from training.data.history import Points, loss_axis, losses_by_kind, smoothed, thinned
from training.report.files import Made, RunFiles
from training.report.layout import KINDS, part, section, share

_TITLES = {
    "train": "Student of both kinds",
    "self_training": "Self-training",
    "train-cot": "CoT student",
    "train-pot": "PoT student",
}
"""Names of the trainings, by artifact."""
_SINGLE = ("train-cot", "train-pot")
_WATCHED = {"cot": "one CoT path, greedy", "pot": "one PoT path, greedy", "both": "vote"}
_COLUMNS = ("steps", "learned tokens", "time", "tokens/s", "peak memory")
_MOST_POINTS = 300

Rows = Sequence[Mapping[str, Any]]


def learning(files: RunFiles) -> Html | None:
    """Section of the stages `train` and `self_training`, and of the students of one kind."""
    read = {name: files.rows(name, "history.jsonl") for name in _TITLES}
    histories = {name: rows for name, rows in read.items() if rows}
    if not histories:
        return None
    losses = {name: losses_by_kind(rows) for name, rows in histories.items()}
    single = {kind: points for name in _SINGLE for kind, points in losses.get(name, {}).items()}
    titles = {name: _title(name, losses[name]) for name in histories}
    figures = [_losses(f"Loss: {titles[name]}", losses[name]) for name in histories if name not in _SINGLE]
    figures.append(_losses("Loss: students of one kind", single))
    figures += [
        _watched(f"Dev problems: {titles[name]}", files.rows(name, f"{LOG}/watch.jsonl"), rows)
        for name, rows in histories.items()
        if name not in _SINGLE
    ]
    return part(
        "Training",
        histories,
        section("Trainings", _table(files, histories, titles)),
        element("div", *filter(None, figures), class_="plots"),
    )


def _title(name: str, losses: Mapping[str, Points]) -> str:
    """Title of a training. The student of a recipe can learn one kind only."""
    (kind, *others) = losses or ("",)
    return f"{KINDS[kind]} student" if name == "train" and kind and not others else _TITLES[name]


def _table(files: RunFiles, histories: Mapping[str, Rows], titles: Mapping[str, str]) -> Html:
    losses = (f"{kind} loss" for kind in KINDS.values())
    head = ("training", *_COLUMNS, *losses, "λ", "trained", "learning rate")
    memory = {name: files.rows(name, f"{LOG}/memory.jsonl") for name in histories}
    rows = (_row(titles[name], files.made[name], rows, memory[name]) for name, rows in histories.items())
    return table("counts", head, rows)


def _row(title: str, made: Made, history: Rows, memory: Rows) -> Iterable[str]:
    settings: Mapping[str, Any] = made.manifest.settings.get("train", {})
    tokens, losses = sum(row.get("tokens", 0) for row in history), losses_by_kind(history)
    rank = f", rank {settings.get('rank', '–')}" if settings.get("adapter") == "lora" else ""
    yield from (title, f"{len(history):,}", f"{tokens:,}")
    yield from (duration(made.seconds), f"{tokens / made.seconds:,.0f}") if made.seconds else ("–", "–")
    yield f"{memory[-1]['gib']:.1f} GiB" if memory else "–"
    for kind in KINDS:
        means = smoothed(losses.get(kind, []))
        yield f"{means[0][1]:.3g} → {means[-1][1]:.3g}" if means else "–"
    yield f"{settings.get('cot_weight', '–')}" if len(losses) == len(KINDS) else "–"
    yield from (f"{settings.get('adapter', '–')}{rank}", f"{settings.get('lr', '–')}")


def _losses(title: str, raw: Mapping[str, Points]) -> Html | None:
    if not raw:
        return None
    means = {kind: smoothed(points) for kind, points in raw.items()}
    x = Axis.fitted("step", [x for points in raw.values() for x, _ in points], from_zero=True)
    chart = Chart(title, x, loss_axis(raw.values(), "negative log-likelihood per token"))
    marks = [chart.line(thinned(points, _MOST_POINTS), f"{kind} faint") for kind, points in raw.items()]
    marks += [chart.line(thinned(points, _MOST_POINTS), kind) for kind, points in means.items()]
    names = {kind: f"{KINDS[kind]}: {points[-1][1]:.3g} at the end" for kind, points in means.items()}
    caption = "Faint: the loss of each step. Bold: its mean over a tenth of the training, at most 50 steps."
    return figure(title, chart.drawn(*marks), caption, legend(names))


def _watched(title: str, rows: Rows, history: Rows) -> Html | None:
    if not rows:
        return None
    keys = {"cot": "cot", "pot": "pot", "both": "vote"}
    series = {class_: key for class_, key in keys.items() if key in rows[0]}  # a student can learn one kind only
    y = Axis.fitted("right answers", [row[key] for row in rows for key in series.values()], is_share=True)
    chart = Chart(title, Axis.fitted("step", [row["step"] for row in (*rows, *history)], from_zero=True), y)
    marks = [
        curve(chart, [(row["step"], row[key], f"step {row['step']}: {share(row[key])}") for row in rows], class_)
        for class_, key in series.items()
    ]
    caption = "Some dev problems, solved during the training. They do not change the student."
    return figure(title, chart.drawn(*marks), caption, legend({class_: _WATCHED[class_] for class_ in series}))
