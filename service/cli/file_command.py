"""Arguments and exit code of commands over the rows of a file."""

import asyncio
from collections.abc import Mapping
from os.path import realpath  # unlike Path.resolve, it raises at no loop of links
from pathlib import Path
from typing import NoReturn

import typer

from service.cli.output_stream import STANDARD_OUTPUT
from service.cli.row_run import RunOptions, open_rows, run_rows
from service.cli.row_task import RowTask
from service.schemas.batch import RequestT, ResponseT, ResultT


def check_file_arguments(texts: tuple[str | None, ...], source: Path, output: Path | None, *, as_json: bool) -> None:
    """Check the arguments of a command with --input.

    Raises:
        BadParameter: an argument does not go with --input.
    """
    if as_json:
        raise typer.BadParameter("--json does not go with --input; the suffix of --output selects JSON Lines or CSV")
    if any(text is not None for text in texts):
        raise typer.BadParameter("give the texts as arguments, or --input")
    if output is not None and output != STANDARD_OUTPUT and realpath(source) == realpath(output):
        raise typer.BadParameter("--output must be another file than --input")


def check_single_arguments(output: Path | None, concurrency: int | None, columns: Mapping[str, str | None]) -> None:
    """Check the arguments of a command without --input.

    Raises:
        BadParameter: an argument goes only with --input.
    """
    given = {
        "--output": output,
        "--concurrency": concurrency,
        **{f"--{name}-column": column for name, column in columns.items()},
    }
    for option, value in given.items():
        if value is not None:
            raise typer.BadParameter(f"{option} goes with --input")


def run_file(
    task: RowTask[RequestT, ResponseT, ResultT],
    source: Path,
    output: Path | None,
    columns: Mapping[str, str | None],
    options: RunOptions,
) -> NoReturn:
    """Process the rows of a file. The exit code is 1 if rows of this run have an error."""
    with open_rows(task, options.settings, source, columns) as table:
        failures = asyncio.run(run_rows(task, table, output, options))
    raise typer.Exit(1 if failures else 0)
