"""Route `/v1/responses`, through OpenAI's SDK and LangChain."""

import json
from typing import Any

import openai
import pytest
from langchain_openai import ChatOpenAI
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

from service.engine.fake import FakeEngine
from service.errors import EngineDeadError, OverloadedError
from service.paths.base import FormatV1
from service.types import PathKind
from tests.api.routes.test_openai import LONG, PENS, error_of, sdk
from tests.conftest import Serve
from tests.support.engines import TurnEngine, computing_sandbox, cot, playing, pot

BODY: dict[str, Any] = {
    "model": "twinpath",
    "input": PENS,
    "twinpath": {"paths": {"cot": 1, "pot": 1}, "policy": "fixed"},
}
OPTIONS = {"twinpath": BODY["twinpath"]}


async def test_a_response_has_the_reply_and_exact_usage(live: Serve) -> None:
    client = await live(TurnEngine([LONG, pot(21)]), computing_sandbox())
    async with sdk(client) as ai:
        response = await ai.responses.create(
            model="twinpath",
            input=PENS,
            instructions="Be brief.",
            max_output_tokens=99,
            metadata={"a": "b"},
            extra_body=OPTIONS | {"seed": 7},
        )
    assert (response.status, response.model, response.output_text) == ("completed", "twinpath", LONG)
    assert response.id.startswith("resp_")
    assert (response.instructions, response.max_output_tokens, response.metadata) == ("Be brief.", 99, {"a": "b"})
    (message,) = response.output
    assert isinstance(message, ResponseOutputMessage)
    assert (message.role, message.status, message.id) == (
        "assistant",
        "completed",
        response.id.replace("resp_", "msg_"),
    )
    assert isinstance(message.content[0], ResponseOutputText)
    usage = response.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (20, 10, 30)
    assert usage.output_tokens_details.reasoning_tokens == 5
    assert response.model_extra is not None
    assert (response.model_extra["twinpath"]["answer"], response.model_extra["twinpath"]["seed"]) == ("21", 7)


async def test_a_response_streams_the_official_events(live: Serve) -> None:
    client = await live(TurnEngine(["3 * 7 = 21.\nThe answer is 21", pot(21)]), computing_sandbox())
    async with sdk(client) as ai:
        stream = await ai.responses.create(model="twinpath", input=PENS, stream=True, extra_body=OPTIONS)
        events = [event async for event in stream]
    assert [event.type for event in events] == [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
        "response.output_text.delta", "response.output_text.delta", "response.output_text.done",
        "response.content_part.done", "response.output_item.done", "response.completed",
    ]  # fmt: skip
    assert [event.sequence_number for event in events] == list(range(10))
    assert [event.delta for event in events if event.type == "response.output_text.delta"] == [
        "3 * 7 = 21.\n",
        "The answer is 21",
    ]
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == "3 * 7 = 21.\nThe answer is 21"
    assert last.response.usage is not None
    assert last.response.usage.output_tokens == 10


async def test_the_sdk_s_stream_helper_and_langchain(live: Serve) -> None:
    client = await live(playing([cot(21)], [pot(21)]), computing_sandbox())
    async with sdk(client) as ai, ai.responses.stream(model="twinpath", input=PENS) as stream:
        assert (await stream.get_final_response()).output_text == "The answer is 21"
    chat = ChatOpenAI(base_url=f"{client.base_url}/v1", api_key="none", model="twinpath", use_responses_api=True)
    message = await chat.ainvoke([("system", "You are terse."), ("human", PENS)])
    assert message.text == "The answer is 21"
    assert message.usage_metadata is not None
    assert message.usage_metadata["output_tokens"] > 0
    assert "".join([chunk.text async for chunk in chat.astream(PENS)]) == "The answer is 21"


async def test_the_last_user_message_of_the_input_is_the_problem(serve: Serve) -> None:
    engine = TurnEngine([cot(21), pot(21)])
    client = await serve(engine, computing_sandbox())
    items = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "How many bees?"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "bees"}]},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "5", "annotations": []}]},
        {"type": "function_call_output", "call_id": "c", "output": "6"},
        {"role": "user", "content": [{"type": "input_text", "text": "How many"}, {"type": "input_text", "text": "pens?"}]},
    ]  # fmt: skip
    assert (await client.post("/v1/responses", json=BODY | {"input": items})).status_code == 200
    assert engine.sampled[0][1] == FormatV1().prompt(PathKind.COT, "How many\npens?")


