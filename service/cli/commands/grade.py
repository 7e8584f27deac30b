"""Command `twinpath grade`."""

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
    grouped,
    integer_option,
    overrides_of,
    requested_model,
    settings_of,
)
from service.cli.row_run import RunOptions
from service.cli.standard_input import DASH, is_piped, text_from_stdin
from service.schemas import GradeRequest


@grouped
def grade(
    problem: Annotated[
        str | None, typer.Argument(help="The word problem, or - for standard input.", show_default=False)
    ] = None,
    response: Annotated[
        str | None,
        typer.Argument(
            help="The response: an answer, or a worked text that states one. Default, and for -: standard input.",
            show_default=False,
        ),
    ] = None,
    expected: Annotated[
        str | None, typer.Option(help="Expected answer. No engine is started then. Default: grade by a vote.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--input",
            help="File of responses instead of PROBLEM and RESPONSE: CSV, TSV or JSON Lines, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    output: Output = None,
    problem_column: ProblemColumn = None,
    response_column: Annotated[
        str | None, typer.Option(help="Column of the responses in --input. Default: a usual name, such as response.")
    ] = None,
    expected_column: Annotated[
        str | None, typer.Option(help="Column of expected answers in --input. Default: a usual name, such as solution.")
    ] = None,
    id_column: IdColumn = None,
    *,
    service: ServiceOptions,
    concurrency: Annotated[int | None, count_option("Responses of --input that are graded at the same time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the grade as JSON.")] = False,
    vote: VoteOptions,
    seed: Annotated[int | None, integer_option("Seed of the samples. Default: from the problem.", min=0)] = None,
    engine: EngineOptions,
    calibration: CalibrationDirectory = None,
) -> None:
    """Grade a response to a problem, and check its equations. Or grade a file.

    A response that begins with a minus sign needs two dashes before it:
    twinpath grade PROBLEM -- -26
    """
    overrides = overrides_of(vote, model=requested_model(service, engine), seed=seed)
    settings = settings_of(service, engine, vote, calibration=calibration)
    columns = {"problem": problem_column, "response": response_column, "expected": expected_column, "id": id_column}
    if source is not None:
        from service.cli.grade_file import GRADING

        if expected is not None:
            raise typer.BadParameter("--expected goes with a problem; --expected-column goes with --input")
        check_file_arguments((problem, response), source, output, as_json=as_json)
        row_seed = overrides.pop("seed", None)  # each row without one gets its own from it
        options = RunOptions(settings, overrides, row_seed, service.url, concurrency)
        run_file(GRADING, source, output, columns, options)
    check_single_arguments(output, concurrency, columns)
    problem, response = _texts(problem, response, settings.max_body_bytes)
    if problem is None or response is None:
        raise typer.BadParameter("give a problem and a response, or --input")
    from service.cli.grade import grade_and_show

    request = GradeRequest.checked(problem=problem, response=response, expected=expected, **overrides)
    asyncio.run(grade_and_show(settings, request, url=service.url, as_json=as_json))


def _texts(problem: str | None, response: str | None, max_bytes: int) -> tuple[str | None, str | None]:
    """Problem and response, one of which may be on standard input."""
    if problem == response == DASH:
        raise typer.BadParameter("only one of PROBLEM and RESPONSE can be on standard input")
    if problem == DASH:
        return text_from_stdin(max_bytes, "problem"), response
    if problem is not None and is_piped(response):
        return problem, text_from_stdin(max_bytes, "response")
    return problem, response
