"""Command `twinpath evaluate`: accuracy, tokens and time over a file of problems."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from service.cli.backend import in_process, over_http
from service.errors import ConfigurationError
from service.evaluation.evaluate import GOLD_FORMS, MEASURES, LabeledProblem, Report, evaluate, read_problems
from service.schemas import PathBudget
from service.settings import Settings

_SHOWN_LINES = 5
_TITLES = {
    "cot_greedy": "one CoT path, greedy",
    "pot_greedy": "one PoT path, greedy",
    "cot_vote": "vote of CoT paths",
    "pot_vote": "vote of PoT paths",
    "vote": "vote of both kinds",
    "cot": "one CoT path, sampled",
    "pot": "one PoT path, sampled",
}


async def evaluate_and_show(
    settings: Settings,
    data: Path,
    *,
    limit: int | None,
    url: str | None,
    output: Path | None,
    concurrency: int,
    seed: int,
) -> None:
    """Evaluate on the problems of a file, and print a table.

    Args:
        settings: settings of the engine, the policy and the paths.
        data: JSON Lines file of rows with id, question and answer.
        limit: maximum number of problems.
        url: running service. None solves in this process.
        output: file for the figures and one row per problem.
        concurrency: problems that are solved at the same time.
        seed: seed of the samples.
    """
    problems = read_problems(data, limit)
    if output:
        await asyncio.to_thread(_check_writable, output)
    unread = [problem for problem in problems if not problem.is_readable]
    if unread:
        Console(stderr=True).print(_unread_golds(unread), style="yellow", markup=False, soft_wrap=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    async with over_http(url, settings) if url else in_process(settings) as solve:
        with bar:
            task = bar.add_task("Solving", total=2 * (len(problems) - len(unread)))
            report = await evaluate(
                solve,
                problems,
                policy=settings.policy,
                budget=PathBudget(cot=settings.cot_paths, pot=settings.pot_paths),
                seed=seed,
                concurrency=concurrency,
                tick=lambda: bar.advance(task),
            )
    if output:
        await asyncio.to_thread(output.write_text, json.dumps(asdict(report), indent=1), encoding="utf-8")
    Console().print(_table(report))


def _unread_golds(problems: Sequence[LabeledProblem]) -> str:
    shown = ", ".join(f"{problem.line} ({problem.answer!r})" for problem in problems[:_SHOWN_LINES])
    more = ", …" if len(problems) > _SHOWN_LINES else ""
    rows = f"{len(problems)} rows are" if len(problems) > 1 else "1 row is"
    return f"{rows} left out because their `answer` cannot be read: line {shown}{more}. {GOLD_FORMS}"


def _check_writable(output: Path) -> None:
    """Check the output file before the run."""
    try:
        with output.open("a"):
            pass
    except OSError as error:
        raise ConfigurationError(f"--json {output} cannot be written: {error.strerror}.") from None


def _table(report: Report) -> Table:
    perfect = report.calibration_error_if_perfect
    confident_half = next(point.accuracy for point in report.coverage if point.coverage == 0.5)
    caption = (
        f"{report.completion_tokens_per_problem:.0f} completion tokens and "
        f"{report.paths_per_problem:.1f} paths per problem, {report.problems_per_s:.2f} problems/s\n"
        f"Calibration error {report.calibration_error:.3f}. A perfect confidence would have "
        f"{perfect.median:.3f} (median) and at most {perfect.p95:.3f} (95 %)."
    )
    if report.cut_off:
        caption += (
            f"\nThe deadline cut off {report.cut_off} of the {report.n} votes: raise deadline_s "
            "(TWINPATH_DEADLINE_S), or lower --concurrency."
        )
    table = Table(title=f"{report.n} problems, {report.model}, policy {report.policy}", caption=caption)
    for column in ("", "accuracy", "95 % interval"):
        table.add_column(column, justify="left" if not column else "right")
    for measure in MEASURES:
        low, high = report.interval[measure]
        table.add_row(_TITLES[measure], f"{report.accuracy[measure]:.1%}", f"{low:.1%} to {high:.1%}")
    table.add_row("vote of both kinds, most confident half", f"{confident_half:.1%}")
    for kind, share in report.paths_right.items():
        table.add_row(_TITLES[kind], f"{share:.1%}")
    return table
