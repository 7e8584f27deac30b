"""Figures of an evaluation on the terminal."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from service.cli.styles import STYLES
from service.evaluation.calibration_error import SelectivePoint
from service.evaluation.report import Report, distinct, trust_words
from service.evaluation.scoring import MEASURE_TITLES, PATH_TITLES, ProblemResult
from service.printable import one_line
from service.schemas.words import DEMO, DEMO_MODEL, MAJORITY, NOT_MEASURED, color, duration, number, percent
from service.types import Verdict

_BAR_WIDTH = 20
_MAX_WRONG = 10
_MAX_THRESHOLDS = 5
_MAX_CHARS = 40


def view(report: Report, page: Path | None) -> RenderableType:
    """Headline, accuracies, trust, wrong problems and costs.

    Args:
        report: the figures.
        page: HTML file of the report, or None.
    """
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True, style="bold")
    facts.add_column()
    for name, text in _facts(report):
        facts.add_row(name, text)
    if page:
        facts.add_row("report", Text(str(page), overflow="fold"))
    demo = [Text(DEMO, "bold yellow")] if report.model == DEMO_MODEL else []
    return Group(Text(), *demo, _headline(report), Text(), _accuracies(report), Text(), facts)


def _headline(report: Report) -> Text:
    tokens = f"{'about ' if report.token_share < 1 else ''}{percent(report.token_share, 1)} %"
    return Text.assemble(
        (f"{number(report.n, 'problem')} · {one_line(report.model)} · {report.policy} · seed {report.seed}", "bold"),
        (f"\n{duration(report.seconds)}, {tokens} of the tokens of a full vote", "dim"),
    )


def _accuracies(report: Report) -> Table:
    table = Table.grid(padding=(0, 2))
    for measure, title in MEASURE_TITLES.items():
        low, high = report.interval[measure]
        share = report.accuracy[measure]
        style = "bold" if measure == "vote" else ""
        interval = f"({percent(low, 1)}–{percent(high, 1)})"
        table.add_row(
            Text(title, style), share_bar(share), Text(f"{percent(share, 1)} %", style, justify="right"), interval
        )
    for kind, title in PATH_TITLES.items():
        if kind in report.paths_right:
            share = report.paths_right[kind]
            table.add_row(title, share_bar(share), Text(f"{percent(share, 1)} %", justify="right"))
    return table


def _facts(report: Report) -> Iterator[tuple[str, Text]]:
    yield "when it says", _by_verdict(report)
    name = "if you only take"
    for point in distinct(report.by_min_confidence)[-_MAX_THRESHOLDS:]:
        yield name, Text(_selective(point, report.n))
        name = ""
    if report.wrong:
        yield "wrong", _wrong([row for row in report.rows if not row.right["vote"]])
    yield "confidence", Text(trust_words(report))
    if not report.calibrated:
        yield "", Text(f"{NOT_MEASURED} {MAJORITY}")
    yield (
        "costs",
        Text(
            f"{report.completion_tokens_per_problem:.0f} completion tokens and {report.paths_per_problem:.1f} attempts "
            f"per problem, {report.problems_per_s:.2f} problems/s"
        ),
    )
    if report.warned:
        yield (
            "limit",
            Text(
                f"Most paths of {report.warned} of the {report.n} votes were cut off. {one_line(report.warning)}",
                "yellow",
            ),
        )
    if report.cut_off:
        yield (
            "deadline",
            Text(
                f"The deadline cut off {report.cut_off} of the {report.n} votes: raise deadline_s "
                "(TWINPATH_DEADLINE_S), or lower --concurrency.",
                "yellow",
            ),
        )


def _by_verdict(report: Report) -> Text:
    parts: list[Text] = []
    for verdict, found in report.by_verdict.items():
        if verdict == Verdict.NONE:
            parts.append(Text(f"no answer: {found.problems}"))
        else:
            counts = f": {'' if parts else 'right '}{found.right} of {found.problems}"
            parts.append(Text.assemble((verdict, STYLES[color(verdict)]), counts))
    return Text(" · ").join(parts)


def _selective(point: SelectivePoint, problems: int) -> str:
    share = percent(point.right, point.answered)
    return f"confidence ≥ {point.min_confidence:.1f}: {point.answered} of {problems} answered, {share} % right"


def _wrong(rows: list[ProblemResult]) -> Text:
    shown = [_wrong_row(row) for row in rows[:_MAX_WRONG]]
    more = [Text(f"and {len(rows) - _MAX_WRONG} more", "dim")] if len(rows) > _MAX_WRONG else []
    return Text("\n").join(shown + more)


def _wrong_row(row: ProblemResult) -> Text:
    answer = "no answer" if row.answer is None else f"given {row.answer} ({row.confidence:.2f})"
    return Text.assemble((_shortened(row.id), "cyan"), f"  right {_shortened(row.gold)}, {_shortened(answer)}")


def _shortened(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _MAX_CHARS else f"{line[: _MAX_CHARS - 1]}…"


def share_bar(share: float) -> Text:
    """Bar of a share in [0, 1]."""
    filled = round(_BAR_WIDTH * share)
    return Text.assemble(("█" * filled, "cyan"), ("░" * (_BAR_WIDTH - filled), "dim"))
