"""Run of a command over the rows of a file, with resume."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

from rich.console import Console

from service.cli.progress import row_progress
from service.cli.row_output import RowOutput, open_output
from service.cli.row_task import RowTask
from service.cli.run_description import Run, run_of
from service.cli.run_report import RunReport
from service.cli.table import Table, open_table
from service.errors import ConfigurationError, InputError
from service.schemas.batch import RequestT, ResponseT, ResultT, Row, RowId
from service.settings import Settings
from service.solve.problem import path_seed


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a run.

    Args:
        settings: settings of the engine in this process, and limits.
        overrides: request fields for rows without them.
        seed: seed for rows without one. None lets the service choose.
        url: running service. None works in this process.
        concurrency: maximum number of rows in progress. None is the setting.
    """

    settings: Settings
    overrides: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    url: str | None = None
    concurrency: int | None = None

    @property
    def description(self) -> Run:
        """Description of the run. The settings of the paths hold in this process only."""
        settings = self.settings
        local = {"policy": settings.policy, "cot": settings.cot_paths, "pot": settings.pot_paths}
        choices = {"overrides": self.overrides, **({} if self.url else local)}
        return run_of(settings, choices, url=self.url, seed=self.seed)


def open_rows(
    task: RowTask[RequestT, ResponseT, ResultT],
    settings: Settings,
    source: Path,
    columns: Mapping[str, str | None],
) -> AbstractContextManager[Table]:
    """Table of the rows of a task.

    Args:
        task: the work on each row.
        settings: limits.
        source: the file, or `STANDARD_INPUT`.
        columns: column names from options, by the name of the role.

    Raises:
        ConfigurationError: the file cannot be read, is empty, or has no column for a role.
    """
    return open_table(source, task.roles, chosen=columns, options=task.options, max_line_bytes=settings.max_body_bytes)


async def run_rows(
    task: RowTask[RequestT, ResponseT, ResultT],
    table: Table,
    path: Path | None,
    options: RunOptions,
) -> int:
    """Process every row that has no result yet.

    Args:
        task: the work on each row.
        table: the input.
        path: the output, or None for standard output.
        options: options of the run.

    Returns:
        Number of rows of this run that have an error.

    Raises:
        ConfigurationError: the output cannot be continued.
        EngineDeadError, ServiceError: no further row can be processed. Run the command again to resume.
    """
    console = Console(stderr=True)
    report = RunReport(console, task, table.unit, table.count)
    with open_output(path, table, task, options.description) as output:
        for line in (table.columns, *output.notes):
            report.say(line)
        try:
            with row_progress(console, task.title, table.count) as advance:

                def skip(number: int, label: str) -> None:
                    report.add_old(number, label)
                    advance(is_old=True)

                run = _Run(task, table, output, options, skip)
                async with aclosing(run.results()) as rows:  # if a write fails, open rows end before the engine
                    async for row in rows:
                        output.write(row)
                        report.add(row)
                        advance()
        except ConfigurationError:  # neither the output nor a resumed run is of use
            raise
        except BaseException:
            _finish(output, report)
            raise
        _finish(output, report)
    return report.failures


@dataclass(frozen=True)
class _Run(Generic[RequestT, ResponseT, ResultT]):
    """Rows without a result, and their results.

    Args:
        task: the work on each row.
        table: the input.
        output: the results so far.
        options: options of the run.
        skip: called with the number and the label of each row that has a result.
    """

    task: RowTask[RequestT, ResponseT, ResultT]
    table: Table
    output: RowOutput[ResultT]
    options: RunOptions
    skip: Callable[[int, str], None]

    async def results(self) -> AsyncGenerator[ResultT, None]:
        """Results, each as soon as it is ready. Without an unfinished row, no engine starts."""
        unfinished = self._unfinished()
        first = await anext(unfinished, None)
        if first is None:
            return
        concurrency = self.options.concurrency or self.options.settings.batch_concurrency
        async with self.task.backend(self.options.settings, self.options.url) as work:

            async def process(row: Row[RequestT]) -> ResponseT:
                return await work(self._complete(row))

            rows = self.task.format.process(_chained(first, unfinished), process, concurrency=concurrency)
            async with aclosing(rows):
                async for row in rows:
                    yield row

    def _complete(self, row: Row[RequestT]) -> RequestT:
        """Request with the overrides for fields that the row leaves out or sets to null."""
        defaults = dict(self.options.overrides)
        if (seed := self.options.seed) is not None:
            has_own = self.task.has_own_seeds
            defaults["seed"] = path_seed(seed, row.line - self.table.first) if has_own else seed
        request = row.request
        missing = {
            name: value
            for name, value in defaults.items()
            if name not in request.model_fields_set or getattr(request, name) is None
        }
        return request.model_copy(update=missing)

    async def _unfinished(self) -> AsyncIterator[Row[RequestT] | ResultT]:
        """Rows without a result. If ids join the results, a row with the id of an earlier row is an error."""
        task, unit = self.task, self.table.unit
        first_lines: dict[RowId, int] = {}
        for number, content in self.table.rows():
            row = task.format.parse_line((number, content), self.options.settings.max_body_bytes)
            first = number
            if not self.output.is_csv and row.id is not None:
                first = first_lines.setdefault(row.id, number)
            is_duplicate = first != number
            label = self.output.find(number, content)
            if label is not None:
                self.skip(number, label)
            elif is_duplicate:
                reason = f"{unit.capitalize()} {first} has the id {row.id!r} already; this {unit} is not {task.done}."
                yield task.format.failure(InputError(reason, "id"), line=number)
            else:
                yield row


async def _chained(
    first: Row[RequestT] | ResultT, others: AsyncIterator[Row[RequestT] | ResultT]
) -> AsyncIterator[Row[RequestT] | ResultT]:
    yield first
    async for row in others:
        yield row


def _finish(output: RowOutput[ResultT], report: RunReport[RequestT, ResponseT, ResultT]) -> None:
    output.finish()
    report.summarize(output)
