"""`twinpath evaluate`: solve a file's problems in this process or over a URL, and show the figures."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from service.assemble import assemble
from service.errors import EngineError
from service.evaluate import MEASURES, Report, Solve, evaluate, read_questions
from service.schemas import PathBudget, SolveRequest, SolveResponse
from service.settings import Settings
from service.terminal import build_progress

_TITLES = {
    "cot_greedy": "one CoT path, greedy",
    "pot_greedy": "one PoT path, greedy",
    "cot_vote": "CoT paths alone, voted",
    "pot_vote": "PoT paths alone, voted",
    "vote": "both kinds, voted",
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
    """Solve the file's problems, print a table, write the figures to `output`."""
    questions = read_questions(data, limit)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    async with _over_http(url) if url else _in_process(settings) as solve:
        with bar:
            task = bar.add_task("Solving", total=2 * len(questions))
            report = await evaluate(
                solve,
                questions,
                policy=settings.policy,
                budget=PathBudget(cot=settings.cot, pot=settings.pot),
                seed=seed,
                concurrency=concurrency,
                tick=lambda: bar.advance(task),
            )
    if output:
        await asyncio.to_thread(output.write_text, json.dumps(asdict(report), indent=1), encoding="utf-8")
    Console().print(_table(report))


@asynccontextmanager
async def _in_process(settings: Settings) -> AsyncIterator[Solve]:
    with build_progress() as progress:
        parts = assemble(settings, progress)
    solver = parts.solver(settings)

    async def solve(request: SolveRequest) -> SolveResponse:
        assert request.seed is not None
        problem = request.to_problem(
            settings,
            temperature=parts.decoding.temperature,
            top_p=parts.decoding.top_p,
            seed=request.seed,
        )
        # The id tells the two runs of a problem apart, which share its seed.
        solution = await solver.solve(problem, f"{request.seed}-{problem.temperature}")
        return SolveResponse.of(solution, trace=request.trace)

    try:
        await parts.sandbox.start()
        await parts.engine.start()
        yield solve
    finally:
        await parts.engine.close()
        await parts.sandbox.close()


@asynccontextmanager
async def _over_http(url: str) -> AsyncIterator[Solve]:
    async with httpx.AsyncClient(base_url=url, timeout=None) as client:  # noqa: S113 - the service keeps the deadline

        async def solve(request: SolveRequest) -> SolveResponse:
            try:
                response = await client.post("/solve", json=request.model_dump(mode="json", exclude_none=True))
            except httpx.HTTPError as error:
                raise EngineError(f"{url} does not answer: {error}") from None
            if response.is_error:
                raise EngineError(f"{url} answers {response.status_code}: {response.text[:500]}")
            return SolveResponse.model_validate_json(response.content)

        yield solve


def _table(report: Report) -> Table:
    table = Table(
        title=f"{report.n} problems, {report.model}, policy {report.policy}",
        caption=f"{report.completion_tokens_per_problem:.0f} completion tokens and "
        f"{report.paths_per_problem:.1f} paths a problem, {report.problems_per_s:.2f} problems/s",
    )
    for column in ("", "accuracy", "95 % interval"):
        table.add_column(column, justify="left" if not column else "right")
    for measure in MEASURES:
        low, high = report.interval[measure]
        table.add_row(_TITLES[measure], f"{report.accuracy[measure]:.1%}", f"{low:.1%} to {high:.1%}")
    return table
