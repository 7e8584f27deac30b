"""Options that commands share, and the settings and fields from them."""

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from service.errors import ConfigurationError
from service.limits import MAX_DEADLINE_S, MAX_PATHS, MAX_REPETITION_PENALTY, MAX_TEMPERATURE, MAX_TOKENS
from service.schemas import SolveRequest
from service.settings import EngineKind, Settings, load_settings
from service.types import Policy, Thinking


def number(text: Any) -> Any:
    """Number, or a text that is none. The check of the request refuses that in the words of the API."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def at_least_one(param: typer.CallbackParam, value: Any) -> Any:
    """Value of an option that no request has.

    Raises:
        ConfigurationError: the value is not a positive whole number.
    """
    if value is not None and (not isinstance(value, int) or value < 1):
        raise ConfigurationError(f"{param.opts[0]} must be a whole number of at least 1.")
    return value


def engine_option(text: Any) -> tuple[str, Any]:
    """Name and value of --engine-option. The value is JSON, or else a text.

    Raises:
        ConfigurationError: there is no name or no value.
    """
    name, sign, value = str(text).partition("=")
    if not (name and sign):
        raise ConfigurationError(f"--engine-option {text} must be NAME=VALUE, such as block_size=32.")
    try:
        return name.replace("-", "_"), json.loads(value)
    except (ValueError, RecursionError):
        return name.replace("-", "_"), value


def option_table(pairs: Iterable[tuple[str, Any]] | None) -> dict[str, Any] | None:
    """Options by name. The last one of a name counts. None means that none was given."""
    return None if pairs is None else dict(pairs)


def setting_help(name: str) -> str:
    """Description of a setting."""
    return str(Settings.model_fields[name].description)


def field_help(name: str) -> str:
    """Description of a field of a request."""
    return str(SolveRequest.model_fields[name].description)


def integer_option(help_text: str, **limits: Any) -> Any:
    """Option of a whole number. The limits are only for the help."""
    return typer.Option(help=help_text, parser=number, metavar="<int>", **limits)


def float_option(help_text: str, **limits: Any) -> Any:
    """Option of a number. The limits are only for the help."""
    return typer.Option(help=help_text, parser=number, metavar="<float>", **limits)


def count_option(help_text: str) -> Any:
    """Option of a positive whole number."""
    return integer_option(help_text, min=1, callback=at_least_one)


Config = Annotated[Path | None, typer.Option(help="TOML file of settings.", dir_okay=False)]
Model = Annotated[str | None, typer.Option(help=setting_help("model"))]
Revision = Annotated[str | None, typer.Option(help=setting_help("revision"))]
ModelOrName = Annotated[
    str | None, typer.Option(help=f"{setting_help('model')} With --url: name of a model that the service has.")
]
Prompt = Annotated[str | None, typer.Option(help=setting_help("prompt"))]
EngineName = Annotated[
    str | None,  # the settings check it
    typer.Option(
        help=setting_help("engine"), metavar=f"<{'|'.join(EngineKind)}>", autocompletion=lambda: list(EngineKind)
    ),
]
EngineOption = Annotated[
    list[Any] | None,
    typer.Option(
        "--engine-option",
        help="Option of the vllm engine, by vLLM's name. VALUE is JSON, or else a text. Repeatable.",
        parser=engine_option,
        metavar="<name=value>",
    ),
]
CalibrationDirectory = Annotated[
    Path | None, typer.Option("--calibration", help=setting_help("calibration"), metavar="<directory>")
]
Adapters = Annotated[
    list[str] | None,
    typer.Option(
        "--adapter",
        help="LoRA adapter on the model, as NAME=DIR or DIR. The first one answers, not the model. Repeatable.",
        metavar="<name=dir>",
    ),
]
Libraries = Annotated[
    bool | None,
    typer.Option(
        "--sandbox-libraries/--no-sandbox-libraries", help=setting_help("sandbox_libraries"), show_default=False
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        help="Output file of --input: CSV, TSV or JSON Lines, by its suffix. An interrupted run resumes. Default: "
        "standard output.",
        dir_okay=False,
        allow_dash=True,
    ),
]
ProblemColumn = Annotated[
    str | None, typer.Option(help="Column of the problems in --input. Default: a usual name, such as question.")
]
IdColumn = Annotated[str | None, typer.Option(help="Column of the ids in --input. Default: a usual name, such as nr.")]
Cot = Annotated[int | None, integer_option("Maximum number of chain-of-thought paths.", min=0, max=MAX_PATHS)]
Pot = Annotated[int | None, integer_option("Maximum number of program-of-thought paths.", min=0, max=MAX_PATHS)]
ThinkingMode = Annotated[
    str | None,  # the request checks it
    typer.Option(help=field_help("thinking"), metavar=f"<{'|'.join(Thinking)}>", autocompletion=lambda: list(Thinking)),
]
ThinkingTokens = Annotated[int | None, integer_option(field_help("thinking_tokens"), min=0, max=MAX_TOKENS)]
StoppingPolicy = Annotated[
    str | None,  # the request checks it
    typer.Option(help="Stopping policy.", metavar=f"<{'|'.join(Policy)}>", autocompletion=lambda: list(Policy)),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """Running service that does the work, if any."""

    url: Annotated[str | None, typer.Option(help="URL of a running service. Default: solve in this process.")] = None
    api_key_file: Annotated[Path | None, typer.Option(help=setting_help("client_api_key_file"))] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Engine in this process."""

    model: ModelOrName = None
    adapter: Adapters = None
    prompt: Prompt = None
    engine: EngineName = None
    engine_option: EngineOption = None
    config: Config = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteOptions:
    """Options of a vote that a request has too."""

    cot: Cot = None
    pot: Pot = None
    policy: StoppingPolicy = None
    temperature: Annotated[float | None, float_option(field_help("temperature"), min=0, max=MAX_TEMPERATURE)] = None
    top_p: Annotated[float | None, float_option(field_help("top_p"), max=1)] = None
    top_k: Annotated[int | None, integer_option(field_help("top_k"), min=-1)] = None
    min_p: Annotated[float | None, float_option(field_help("min_p"), min=0, max=1)] = None
    repetition_penalty: Annotated[
        float | None, float_option(field_help("repetition_penalty"), max=MAX_REPETITION_PENALTY)
    ] = None
    max_tokens: Annotated[int | None, integer_option(field_help("max_tokens"), min=1, max=MAX_TOKENS)] = None
    thinking: ThinkingMode = None
    thinking_tokens: ThinkingTokens = None
    deadline_s: Annotated[float | None, float_option(field_help("deadline_s"), max=MAX_DEADLINE_S)] = None


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each field of its parameters that are dataclasses."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    @wraps(command)
    def run(**given: Any) -> None:
        values = {name: kind(**{of.name: given.pop(of.name) for of in fields(kind)}) for name, kind in groups.items()}
        command(**given, **values)

    own = inspect.signature(command).parameters
    flat = [
        part for name, one in own.items() for part in (_parameters(groups[name]) if name in groups else [one])
    ]  # fmt: skip
    keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in flat]
    run.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    return run


