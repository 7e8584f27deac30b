"""Parameters of OpenAI-compatible requests that change nothing here, with their neutral values.

They are those of OpenAI, vLLM, llama.cpp, SGLang, TGI, Ollama, LiteLLM and OpenRouter. Null is always neutral.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

NEUTRAL: dict[str, list[Any]] = {
    # OpenAI
    "audio": [],
    "best_of": [1],
    "echo": [False],
    "frequency_penalty": [0],
    "function_call": ["none", "auto"],
    "functions": [[]],
    "logit_bias": [{}],
    "logprobs": [False],
    "modalities": [["text"]],
    "moderation": [],
    "prediction": [],
    "presence_penalty": [0],
    "response_format": [{"type": "text"}],
    "suffix": [""],
    "tool_choice": ["none", "auto"],
    "tools": [[]],
    "top_logprobs": [0],
    "verbosity": ["medium"],
    "web_search_options": [],
    # OpenAI, only in /v1/responses
    "access_programs": [],
    "background": [False],
    "background_options": [{}],
    "context_management": [[]],
    "conversation": [],
    "image": [],
    "include": [[], ["reasoning.encrypted_content"]],
    "max_tool_calls": [],
    "previous_response_id": [""],
    # vLLM
    "add_generation_prompt": [True],
    "allowed_token_ids": [[]],
    "bad_words": [[]],
    "cache_salt": [],
    "chat_template": [],
    "continue_final_message": [False],
    "detokenize": [True],
    "documents": [[]],
    "ec_transfer_params": [{}],
    "enable_response_messages": [False],
    "guided_choice": [[]],
    "guided_decoding_backend": [],
    "guided_grammar": [""],
    "guided_json": [{}],
    "guided_regex": [""],
    "guided_whitespace_pattern": [],
    "ignore_eos": [False],
    "include_stop_str_in_output": [False],
    "kv_transfer_params": [{}],
    "length_penalty": [1],
    "logprob_token_ids": [[]],
    "logits_processors": [[]],
    "media_io_kwargs": [{}],
    "min_tokens": [0],
    "mm_processor_kwargs": [{}],
    "mm_payload": [{}],
    "previous_input_messages": [[]],
    "priority": [0],
    "prompt_embeds": [],
    "prompt_logprobs": [],
    "repetition_detection": [],
    "return_mm_kwargs": [False],
    "return_token_ids": [False],
    "return_token_offsets": [False],
    "return_tokens_as_token_ids": [False],
    "routed_experts_prompt_start": [0],
    "skip_special_tokens": [True],
    "spaces_between_special_tokens": [True],
    "stop_token_ids": [[]],
    "structured_outputs": [{}, False],
    "truncate_prompt_tokens": [-1],
    "use_beam_search": [False],
    "vllm_xargs": [{}],
    "watermarking": [False],
    # llama.cpp and text-generation-webui
    "adaptive_target": [-1],
    "add_bos_token": [True],
    "ban_eos_token": [False],
    "dry_multiplier": [0],
    "dynatemp_range": [0],
    "epsilon_cutoff": [0],
    "eta_cutoff": [0],
    "grammar": [""],
    "guidance_scale": [1],
    "image_data": [[]],
    "json_schema": [{}],
    "lora": [[]],
    "mirostat": [0],
    "mirostat_mode": [0],
    "n_cmpl": [1],
    "n_discard": [0],
    "n_indent": [0],
    "n_keep": [0],
    "n_predict": [-1],
    "n_probs": [0],
    "negative_prompt": [""],
    "penalty_alpha": [0],
    "post_sampling_probs": [False],
    "repeat_penalty": [1],
    "response_fields": [[]],
    "return_tokens": [False],
    "samplers": [[], ["dry", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"]],
    "sampler_order": [[]],
    "smoothing_factor": [0],
    "t_max_predict_ms": [0, -1],
    "tfs": [1],
    "tfs_z": [1],
    "top_a": [0],
    "top_n_sigma": [-1, 0],
    "typ_p": [1],
    "typical": [1],
    "typical_p": [1],
    "xtc_probability": [0],
    # SGLang
    "bootstrap_host": [],
    "bootstrap_port": [],
    "bootstrap_room": [],
    "custom_logit_processor": [],
    "custom_params": [{}],
    "ebnf": [""],
    "lora_path": [""],
    "no_repeat_ngram_size": [0],
    "no_stop_trim": [False],
    "return_cached_tokens_details": [False],
    "regex": [""],
    "return_hidden_states": [False],
    "return_routed_experts": [False],
    "session_params": [{}],
    "stop_regex": [[], ""],
    "use_audio_in_video": [False],
    # TGI
    "adapter_id": [""],
    "decoder_input_details": [False],
    "details": [False],
    "do_sample": [True],
    "guideline": [""],
    "return_full_text": [False],
    "tool_prompt": [""],
    "top_n_tokens": [0],
    "truncate": [],
    "watermark": [False],
    # Ollama
    "context": [[]],
    "format": ["", "text"],
    "images": [[]],
    "num_predict": [-1],
    "options": [{}],
    "raw": [False],
    "system": [""],
    "template": [""],
    # LiteLLM, OpenRouter, Mistral and DashScope
    "fallbacks": [[]],
    "mock_response": [],
    "models": [[]],
    "plugins": [[]],
    "provider": [{}],
    "route": ["fallback"],
    "safe_prompt": [False],
    "transforms": [[]],
}
"""Neutral values by parameter. Any other value would change the reply, so that it is an error."""

IGNORED = (
    # OpenAI
    "metadata", "parallel_tool_calls", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "safety_identifier", "service_tier", "store", "user",
    # vLLM
    "add_special_tokens", "include_reasoning", "request_id", "return_prompt_text", "stream_include_usage",
    "stream_interval", "truncation_side",
    # llama.cpp: caches, timings, and parameters of samplers that are off
    "adaptive_decay", "cache_prompt", "dry_allowed_length", "dry_base", "dry_penalty_last_n", "dry_sequence_breakers",
    "dynatemp_exponent", "id_slot", "min_keep", "mirostat_eta", "mirostat_tau", "n_cache_reuse", "parse_tool_calls",
    "penalize_nl", "reasoning_format", "repeat_last_n", "return_progress", "slot_id", "smoothing_curve",
    "sse_ping_interval", "timings_per_token", "xtc_threshold",
    # SGLang
    "data_parallel_rank", "rid", "separate_reasoning", "stream_reasoning",
    # Ollama, LiteLLM, OpenRouter and Open WebUI
    "caching", "chat_id", "drop_params", "keep_alive", "litellm_metadata", "litellm_session_id", "num_retries",
    "session_id", "tags", "usage",
)  # fmt: skip
"""Parameters that change no reply whatever their value."""
_NULL = {"type": "null"}
_EMPTY: dict[type, dict[str, Any]] = {
    str: {"type": "string", "maxLength": 0},
    list: {"type": "array", "items": {}, "maxItems": 0},
    dict: {"type": "object", "additionalProperties": _NULL},
}
_EXAMPLES: dict[str, Any] = {
    "user": "class-5b", "metadata": {"class": "5b"}, "service_tier": "auto", "store": False, "cache_prompt": True,
    "parallel_tool_calls": False, "prompt_cache_retention": "24h", "safety_identifier": "class-5b",
}  # fmt: skip


def _schemas_of(values: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """JSON schemas of neutral values."""
    if texts := [value for value in values if isinstance(value, str) and value]:
        yield {"enum": texts}
    for value in values:
        if value in ("", [], {}):
            yield _EMPTY[type(value)]
        elif isinstance(value, dict):
            fields = {name: {"const": inner} for name, inner in value.items()}
            yield {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": _NULL}
        elif isinstance(value, int) and not isinstance(value, bool):
            yield {"type": "number", "minimum": value, "maximum": value}
        elif not isinstance(value, str):
            yield {"const": value}


def _equals(value: Any, neutral: Any) -> bool:
    """Whether a JSON value is a neutral one. Null fields are left out, and the depth is that of the neutral value."""
    if isinstance(neutral, dict):
        given = {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else None
        return (
            given is not None and given.keys() == neutral.keys() and all(_equals(given[k], neutral[k]) for k in given)
        )
    if isinstance(neutral, list):
        return isinstance(value, list) and len(value) == len(neutral) and all(map(_equals, value, neutral))
    # JSON has one kind of number, in which 1.0 is 1, but true is not.
    plain = int(value) if isinstance(value, float) and value.is_integer() else value
    return type(plain) is type(neutral) and plain == neutral


def _neutral(values: Sequence[Any], documented: Sequence[Any] | None = None) -> tuple[Any, Any]:
    """Type and field of a parameter that takes only these values and null.

    Args:
        values: neutral values.
        documented: those that the documents and errors name. Default: all.
    """

    def check(value: Any) -> Any:
        if value is not None and not any(_equals(value, neutral) for neutral in values):
            raise PydanticCustomError("neutral", "must be neutral")
        return value

    shown = values if documented is None else documented
    *words, null = [value if isinstance(value, str) and value else json.dumps(value) for value in [*shown, None]]
    valid = f"{', '.join(words)} or {null}" if words else null
    schema = {"anyOf": [*_schemas_of(shown), {"type": "null"}]} if shown else {"type": "null"}
    return (
        Annotated[Any, AfterValidator(check), WithJsonSchema(schema)],
        Field(
            default=None,
            description=f"Not supported. Must be {valid}.",
            examples=[shown[0] if shown else None],
        ),
    )


def _ignored(name: str) -> tuple[Any, Any]:
    return Any, Field(default=None, description="Ignored.", examples=[_EXAMPLES.get(name)])


Tolerated: type[BaseModel] = create_model(
    "Tolerated",
    **{name: _neutral(values) for name, values in NEUTRAL.items()},
    **{name: _ignored(name) for name in IGNORED},
)  # type: ignore[call-overload]
"""Base of the requests, with one field for each of these parameters."""

CountedLogprobs: type[BaseModel] = create_model(
    "CountedLogprobs",
    logprobs=_neutral([False], documented=[]),
)
"""Base of `/v1/completions`, where `logprobs` is a number. Clients of both routes send false."""
