"""Parameters of thinking that OpenAI's clients send: each is followed or refused."""

import json
from dataclasses import replace
from typing import Any

import pytest

from service.engine.base import Completion, Finish, Sampling
from service.engine.fake import FakeEngine
from service.errors import InputError, PromptTooLongError
from service.paths.base import FormatV1
from tests.api.routes.test_thinking import CHAT, PENS, served
from tests.conftest import Serve
from tests.support.engines import computing_sandbox
from tests.support.thinking import ALWAYS, SWITCHED, thinks

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
        (ALWAYS, off, f"`{param}` switches thinking off, but the model always thinks; leave it out."),
        (FormatV1(), on, f"`{param}` switches thinking on, but the model does not think; leave it out."),
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


async def test_a_remedy_names_a_parameter_and_no_value_of_another_api(serve: Serve) -> None:
    client = await served(serve, SWITCHED)
    fields = {"reasoning_effort": "none", "thinking_token_budget": 5}
    error = (await client.post("/v1/chat/completions", json=CHAT | fields)).json()["error"]
    assert (error["param"], error["message"]) == (
        "thinking_token_budget",
        "`thinking_token_budget` has no effect, because the model does not think; switch thinking on with "
        "`reasoning_effort`.",
    )


BODIES: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("chat/completions", {"messages": [{"role": "user", "content": PENS}]},
     {"problem": "messages", "max_tokens": "max_tokens"}),
    ("chat/completions", {"messages": [{"role": "user", "content": PENS}], "max_completion_tokens": 3000},
     {"problem": "messages", "max_tokens": "max_completion_tokens"}),
    ("completions", {"prompt": PENS}, {"problem": "prompt", "max_tokens": "max_tokens"}),
    ("responses", {"input": PENS}, {"problem": "input", "max_tokens": "max_output_tokens"}),
]  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("refused", "field"),
    [
        (InputError("`thinking_tokens` needs a worker.", "thinking_tokens"), "thinking_tokens"),
        (InputError("The prompt and `max_tokens` exceed 5 tokens. Lower `max_tokens`.", "max_tokens"), "max_tokens"),
        (PromptTooLongError("The problem is too long."), "problem"),
    ],
)
@pytest.mark.parametrize(("route", "body", "names"), BODIES)
async def test_an_error_of_the_engine_names_the_parameter(
    route: str, body: dict[str, Any], names: dict[str, str], refused: InputError, field: str, stream: bool, serve: Serve
) -> None:
    class Refusing(FakeEngine):
        async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
            raise type(refused)(*((str(refused), refused.field) if type(refused) is InputError else (str(refused),)))

    client = await serve(Refusing(thinks), computing_sandbox(), path_format=ALWAYS)
    fields = {"model": "twinpath", "reasoning": {"max_tokens": 100}, "stream": stream}
    response = await client.post(f"/v1/{route}", json=body | fields)
    names = names | {"thinking_tokens": "reasoning.max_tokens"}
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if '"error"' in line and "{" in line]
    error = json.loads(lines[-1])["error"]
    message = str(refused).replace(f"`{field}`", f"`{names[field]}`")
    assert (error["param"], error["message"], error["code"]) == (names[field], message, "invalid_value")


@pytest.mark.parametrize(("route", "body", "names"), BODIES)
async def test_a_warning_names_the_parameter(
    route: str, body: dict[str, Any], names: dict[str, str], serve: Serve
) -> None:
    class Cutting(FakeEngine):
        finish, tokens = Finish.LENGTH, 3000

        async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
            found = await super().sample(request_id, prompt, sampling)
            return replace(found, finish=self.finish, completion_tokens=self.tokens, text="<think>Hm" + "." * 50)

    engine = Cutting(thinks)
    client = await serve(engine, computing_sandbox(), path_format=ALWAYS)
    fields = {"model": "twinpath", "thinking_budget": 2000, names["max_tokens"]: 3000}
    for engine.finish, engine.tokens, said in (
        (Finish.LENGTH, 3000, f"20 of 20 paths reached the limit of 3,000 tokens; raise `{names['max_tokens']}`."),
        (Finish.STOP, 2000, "20 of 20 paths reached the limit of 2,000 tokens per thought; raise `thinking_budget`."),
    ):
        content = (await client.post(f"/v1/{route}", json=body | fields)).json()
        solution = content["twinpath"] if route == "responses" else content["choices"][0]["twinpath"]
        assert solution["warning"] == said
