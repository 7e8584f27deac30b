"""Result of a calibration on the terminal."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from service.cli.evaluation_view import share_bar
from service.cli.styles import STYLES
from service.evaluation.calibration.content import CalibrationContent
from service.evaluation.calibration.notes import likely_words, notes, run_words
from service.evaluation.calibration_error import error_words
from service.evaluation.statistics import wilson
from service.printable import one_line
from service.schemas.words import DEMO, DEMO_MODEL, color, number, percent
from service.types import Verdict


def view(content: CalibrationContent, page: Path) -> RenderableType:
    """Headline, meaning of each verdict, and figures.

    Args:
        content: the calibration and its figures.
        page: HTML report.
    """
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True, style="bold")
    facts.add_column()
    for name, text in _facts(content):
        facts.add_row(name, text)
    facts.add_row("report", Text(str(page), overflow="fold"))
    demo = [Text(DEMO, "bold yellow")] if content.made_for.model == DEMO_MODEL else []
    limits = [Text(one_line(note), "yellow") for note in notes(content)]
    parts = [
        Text(),
        *demo,
        Text(one_line(f"{content.made_for.model} · {run_words(content)}"), "bold"),
        Text(),
        Text(likely_words(content)),
        *limits,
        Text(),
    ]
    return Group(*parts, _verdicts(content), Text(), facts, Text())


def _verdicts(content: CalibrationContent) -> Table:
    """Problems of each verdict, with the share of right answers and its interval."""
    table = Table.grid(padding=(0, 2))
    for verdict, found in content.by_verdict.items():
        name = Text(verdict, STYLES[color(verdict)])
        if verdict == Verdict.NONE:
            table.add_row(Text("no answer", STYLES[color(verdict)]), "", "", number(found.problems, "problem"))
            continue
        low, high = (percent(end, 1) for end in wilson(found.right, found.problems))
        share = f"{percent(found.right, found.problems)} %"
        counts = f"right {found.right} of {found.problems} ({low}–{high})"
        table.add_row(name, share_bar(found.right / found.problems), Text(share, justify="right"), counts)
    return table


def _facts(content: CalibrationContent) -> Iterator[tuple[str, Text]]:
    perfect, before = content.calibration_error_if_perfect, content.calibration_error_before
    yield "confidence", Text(error_words(content.calibration_error, perfect, before))
    yield (
        "stopping",
        Text(
            f"at a Beta confidence of {content.calibration.threshold:g}, with "
            f"{percent(content.token_share, 1)} % of the tokens of a full vote: "
            f"{percent(content.accuracy, 1)} % right, full vote {percent(content.accuracy_full, 1)} %"
        ),
    )
    if len(content.prompts) > 1:
        shares = (f"{one_line(one.name)} {percent(one.right, one.problems)} %" for one in content.prompts)
        yield "prompts", Text(f"right answers of the full vote: {', '.join(shares)}")
