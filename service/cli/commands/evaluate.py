"""Command `twinpath evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import (
    CalibrationDirectory,
    Cot,
    EngineOptions,
    Pot,
    ServiceOptions,
    StoppingPolicy,
    VoteOptions,
    count_option,
    grouped,
    integer_option,
    overrides_of,
    requested_model,
    settings_of,
)


@grouped
def evaluate(
    data: Annotated[
        Path,
        typer.Option(
            help="File of problems with their answers: CSV, TSV or JSON Lines, or - for standard input.",
            show_default=False,
        ),
    ],
    limit: Annotated[int | None, count_option("Maximum number of problems.")] = None,
    policy: StoppingPolicy = None,
    *,
    service: ServiceOptions,
    output: Annotated[
        Path | None,
        typer.Option("--json", help="Output file for the figures and one row per problem. A killed run resumes."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Directory for an HTML report with plots and every wrong problem. A killed run resumes."),
    ] = None,
    concurrency: Annotated[int, count_option("Problems that are solved at the same time.")] = 4,
    seed: Annotated[int, integer_option("Seed of the samples of every problem.", min=0)] = 0,
    cot: Cot = None,
    pot: Pot = None,
    engine: EngineOptions,
    calibration: CalibrationDirectory = None,
    problem_column: Annotated[
        str | None, typer.Option(help="Column of the problems. Default: a usual name, such as question.")
    ] = None,
    answer_column: Annotated[
        str | None, typer.Option(help="Column of the right answers. Default: a usual name, such as answer.")
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column of the ids. Default: a usual name, such as id.")] = None,
) -> None:
    """Measure accuracy, trust, tokens and seconds over a file of problems.

    Each problem is solved twice: by the vote, and by one greedy explanation and
    one greedy program.
    """
    from service.cli.evaluate import Outputs, evaluate_and_show

    vote = VoteOptions(cot=cot, pot=pot, policy=policy)
    overrides = overrides_of(vote, model=requested_model(service, engine), seed=seed)
    evaluate_and_show(
        settings_of(service, engine, vote, calibration=calibration),
        data,
        columns={"problem": problem_column, "answer": answer_column, "id": id_column},
        limit=limit,
        url=service.url,
        model=overrides.get("model"),
        outputs=Outputs(output, report),
        concurrency=concurrency,
        seed=overrides["seed"],
    )
