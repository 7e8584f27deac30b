"""Command `twinpath calibrate`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.options import (
    Adapters,
    Config,
    EngineName,
    EngineOption,
    EngineOptions,
    Model,
    Revision,
    ServiceOptions,
    ThinkingMode,
    ThinkingTokens,
    VoteOptions,
    count_option,
    field_help,
    float_option,
    integer_option,
    overrides_of,
    requested_model,
    setting_help,
    settings_of,
)
from service.limits import MAX_PATHS, MAX_TEMPERATURE, MAX_TOKENS

_SAMPLING = ("temperature", "top_p", "max_tokens", "thinking", "thinking_tokens")
"""Options that are settings of the same name."""


def calibrate(
    *,
    data: Annotated[
        Path,
        typer.Option(
            help="File of problems with their answers: CSV, TSV or JSON Lines, or - for standard input. 100 or 200 of "
            "them are enough.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Output directory for the calibration and its report.", show_default=False)],
    model: Model = None,
    revision: Revision = None,
    adapter: Adapters = None,
    dtype: Annotated[str | None, typer.Option(help=setting_help("dtype"))] = None,
    quantization: Annotated[str | None, typer.Option(help=setting_help("quantization"))] = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option(help=f"{setting_help('prompt')} Repeatable: the best one is kept.", metavar="<name|file>"),
    ] = None,
    limit: Annotated[int, count_option("Maximum number of problems.")] = 200,
    paths: Annotated[
        int | None,
        integer_option("Paths of each kind. Default: the settings cot_paths and pot_paths.", min=1, max=MAX_PATHS),
    ] = None,
    temperature: Annotated[float | None, float_option(field_help("temperature"), min=0, max=MAX_TEMPERATURE)] = None,
    top_p: Annotated[float | None, float_option(field_help("top_p"), max=1)] = None,
    max_tokens: Annotated[int | None, integer_option(field_help("max_tokens"), min=1, max=MAX_TOKENS)] = None,
    thinking: ThinkingMode = None,
    thinking_tokens: ThinkingTokens = None,
    concurrency: Annotated[int, count_option("Problems that are sampled at the same time.")] = 4,
    seed: Annotated[int, integer_option("Seed of the samples of every problem.", min=0)] = 0,
    engine: EngineName = None,
    engine_option: EngineOption = None,
    config: Config = None,
    problem_column: Annotated[
        str | None, typer.Option(help="Column of the problems. Default: a usual name, such as question.")
    ] = None,
    answer_column: Annotated[
        str | None, typer.Option(help="Column of the right answers. Default: a usual name, such as answer.")
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column of the ids. Default: a usual name, such as id.")] = None,
) -> None:
    """Measure how far to trust a model, on problems with known answers. A killed run resumes.

    The model gets a confidence map and a stopping threshold, for twinpath serve
    --calibration.
    """
    from service.cli.calibrate import calibrate_and_show

    vote = VoteOptions(
        cot=paths,
        pot=paths,
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        thinking=thinking,
        thinking_tokens=thinking_tokens,
    )
    overrides = overrides_of(vote, seed=seed)
    sampling = {name: overrides.get(name) for name in _SAMPLING}
    files = {"revision": revision, "dtype": dtype, "quantization": quantization}
    options = EngineOptions(model=model, adapter=adapter, engine=engine, engine_option=engine_option, config=config)
    prompts: list[str | None] = list(dict.fromkeys(prompt or [])) or [None]
    calibrate_and_show(
        settings_of(ServiceOptions(), options, vote, prompt=prompts[0], **files, **sampling),
        data,
        out,
        columns={"problem": problem_column, "answer": answer_column, "id": id_column},
        model=requested_model(ServiceOptions(), options),
        prompts=prompts,
        limit=limit,
        concurrency=concurrency,
        seed=overrides["seed"],
        next_options=_next_options(options, vote, files),
    )


def _next_options(engine: EngineOptions, vote: VoteOptions, files: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """Options of the command that serves the model with its calibration, which has the decoding.

    Args:
        engine: model and engine.
        vote: limits and numbers of paths.
        files: further settings of the model, by name.
    """
    given: list[tuple[str, Any]] = [
        ("--config", engine.config),
        ("--model", engine.model),
        *((f"--{name}", value) for name, value in files.items()),
        *(("--adapter", adapter) for adapter in engine.adapter or ()),
        ("--engine", engine.engine),
        *(("--engine-option", f"{name}={json.dumps(value)}") for name, value in engine.engine_option or ()),
        ("--cot-paths", vote.cot),
        ("--pot-paths", vote.pot),
        ("--max-tokens", vote.max_tokens),
        ("--thinking", vote.thinking),
        ("--thinking-tokens", vote.thinking_tokens),
    ]
    return [(name, str(value)) for name, value in given if value is not None]
