"""Parameters of other servers: neutral values are valid, others are errors that name the parameter."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from service.schemas import GradeRequest, SolveRequest
from service.schemas.openai_errors import invalid
from service.schemas.openai_parameters import IGNORED, NEUTRAL
from service.schemas.openai_request import ChatRequest, CompletionRequest, ResponseRequest, Sampled

REQUESTS: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (ChatRequest, {"model": "twinpath", "messages": [{"role": "user", "content": "Why?"}]}),
    (CompletionRequest, {"model": "twinpath", "prompt": "Why?"}),
    (ResponseRequest, {"model": "twinpath", "input": "Why?"}),
]


def others(values: list[Any]) -> list[Any]:
    """Values that are not neutral. In JSON, true is not 1, and 0 is not false."""
    return [value for value in (True, False, 1, 0, 17, "x", [1], {"a": 1}) if str(value) not in map(str, values)]


@pytest.mark.parametrize(("model", "body"), REQUESTS)
def test_only_neutral_values_are_valid(model: type[BaseModel], body: dict[str, Any]) -> None:
    for name, neutral in NEUTRAL.items():
        for value in [*neutral, None, *(float(value) for value in neutral if type(value) is int)]:
            model.model_validate(body | {name: value})
        for value in others(neutral):
            with pytest.raises(ValidationError) as raised:
                model.model_validate(body | {name: value})
            error = invalid(raised.value.errors(), model).error
            assert (error.param, error.code) == (name, "unsupported_parameter")
            assert error.message.startswith(f"Twinpath does not support '{name}': must be ")


@pytest.mark.parametrize(("model", "body"), REQUESTS)
def test_ignored_and_null_parameters_are_valid(model: type[BaseModel], body: dict[str, Any]) -> None:
    for value in (None, True, 7, "x", {"a": 1}):
        model.model_validate(body | dict.fromkeys(IGNORED, value))
    optional = {name: None for name in model.model_fields if name not in body}
    model.model_validate(body | optional | {"a parameter of tomorrow": None})


@pytest.mark.parametrize(
    "body",
    [
        # defaults of vLLM's requests
        {"min_p": 0.0, "top_k": 0, "repetition_penalty": 1.0, "length_penalty": 1.0, "stop_token_ids": [],
         "include_stop_str_in_output": False, "ignore_eos": False, "min_tokens": 0, "skip_special_tokens": True,
         "spaces_between_special_tokens": True, "add_generation_prompt": True, "continue_final_message": False,
         "add_special_tokens": False, "use_beam_search": False, "priority": 0, "chat_template_kwargs": {}},
        # llama.cpp's
        {"cache_prompt": True, "samplers": [], "dynatemp_range": 0, "dynatemp_exponent": 1, "xtc_probability": 0,
         "xtc_threshold": 0.1, "typical_p": 1, "repeat_last_n": 64, "repeat_penalty": 1, "dry_multiplier": 0,
         "dry_base": 1.75, "dry_allowed_length": 2, "dry_penalty_last_n": -1, "timings_per_token": False, "mirostat": 0,
         "mirostat_tau": 5, "mirostat_eta": 0.1, "n_probs": 0, "min_keep": 0, "grammar": "", "n_keep": 0, "id_slot": -1},
        # OpenAI's own
        {"prompt_cache_retention": "24h", "prompt_cache_options": {"mode": "implicit"}, "moderation": None,
         "service_tier": "auto", "store": False, "safety_identifier": "a", "verbosity": None, "reasoning_effort": None},
        # SGLang, TGI, Ollama
        {"separate_reasoning": True, "stream_reasoning": True, "no_stop_trim": False, "do_sample": True, "watermark": False,
         "return_full_text": False, "keep_alive": "5m", "options": {}, "think": False, "format": ""},
    ],
)  # fmt: skip
def test_defaults_of_other_servers_are_valid(body: dict[str, Any]) -> None:
    for model, least in REQUESTS:
        model.model_validate(least | body)


@pytest.mark.parametrize(("model", "body"), REQUESTS)
@pytest.mark.parametrize(
    ("name", "valid", "invalid_values"),
    [
        ("top_k", [-1, 0, 20, 40.0, 1_000_000], [-2, 1.5, 1_000_001, "20", True]),
        ("min_p", [0, 0.05, 1], [-0.1, 1.1, "0.1"]),
        ("repetition_penalty", [1, 1.05, 2], [0, -1, 2.1, "1"]),
    ],
)
def test_parameters_of_the_sampler_have_limits(
    model: type[BaseModel], body: dict[str, Any], name: str, valid: list[Any], invalid_values: list[Any]
) -> None:
    for value in [*valid, None]:
        assert getattr(model.model_validate(body | {name: value}), name) == value
    for value in invalid_values:
        with pytest.raises(ValidationError) as raised:
            model.model_validate(body | {name: value})
        error = invalid(raised.value.errors(), model).error
        assert (error.param, error.code) == (name, "invalid_value")


@pytest.mark.parametrize(("model", "body"), REQUESTS)
def test_nested_values_are_errors_at_every_depth(model: type[BaseModel], body: dict[str, Any]) -> None:
    deep: Any = []
    for _ in range(50_000):
        deep = [deep]
    for name in NEUTRAL:
        for value in (deep, {"type": deep}, {"effort": deep}):
            with pytest.raises(ValidationError):
                model.model_validate(body | {name: value})


@pytest.mark.parametrize(("model", "body"), REQUESTS)
@pytest.mark.parametrize(
    ("fields", "switches", "budgets"),
    [
        *[
            ({"reasoning_effort": effort}, {"reasoning_effort": "on"}, {})
            for effort in ("minimal", "low", "high", "max")
        ],
        ({"reasoning_effort": "none"}, {"reasoning_effort": "off"}, {}),
        ({"reasoning_effort": "medium", "think": "medium", "reasoning": {"effort": "medium", "summary": None}}, {}, {}),
        ({"reasoning": {"effort": "none"}}, {"reasoning.effort": "off"}, {}),
        ({"reasoning": {"effort": None, "max_tokens": 5}}, {}, {"reasoning.max_tokens": 5}),
        ({"reasoning": {"enabled": True}}, {"reasoning.enabled": "on"}, {}),
        ({"reasoning": {"summary": "auto", "generate_summary": "none", "exclude": True}}, {}, {}),
        ({"reasoning": {"effort": "none", "exclude": False}}, {"reasoning.effort": "off"}, {}),
        ({"enable_thinking": True, "thinking_budget": 50}, {"enable_thinking": "on"}, {"thinking_budget": 50}),
        ({"chat_template_kwargs": {}, "reasoning": {}, "thinking_budget_tokens": -1}, {}, {}),
        ({"chat_template_kwargs": {"enable_thinking": False}}, {"chat_template_kwargs.enable_thinking": "off"}, {}),
        ({"chat_template_kwargs": {"thinking": True}}, {"chat_template_kwargs.thinking": "on"}, {}),
        ({"enable_thinking": True, "think": "low"}, {"enable_thinking": "on", "think": "on"}, {}),
        ({"think": False}, {"think": "off"}, {}),
        ({"thinking": {"type": "disabled"}}, {"thinking": "off"}, {}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 0}},
            {"thinking": "on"},
            {"thinking.budget_tokens": 0},
        ),
        (
            {"thinking_token_budget": 500.0, "thinking_budget_tokens": 400},
            {},
            {"thinking_token_budget": 500, "thinking_budget_tokens": 400},
        ),
    ],
)
def test_thinking_of_other_servers_is_that_of_twinpath(
    model: type[Sampled], body: dict[str, Any], fields: dict[str, Any], switches: object, budgets: object
) -> None:
    found = model.model_validate(body | fields)
    assert {name: value for name, value in found.switches().items() if value is not None} == switches
    assert {name: value for name, value in found.budgets().items() if value is not None} == budgets


@pytest.mark.parametrize(("model", "body"), REQUESTS)
@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"reasoning_effort": "huge"}, "reasoning_effort", "invalid_value"),
        ({"reasoning": {"effort": 1}}, "reasoning.effort", "invalid_value"),
        ({"reasoning": {"summary": "long"}}, "reasoning.summary", "invalid_value"),
        ({"reasoning": {"exclude": "yes"}}, "reasoning.exclude", "invalid_value"),
        ({"thinking_budget": -1}, "thinking_budget", "invalid_value"),
        ({"chat_template_kwargs": {"documents": []}}, "chat_template_kwargs.documents", "unknown_parameter"),
        ({"enable_thinking": 1}, "enable_thinking", "invalid_value"),
        ({"think": 0}, "think", "invalid_value"),
        ({"thinking": {"type": "adaptive"}}, "thinking.type", "invalid_value"),
        ({"thinking_token_budget": -1}, "thinking_token_budget", "invalid_value"),
        ({"thinking_budget_tokens": -2}, "thinking_budget_tokens", "invalid_value"),
    ],
)
def test_other_values_of_thinking_are_errors(
    model: type[BaseModel], body: dict[str, Any], fields: dict[str, Any], param: str, code: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        model.model_validate(body | fields)
    error = invalid(raised.value.errors(), model).error
    assert ((error.param or "").partition(".bool")[0], error.code) == (param, code)


def test_an_empty_text_is_neutral_and_an_id_is_not() -> None:
    model, body = REQUESTS[2]
    with pytest.raises(ValidationError) as raised:
        model.model_validate(body | {"previous_response_id": "resp_1"})
    assert invalid(raised.value.errors(), model).error.message == (
        "Twinpath does not support 'previous_response_id': must be an empty text."
    )


MANY: list[Any] = [{}] * 20_000
FIELDS = {f"field{number}": 1 for number in range(5_000)}


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        *[(ChatRequest, {"messages": messages}) for messages in (MANY, [{"role": "user", "content": MANY}])],
        (ChatRequest, {"messages": [{"content": MANY[:20]}] * 1_000}),
        *[(ResponseRequest, {"input": items}) for items in (MANY, [{"role": "user", "content": MANY}])],
        *[(CompletionRequest, fields) for fields in ({"prompt": MANY}, {"stop": MANY}, {"stream_options": FIELDS})],
        *[(request, FIELDS) for request, _ in REQUESTS],
        *[(request, {"twinpath": fields}) for request, _ in REQUESTS for fields in (FIELDS, {"paths": FIELDS})],
        *[(ResponseRequest, {"text": fields}) for fields in (FIELDS, {"format": FIELDS})],
        *[(request, fields) for request in (SolveRequest, GradeRequest) for fields in (FIELDS, {"paths": FIELDS})],
    ],
)
def test_a_body_of_any_form_has_few_errors(model: type[BaseModel], fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        model.model_validate(dict(REQUESTS).get(model, {"problem": "Why?", "response": "4"}) | fields)
    assert raised.value.error_count() <= 30
