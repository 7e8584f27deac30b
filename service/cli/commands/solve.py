"""Command `twinpath solve`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from service.cli.file_command import check_file_arguments, check_single_arguments, run_file
from service.cli.options import (
    CalibrationDirectory,
    EngineOptions,
    IdColumn,
    Output,
    ProblemColumn,
    ServiceOptions,
    VoteOptions,
    count_option,
    field_help,
    float_option,
    grouped,
    integer_option,
    overrides_of,
    requested_model,
    settings_of,
)
from service.cli.row_run import RunOptions
from service.cli.standard_input import is_piped, text_from_stdin
from service.schemas import SolveRequest


@grouped
def solve(
    problem: Annotated[
        str | None, typer.Argument(help="The word problem. Default, and for -: standard input.", show_default=False)
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--input",
            help="File of problems instead of PROBLEM: CSV, TSV or JSON Lines, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    output: Output = None,
    problem_column: ProblemColumn = None,
    id_column: IdColumn = None,
    *,
    service: ServiceOptions,
    concurrency: Annotated[int | None, count_option("Problems of --input that are solved at the same time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the response as JSON.")] = False,
    vote: VoteOptions,
    min_confidence: Annotated[
        float | None,
        float_option("Give no answer if the confidence is lower. The exit code is then 3.", min=0, max=1),
    ] = None,
    seed: Annotated[int | None, integer_option(field_help("seed"), min=0)] = None,
    engine: EngineOptions,
    calibration: CalibrationDirectory = None,
) -> None:
    """Solve one problem and show the answer, how far to trust it, and why. Or solve a file.

    The exit code is 3 if the confidence is below --min-confidence. It is 2 if
    the run failed, 1 if rows of a file have an error, and otherwise 0.
    """
    overrides = overrides_of(vote, model=requested_model(service, engine), min_confidence=min_confidence, seed=seed)
    settings = settings_of(service, engine, vote, calibration=calibration)
    columns = {"problem": problem_column, "id": id_column}
    if source is not None:
        from service.cli.solve_file import SOLVING

        check_file_arguments((problem,), source, output, as_json=as_json)
        row_seed = overrides.pop("seed", None)  # each row without one gets its own from it
        options = RunOptions(settings, overrides, row_seed, service.url, concurrency)
        run_file(SOLVING, source, output, columns, options)
    check_single_arguments(output, concurrency, columns)
    from service.cli.solve import solve_and_show

    if is_piped(problem):
        problem = text_from_stdin(settings.max_body_bytes, "problem")
    if problem is None:
        raise typer.BadParameter("give a problem, or --input")
    request = SolveRequest.checked(problem=problem, trace=as_json, **overrides)
    raise typer.Exit(asyncio.run(solve_and_show(settings, request, url=service.url, as_json=as_json)))
