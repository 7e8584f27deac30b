"""Parameters of thinking that OpenAI's clients send: each is followed or refused."""

from typing import Any

import pytest

from service.paths.base import FormatV1
from tests.api.routes.test_thinking import CHAT, served
from tests.conftest import Serve
from tests.support.thinking import ALWAYS, SWITCHED

SWITCHES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("twinpath.thinking", {"twinpath": {"thinking": "on"}}, {"twinpath": {"thinking": "off"}}),
    ("reasoning_effort", {"reasoning_effort": "high"}, {"reasoning_effort": "none"}),
    ("reasoning.effort", {"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "none"}}),
    ("chat_template_kwargs.enable_thinking",
     {"chat_template_kwargs": {"enable_thinking": True}}, {"chat_template_kwargs": {"enable_thinking": False}}),
    ("think", {"think": True}, {"think": False}),
    ("enable_thinking", {"enable_thinking": True}, {"enable_thinking": False}),
    ("thinking", {"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}),
]  # fmt: skip


@pytest.mark.parametrize(("param", "on", "off"), SWITCHES, ids=[param for param, _, _ in SWITCHES])
async def test_each_switch_of_openai_clients_is_followed_or_refused(
    param: str, on: dict[str, Any], off: dict[str, Any], serve: Serve
) -> None:
    for setting, fields, thinks_ in (("off", on, True), ("on", off, False)):
        client = await served(serve, SWITCHED, thinking=setting)
        for body, expected in ((CHAT, setting == "on"), (CHAT | fields, thinks_)):
            content = (await client.post("/v1/chat/completions", json=body | {"max_tokens": 7000})).json()
            assert (content["usage"]["completion_tokens_details"]["reasoning_tokens"] > 1000) is expected
    for path_format, fields, reason in (
        (ALWAYS, off, f"`{param}` cannot be `off`, because the model always thinks; leave it out."),
        (FormatV1(), on, f"`{param}` cannot be `on`, because the model does not think; leave it out."),
    ):
        client = await served(serve, path_format)
        error = (await client.post("/v1/chat/completions", json=CHAT | fields)).json()["error"]
        assert (error["param"], error["message"]) == (param, reason)


@pytest.mark.parametrize(
    "fields",
    [{"twinpath": {"thinking_tokens": 1000}}, {"thinking_token_budget": 1000}, {"thinking_budget_tokens": 1000},
     {"reasoning": {"max_tokens": 1000}}, {"thinking": {"type": "enabled", "budget_tokens": 1000}}],
)  # fmt: skip
async def test_each_budget_of_openai_clients_ends_the_thoughts(fields: dict[str, Any], serve: Serve) -> None:
    body = CHAT | {"max_tokens": 7000, "twinpath": {"policy": "fixed"}}
    body["twinpath"] |= fields.get("twinpath", {})
    content = (await (await served(serve)).post("/v1/chat/completions", json=fields | body)).json()
    usage = content["usage"]["completion_tokens_details"]["reasoning_tokens"]
    assert usage == pytest.approx(20 * 1000, rel=0.02)


@pytest.mark.parametrize(
    ("fields", "param", "first"),
    [
        ({"think": True, "enable_thinking": False}, "think", "enable_thinking"),
        ({"twinpath": {"thinking": "on"}, "reasoning_effort": "none"}, "reasoning_effort", "twinpath.thinking"),
        (
            {"thinking_token_budget": 5, "twinpath": {"thinking_tokens": 6}},
            "thinking_token_budget",
            "twinpath.thinking_tokens",
        ),
    ],
)
async def test_contradictions_of_openai_clients_are_errors(
    fields: dict[str, Any], param: str, first: str, serve: Serve
) -> None:
    client = await served(serve, SWITCHED)
    error = (await client.post("/v1/chat/completions", json=CHAT | fields)).json()["error"]
    reason = f"`{param}` contradicts `{first}`; send only one of them."
    assert (error["param"], error["message"], error["code"]) == (param, reason, "invalid_value")
