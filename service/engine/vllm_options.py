"""Check of engine options against the types of vLLM's arguments.

The dataclass of the arguments is a parameter, so this module works without vLLM.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, partial, reduce
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, ValidationError, WithJsonSchema, create_model

from service.errors import ConfigurationError
from service.faults import fault_texts

_TABLE = "engine_options"
_SETTINGS = {
    "model": "model",
    "model_weights": "model",
    "served_model_name": "model",
    "revision": "revision",
    "dtype": "dtype",
    "quantization": "quantization",
    "max_model_len": "max_model_len",
    "max_num_seqs": "max_num_seqs",
    "gpu_memory_utilization": "gpu_memory_utilization",
    "tensor_parallel_size": "tensor_parallel_size",
    "max_num_queued_reqs": "max_queue",
    "max_num_queued_tokens": "max_queue",
    "log_level": "log_level",
}
_TOKENIZER = "the prompts are made with the tokenizer of the model"
_SAMPLING = "requests, settings and the model's files give the sampling parameters"
_GENERATES = "the engine must generate text"
_NO_LOGPROBS = "no path needs log probabilities"
_ORDER = "paths must run in their fixed order"
_THOUGHTS = "the chat template gives the delimiters of thoughts; use the settings `thinking` and `thinking_tokens`"
_LOGS = "the service configures the logs, which contain no text of a request"
_CHUNKS = "vLLM fails on a seeded path whose prompt it prefills in chunks"

REFUSED: Mapping[str, str] = {
    **{option: f"use the setting `{setting}`" for option, setting in _SETTINGS.items()},
    "tokenizer": _TOKENIZER,
    "tokenizer_mode": _TOKENIZER,
    "tokenizer_revision": _TOKENIZER,
    "skip_tokenizer_init": _TOKENIZER,
    "tokens_only": _TOKENIZER,
    "runner": _GENERATES,
    "convert": _GENERATES,
    "seed": "each path has its own seed, from the `seed` of the request",
    "watermark_config": "a watermark replaces the seed of a path",
    "reasoning_config": _THOUGHTS,
    "reasoning_parser": _THOUGHTS,
    "reasoning_parser_plugin": _THOUGHTS,
    "generation_config": _SAMPLING,
    "override_generation_config": _SAMPLING,
    "stream_interval": "a path is returned whole",
    "max_logprobs": _NO_LOGPROBS,
    "logprobs_mode": _NO_LOGPROBS,
    "scheduling_policy": _ORDER,
    "scheduler_cls": _ORDER,
    "disable_log_stats": "the hang check counts engine steps by vLLM's statistics",
    "enable_log_requests": _LOGS,
    "logging_config": _LOGS,
    "log_config_file": _LOGS,
    "hf_token": "use the environment variable HF_TOKEN, because settings contain no secrets",
}
"""Reasons why Twinpath refuses an option, by its name."""

REFUSED_ON_CPU: Mapping[str, str] = {
    "enable_chunked_prefill": _CHUNKS,
    "long_prefill_token_threshold": _CHUNKS,
    "long_prefill_token_threshold_adaptive": _CHUNKS,
    "max_num_scheduled_tokens": _CHUNKS,
    "kv_cache_memory_bytes": "use the setting `cpu_kv_cache_gib`",
    "enforce_eager": "use the setting `compile_on_cpu`",
}
"""Further reasons on a CPU."""


def checked_options(options: Mapping[str, JsonValue], arguments: type, *, on_cpu: bool) -> dict[str, Any]:
    """Options with the types of vLLM's arguments.

    Args:
        options: values by vLLM's names.
        arguments: dataclass of vLLM's arguments.
        on_cpu: whether vLLM runs on a CPU.

    Raises:
        ConfigurationError: an option is unknown or refused, or its value has another type. The message names all.
    """
    refused = {**REFUSED, **(REFUSED_ON_CPU if on_cpu else {})}
    reasons = [f"`{_TABLE}.{name}` is refused: {refused[name]}" for name in options if name in refused]
    allowed = {name: value for name, value in options.items() if name not in refused}
    model = _model(arguments)
    try:
        checked = model.model_validate_json(json.dumps({_TABLE: allowed}))
    except ValidationError as error:
        reasons += fault_texts(error, model, _TABLE)
    except Exception as error:  # a configuration class of vLLM can raise any exception
        reasons.append(f"`{_TABLE}`: {type(error).__name__}: {error}")
    if reasons:
        raise ConfigurationError("Invalid settings: " + "; ".join(dict.fromkeys(reasons)))
    table = getattr(checked, _TABLE)
    return {name: getattr(table, name) for name in allowed}


def configuration(config: Any) -> dict[str, object]:
    """Fields of vLLM's own configuration, by names such as `parallel_config.tensor_parallel_size`.

    Args:
        config: dataclass whose fields are dataclasses.
    """
    parts = {part.name: getattr(config, part.name) for part in fields(config)}
    return {
        f"{name}.{field.name}": getattr(part, field.name, None)
        for name, part in parts.items()
        if is_dataclass(part)
        for field in fields(part)
    }


@cache
def _model(arguments: type) -> type[BaseModel]:
    """Model of a table of options, with a field for each public argument."""
    config = ConfigDict(strict=True, extra="forbid", protected_namespaces=())
    public = [field for field in fields(arguments) if not field.name.startswith("_")]
    columns: dict[str, Any] = {field.name: (_json_type(field.type), None) for field in public}
    table: Any = create_model("EngineOptions", __config__=config, **columns)
    of_table: dict[str, Any] = {_TABLE: (table, ...)}
    return create_model("EngineSettings", __config__=config, **of_table)


def _json_type(hint: Any) -> Any:
    """Type of the JSON values of an argument. Classes and functions of Python are left out of unions."""
    origin, parts = get_origin(hint), get_args(hint)
    if isinstance(hint, str):  # of a class that vLLM imports only for type checkers. vLLM checks the value
        return JsonValue
    if isinstance(hint, type) and issubclass(hint, Enum):
        names = WithJsonSchema({"enum": [member.name for member in hint]})
        return Annotated[hint, BeforeValidator(partial(_member, hint)), names]
    if origin in (Union, UnionType):
        return reduce(or_, [_json_type(part) for part in parts if _is_json_type(part)])
    return list[_json_type(parts[0])] if origin is list else hint  # type: ignore[misc]


def _is_json_type(hint: Any) -> bool:
    if isinstance(hint, type) and get_origin(hint) is None:
        plain = (str, int, float, bool, dict, NoneType)
        return hint in plain or is_dataclass(hint) or issubclass(hint, Enum)
    return get_origin(hint) in (list, dict, set, tuple, Literal)


def _member(kind: type[Enum], value: Any) -> Any:
    """Member of an enumeration by its name in any case, or by its value."""
    name = value.upper() if isinstance(value, str) else None
    return next((member for member in kind if member.name == name or member.value == value), value)