def _parameters(group: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(group).parameters.values())


def overrides_of(vote: VoteOptions, **others: Any) -> dict[str, Any]:
    """Fields of a request that are given.

    Args:
        vote: options of the vote.
        others: further fields. None means not given.

    Raises:
        InputError: a value is invalid. The error names the field, as the API does.
    """
    values = asdict(vote) | others
    paths = {kind: values.pop(kind) for kind in ("cot", "pot") if values[kind] is not None}
    given = {name: value for name, value in values.items() if value is not None} | ({"paths": paths} if paths else {})
    checked = SolveRequest.checked(problem="?", **given)
    return {name: getattr(checked, name) for name in given}


def requested_model(service: ServiceOptions, engine: EngineOptions) -> str | None:
    """Name of the model that answers: that of --model with --url, else that of the first --adapter.

    Raises:
        CheckpointError: the adapter has no name.
    """
    if service.url or not engine.adapter:
        return engine.model if service.url else None
    from service.model.adapter import named_directory

    return named_directory(engine.adapter[0])[0]


def settings_of(service: ServiceOptions, engine: EngineOptions, vote: VoteOptions, **others: Any) -> Settings:
    """Settings with the options of a command.

    Args:
        service: running service.
        engine: engine in this process.
        vote: options of the vote.
        others: further settings. None means not given.

    Raises:
        ConfigurationError: as `load_settings`.
    """
    flags: Mapping[str, Any] = {
        "cot_paths": vote.cot,
        "pot_paths": vote.pot,
        "policy": vote.policy,
        "model": engine.model,
        "adapters": engine.adapter,
        "prompt": engine.prompt,
        "engine": engine.engine,
        "engine_options": option_table(engine.engine_option),
        "client_api_key_file": service.api_key_file,
        **others,
    }
    return load_settings(engine.config, **flags)
