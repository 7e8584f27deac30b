"""Teacher, filter and data set in the report."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from pydantic import BaseModel

from service.evaluation.html.elements import Html, element, join
from service.evaluation.html.tables import bar, table
from service.types import PathKind
from training.artifact import LOG
from training.data.card import DataCard
from training.data.filtered import DROPPED, FILTER_REPORT, FilterReport, FilterResult, FilterRow
from training.report.files import RunFiles
from training.report.layout import KINDS, facts, hint, part, section
from training.stages.dataset import CARD

_TWIN_HEAD = ("held out", "questions", "equal", "equal but for numbers", "80 % of the words")
MAX_CHARS = 1500
"""Maximum number of shown characters of one text."""


class DroppedRow(BaseModel):
    """Row of `log/dropped.jsonl`."""

    id: str
    teacher: str
    kind: PathKind
    text: str
    result: str
    found: str = ""
    question: str = ""
    answer: str = ""


class TeacherCost(BaseModel):
    """Content of `log/cost.json` of the stage `teacher`."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    dollars: float = 0.0
    lost: int = 0
    failed: int = 0


def teacher_cost(files: RunFiles) -> TeacherCost | None:
    """Cost of the teacher. None without the file."""
    return next(iter(files.rows("teacher", f"{LOG}/cost.json", TeacherCost)), None)


def teacher(files: RunFiles) -> Html | None:
    """Section of the stage `teacher`."""
    cost = teacher_cost(files)
    if cost is None:
        return None
    settings = files.made["teacher"].manifest.settings.get("teacher", {})
    rows = {
        "model": f"{settings.get('model', '–')}",
        "samples per problem": f"{settings.get('cot', '–')} CoT, {settings.get('pot', '–')} PoT",
        "temperature": f"{settings.get('temperature', '–')}",
        "prompt tokens": f"{cost.prompt_tokens:,}",
        "completion tokens": f"{cost.completion_tokens:,}",
        "cost": f"${cost.dollars:,.4f}",
        "attempts that timed out": f"{cost.lost:,}",
        "failed requests": f"{cost.failed:,}",
    }
    return part("Teacher", ["teacher"], section("Cost of the rationales", facts(rows)))


def filtered(files: RunFiles) -> Html | None:
    """Section of the stage `filter`, and of the student's own rationales."""
    reports = {name: files.read(name, f"{LOG}/{FILTER_REPORT}", FilterReport) for name in ("filter", "own")}
    found = {name: report for name, report in reports.items() if report and report.rows}
    if not found:
        return None
    dropped = [row for name in found for row in files.rows(name, f"{LOG}/{DROPPED}", DroppedRow)]
    rows = [row for report in found.values() for row in report.rows if row.results]
    total: Counter[str] = Counter()
    for row in rows:
        total.update({result.value: count for result, count in row.results.items()})
    return part("Filter", found, section("Kept and dropped rationales", _counts(rows)), *examples(dropped, total))


def _counts(rows: Sequence[FilterRow]) -> Html:
    reasons = [result for result in FilterResult if result is not FilterResult.KEPT]
    used = [result for result in reasons if any(result in row.results for row in rows)]
    cells = []
    for row in rows:
        total, kept = sum(row.results.values()), row.results.get(FilterResult.KEPT, 0)
        counts = (f"{row.results.get(result, 0):,}" for result in used)
        cells.append((row.teacher, KINDS[row.kind], f"{total:,}", f"{kept:,}", bar(kept / total, row.kind), *counts))
    return table("kept", ("teacher", "kind", "rows", "kept", "share kept", *used), cells)


def examples(dropped: Iterable[DroppedRow], total: Mapping[str, int]) -> list[Html]:
    """Dropped rationales, folded by reason in the order of the filter's tests.

    Args:
        dropped: rows of `log/dropped.jsonl`.
        total: number of rationales by result.
    """
    order = {result.value: place for place, result in enumerate(FilterResult)}
    ordered = sorted(dropped, key=lambda row: order.get(row.result, len(order)))
    return [
        _reason(result, list(rows), total.get(result, 0)) for result, rows in groupby(ordered, lambda row: row.result)
    ]


def _reason(result: str, rows: Sequence[DroppedRow], total: int) -> Html:
    columns = [element("div", *(_example(row) for row in rows if row.kind == kind)) for kind in PathKind]
    summary = element(
        "summary",
        element("b", f"{total:,}", class_="count"),
        element("span", f"Dropped: {result}", class_="reason"),
        element("span", f"{len(rows)} shown", class_="soft"),
    )
    is_open = "" if result == FilterResult.WRONG else None
    content = element("div", element("div", *columns, class_="columns"), class_="group")
    return element("details", summary, content, class_="dropped", open=is_open)


def _example(row: DroppedRow) -> Html:
    origin = [element("span", f"{row.teacher} · {row.id}", class_="id")]
    if row.answer:
        origin.append(element("span", " gold ", element("b", shortened(row.answer))))
    if row.found:
        origin.append(element("span", " found ", element("b", shortened(row.found), class_="bad")))
    text = shortened(row.text)
    return element(
        "article",
        element("p", join(*origin), class_="soft"),
        element("p", shortened(row.question), class_="problem") if row.question else None,
        element("pre", text, class_="program") if row.kind is PathKind.POT else element("p", text, class_="text"),
        class_=f"attempt {row.kind}",
    )


def shortened(text: str) -> str:
    """The text, cut off after `MAX_CHARS` characters."""
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}… ({len(text):,} characters)"


def dataset(files: RunFiles) -> Html | None:
    """Section of the stage `dataset`."""
    card = files.read("dataset", CARD, DataCard)
    if card is None:
        return None
    total = max(1, sum(row.rows for row in card.rows))
    rows = (
        (r.source, KINDS[r.kind], f"{r.questions:,}", f"{r.rows:,}", bar(r.rows / total, r.kind), f"{r.median_chars:,}")
        for r in card.rows
    )
    twins = (
        (name, f"{c.questions:,}", f"{c.exact:,}", f"{c.masked:,}", f"{c.similar:,}")
        for name, c in card.contamination.items()
    )
    return part(
        "Data set",
        ["dataset"],
        element(
            "div",
            section(
                "Training examples",
                table("kept", ("source", "kind", "questions", "examples", "share", "median characters"), rows),
            ),
            section(
                "Held-out questions that occur in training",
                table("counts", _TWIN_HEAD, twins),
                hint("Each test is wider than the one before. The check only reports."),
            ),
            class_="summary",
        ),
    )