async def test_a_response_without_an_answer_says_that_the_limit_cut_it(serve: Serve) -> None:
    client = await serve(FakeEngine(lambda prompt, sampling: "word " * 50), computing_sandbox())
    body = BODY | {"twinpath": {"paths": {"cot": 1, "pot": 0}}}
    response = (await client.post("/v1/responses", json=body | {"max_output_tokens": 20})).json()
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert response["output"][0]["status"] == "incomplete"
    assert response["twinpath"]["warning"] == "1 of 1 path reached the limit of 20 tokens; raise `max_output_tokens`."
    streamed = (await client.post("/v1/responses", json=body | {"max_output_tokens": 20, "stream": True})).text
    assert "event: response.incomplete\n" in streamed
    assert "[DONE]" not in streamed


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"input": " "}, "input", "invalid_value"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": [{"role": "assistant", "content": "21"}]}, "input", "invalid_value"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
         "input[0].content[0].type", "invalid_value"),
        ({"max_output_tokens": 0}, "max_output_tokens", "invalid_value"),
        ({"text": {"format": {"type": "json_object"}}}, "text.format.type", "invalid_value"),
        ({"tools": [{"type": "web_search"}]}, "tools", "unsupported_parameter"),
        ({"previous_response_id": "resp_1"}, "previous_response_id", "unsupported_parameter"),
        ({"background": True}, "background", "unsupported_parameter"),
        ({"messages": []}, "messages", "unknown_parameter"),
    ],
)  # fmt: skip
async def test_what_is_refused_is_named(serve: Serve, fields: dict[str, Any], param: str, code: str) -> None:
    client = await serve(playing([cot(21)], [pot(21)]), computing_sandbox())
    error = await error_of(await client.post("/v1/responses", json=BODY | fields), 400)
    assert (error["param"], error["code"]) == (param, code)


async def test_neutral_values_are_valid(serve: Serve) -> None:
    client = await serve(playing([cot(21)], [pot(21)]), computing_sandbox())
    neutral = {
        "background": False, "include": [], "reasoning": {}, "store": True, "tools": [], "top_logprobs": 0,
        "tool_choice": "auto", "text": {"format": {"type": "text"}, "verbosity": "medium"}, "truncation": "auto",
        "previous_response_id": None, "conversation": None, "prompt": None, "stream_options": None, "user": "a",
    }  # fmt: skip
    assert (await client.post("/v1/responses", json=BODY | neutral)).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_a_full_queue_is_429(serve: Serve, stream: bool) -> None:
    client = await serve(TurnEngine([OverloadedError("The queue is full.", 2.5)] * 20), computing_sandbox())
    error = await error_of(await client.post("/v1/responses", json=BODY | {"stream": stream}), 429)
    assert error["code"] == "rate_limit_exceeded"


async def test_a_stream_that_fails_midway_ends_with_an_error(live: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.api.sse.OPENING_S", 0.0)
    client = await live(TurnEngine([cot(21), EngineDeadError("gone")]), computing_sandbox())
    async with sdk(client) as ai:
        stream = await ai.responses.create(model="twinpath", input=PENS, stream=True, extra_body=OPTIONS)
        with pytest.raises(openai.APIError, match="gone"):
            _ = [event async for event in stream]


@pytest.mark.parametrize(
    ("metadata", "shown"),
    [
        ("[" * 500 + "]" * 500, None),
        ('{"a": "b", "deep": ' + "[" * 500 + "]" * 500 + "}", {"a": "b"}),
        ('{"a": NaN, "b": "\\ud800", "\\ud800": "c", "d": "e"}', {"d": "e"}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_metadata_of_any_form_is_no_failure(
    live: Serve, metadata: str, shown: dict[str, str] | None, stream: bool
) -> None:
    client = await live(TurnEngine([LONG] * 20), computing_sandbox())
    body = json.dumps(BODY | {"stream": stream})[:-1] + f', "metadata": {metadata}}}'
    reply = await client.post("/v1/responses", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 200
    last = reply.text.strip().rpartition("data: ")[2]
    response = json.loads(last)["response"] if stream else reply.json()
    assert response["metadata"] == shown
