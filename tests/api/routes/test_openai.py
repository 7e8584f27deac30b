"""Routes under `/v1`, through OpenAI's SDK and LangChain."""

import asyncio
import json
from typing import Any

import httpx
import openai
import pytest
from langchain_openai import ChatOpenAI

from service.engine.fake import FakeEngine
from service.errors import EngineDeadError, OverloadedError
from service.paths.base import FormatV1
from service.settings import Settings
from service.solve.problem import path_seed
from service.types import PathKind
from tests.conftest import Serve
from tests.support.engines import TurnEngine, computing_sandbox, cot, playing, pot

PENS = "A pen costs 3 dollars. How much do 7 pens cost?"
CHAT: dict[str, Any] = {"model": "twinpath", "messages": [{"role": "user", "content": PENS}]}
LONG = "3 * 7 = 21. The answer is 21"


def sdk(client: httpx.AsyncClient, **options: Any) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{client.base_url}/v1", api_key="none", max_retries=0, **options)


async def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert set(response.json()) == {"error"}
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


async def test_a_chat_is_answered_with_the_best_rationale_and_exact_usage(live: Serve) -> None:
    engine = TurnEngine(["I do not know.", pot(21), "2 + 2 = 5. The answer is 5", pot(21), LONG, pot(4)])
    client = await live(engine, computing_sandbox())
    options = {"paths": {"cot": 3, "pot": 3}, "policy": "fixed", "trace": True}
    async with sdk(client) as ai:
        completion = await ai.chat.completions.create(**CHAT, seed=7, extra_body={"twinpath": options})
    assert completion.model == "twinpath"
    assert completion.id.startswith("chatcmpl-")
    choice = completion.choices[0]
    assert (choice.index, choice.finish_reason, choice.message.role) == (0, "stop", "assistant")
    assert choice.message.content == LONG
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (60, 30)
    assert completion.usage.total_tokens == 90
    assert completion.usage.completion_tokens_details is not None
    assert completion.usage.completion_tokens_details.reasoning_tokens == 25
    solution = choice.model_extra["twinpath"]
    assert (solution["answer"], solution["seed"], len(solution["trace"])) == ("21", 7, 6)
    assert solution["votes"][0] == {"answer": "21", "cot": 1, "pot": 2}


@pytest.mark.parametrize(
    ("texts", "reply"),
    [
        ([LONG, pot(21)], LONG),
        (["So it is 21 dollars. The answer is 21 dollars", pot(21)], "So it is 21 dollars. The answer is 21 dollars\nThe answer is 21"),
        (["I do not know.", pot(21)], "The answer is 21"),
        (["I do not know.", "pass"], "No answer: no path gave an answer with enough confidence."),
    ],
)  # fmt: skip
async def test_the_reply_ends_with_the_voted_answer(serve: Serve, texts: list[str], reply: str) -> None:
    client = await serve(TurnEngine(texts), computing_sandbox())
    body = CHAT | {"twinpath": {"paths": {"cot": 1, "pot": 1}}}
    content = (await client.post("/v1/chat/completions", json=body)).json()
    assert content["choices"][0]["message"]["content"] == reply


async def test_a_chat_streams_votes_and_then_the_reply(live: Serve) -> None:
    client = await live(TurnEngine([LONG, pot(21)]), computing_sandbox())
    body = {"twinpath": {"paths": {"cot": 1, "pot": 1}, "policy": "fixed"}}
    async with sdk(client) as ai:
        stream = await ai.chat.completions.create(
            **CHAT, stream=True, stream_options={"include_usage": True}, extra_body=body
        )
        chunks = [chunk async for chunk in stream]
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    votes = [chunk.choices[0].model_extra["twinpath"] for chunk in chunks[1:3]]
    assert [(vote["votes"][0], vote["decided"]) for vote in votes] == [
        ({"answer": "21", "cot": 1, "pot": 0}, False),
        ({"answer": "21", "cot": 1, "pot": 1}, True),
    ]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == LONG
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 2) + ["stop"]
    assert chunks[-2].choices[0].model_extra["twinpath"]["answer"] == "21"
    assert (chunks[-1].choices, chunks[-1].usage.completion_tokens) == ([], 10)
    assert all(chunk.usage is None for chunk in chunks[:-1])


async def test_a_stream_has_no_usage_unless_it_is_asked_for(live: Serve) -> None:
    client = await live(TurnEngine([LONG, pot(21)]), computing_sandbox())
    body = CHAT | {"stream": True, "n": 1, "twinpath": {"paths": {"cot": 1, "pot": 1}}}
    response = await client.post("/v1/chat/completions", json=body)
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    assert all("usage" not in json.loads(line) for line in lines[:-1])


async def test_the_synchronous_client(live: Serve) -> None:
    client = await live(playing([cot(21)], [pot(21)]), computing_sandbox())

    def ask() -> tuple[str | None, str, list[str]]:
        with openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="none", max_retries=0) as ai:
            whole = ai.chat.completions.create(**CHAT).choices[0].message.content
            parts = [chunk.choices[0].delta.content or "" for chunk in ai.chat.completions.create(**CHAT, stream=True)]
            return whole, "".join(parts), [model.id for model in ai.models.list()]

    reply = "The answer is 21"
    assert await asyncio.to_thread(ask) == (reply, reply, ["demo", "twinpath"])


async def test_langchain(live: Serve) -> None:
    client = await live(playing([cot(21)], [pot(21)]), computing_sandbox())
    chat = ChatOpenAI(
        base_url=f"{client.base_url}/v1", api_key="none", model="twinpath", temperature=0.7, max_tokens=64
    )
    message = await chat.ainvoke([("system", "You are terse."), ("human", PENS)])
    assert message.content == "The answer is 21"
    assert message.usage_metadata is not None
    assert message.usage_metadata["output_tokens"] > 0
    streamed = [chunk.content async for chunk in chat.astream(PENS)]
    assert "".join(str(content) for content in streamed) == "The answer is 21"


async def test_choices_have_their_own_votes_and_seeds(live: Serve) -> None:
    client = await live(FakeEngine(), computing_sandbox())
    async with sdk(client) as ai:
        once = await ai.chat.completions.create(**CHAT, seed=7, n=3)
        again = await ai.chat.completions.create(**CHAT, seed=7, n=3)
        first = await ai.chat.completions.create(**CHAT, seed=7)
    notes = [choice.model_extra["twinpath"] for choice in once.choices]
    assert [choice.index for choice in once.choices] == [0, 1, 2]
    assert [note["seed"] for note in notes] == [7, path_seed(7, -1), path_seed(7, -2)]
    assert [choice.message.content for choice in once.choices] == [choice.message.content for choice in again.choices]
    assert once.choices[0].message.content == first.choices[0].message.content
    assert once.usage is not None
    assert once.usage.completion_tokens == sum(note["usage"]["completion_tokens"] for note in notes)
    assert len({note["id"] for note in notes}) == 3


async def test_completions_take_several_prompts_and_drop_their_labels(live: Serve) -> None:
    engine = playing([cot(21)], [pot(21)])
    client = await live(engine, computing_sandbox())
    async with sdk(client) as ai:
        completion = await ai.completions.create(
            model="demo", prompt=[f"Question: {PENS}\nAnswer:", "  Q: How many?\n\nA: "], n=2, max_tokens=50
        )
        stream = await ai.completions.create(model="demo", prompt=PENS, stream=True)
        streamed = "".join([chunk.choices[0].text async for chunk in stream])
    assert [choice.index for choice in completion.choices] == [0, 1, 2, 3]
    assert [choice.text for choice in completion.choices] == ["The answer is 21"] * 4
    assert completion.object == "text_completion"
    assert streamed == "The answer is 21"


async def test_the_last_user_message_is_the_problem_without_labels(serve: Serve) -> None:
    engine = TurnEngine([cot(21), pot(21)])
    client = await serve(engine, computing_sandbox())
    messages = [
        {"role": "user", "content": "How many bees?"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "user", "content": [{"type": "text", "text": "Question: How many"}, {"type": "text", "text": "pens?\nAnswer:"}]},
        {"role": "system", "content": "Be terse.", "name": "boss"},
    ]  # fmt: skip
    body = {"model": "twinpath", "messages": messages, "twinpath": {"paths": {"cot": 1, "pot": 1}}}
    assert (await client.post("/v1/chat/completions", json=body)).status_code == 200
    assert engine.sampled[0][1] == FormatV1().prompt(PathKind.COT, "How many\npens?")


async def test_sampling_parameters_reach_every_path(serve: Serve) -> None:
    engine = TurnEngine([cot(21), pot(21)])
    client = await serve(engine, computing_sandbox())
    body = CHAT | {
        "temperature": 0.3, "top_p": 0.8, "max_tokens": 99, "max_completion_tokens": 50, "seed": -1,
        "twinpath": {"paths": {"cot": 1, "pot": 1}},
    }  # fmt: skip
    assert (await client.post("/v1/chat/completions", json=body)).status_code == 200
    seeds = {path_seed(2**63 - 1, 0), path_seed(2**63 - 1, 1)}
    assert {(s.temperature, s.top_p, s.max_tokens) for _, _, s in engine.sampled} == {(0.3, 0.8, 50)}
    assert {s.seed for _, _, s in engine.sampled} == seeds


@pytest.mark.parametrize(("temperature", "planned"), [(0, 2), (0.1, 20), (None, 20)])
async def test_greedy_paths_of_a_kind_are_alike_so_one_of_each_is_asked(
    serve: Serve, temperature: float | None, planned: int
) -> None:
    client = await serve(playing([cot(21)], [pot(21)]), computing_sandbox())
    content = (await client.post("/v1/chat/completions", json=CHAT | {"temperature": temperature})).json()
    assert content["choices"][0]["twinpath"]["paths"]["planned"] == planned


@pytest.mark.parametrize(
    ("stop", "reply"),
    [("The", "3 * 7 = 21. "), ([".", "="], "3 * 7 "), (["\n\n", "Question:"], LONG), ([], LONG), (None, LONG)],
)
async def test_a_stop_sequence_cuts_the_reply_and_no_path(serve: Serve, stop: object, reply: str) -> None:
    client = await serve(TurnEngine([LONG, pot(21)]), computing_sandbox())
    body = CHAT | {"stop": stop, "twinpath": {"paths": {"cot": 1, "pot": 1}}}
    choice = (await client.post("/v1/chat/completions", json=body)).json()["choices"][0]
    assert choice["message"]["content"] == reply
    assert choice["twinpath"]["votes"] == [{"answer": "21", "cot": 1, "pot": 1}]


async def test_a_reply_without_an_answer_says_when_the_limit_cut_the_paths(serve: Serve) -> None:
    client = await serve(FakeEngine(lambda prompt, sampling: "word " * 50), computing_sandbox())
    reasons = []
    for limit in (20, 4000):
        body = CHAT | {"max_tokens": limit, "twinpath": {"paths": {"cot": 1, "pot": 0}}}
        reasons.append((await client.post("/v1/chat/completions", json=body)).json()["choices"][0]["finish_reason"])
    assert reasons == ["length", "stop"]


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "tools": ({"tools": [{"type": "function"}]}, "tools", "unsupported_parameter"),
    "logprobs": ({"logprobs": True}, "logprobs", "unsupported_parameter"),
    "penalty": ({"presence_penalty": 0.5}, "presence_penalty", "unsupported_parameter"),
    "format": ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
    "bias": ({"logit_bias": {"50256": -100}}, "logit_bias", "unsupported_parameter"),
    "effort": ({"reasoning_effort": "high"}, "reasoning_effort", "invalid_value"),
    "thoughts": ({"twinpath": {"thinking": "on"}}, "twinpath.thinking", "invalid_value"),
    "extension": ({"typical_p": 0.5}, "typical_p", "unsupported_parameter"),
    "top k": ({"top_k": -2}, "top_k", "invalid_value"),
    "unknown": ({"topic_k": 40}, "topic_k", "unknown_parameter"),
    "unknown inside": ({"twinpath": {"polcy": "fixed"}}, "twinpath.polcy", "unknown_parameter"),
    "hot": ({"temperature": 2.5}, "temperature", "invalid_value"),
    "n zero": ({"n": 0}, "n", "invalid_value"),
    "n large": ({"n": 65}, "n", "invalid_value"),
    "tokens": ({"max_tokens": 131_073}, "max_tokens", "invalid_value"),
    "stop": ({"stop": [1]}, "stop[0]", "invalid_value"),
    "image": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        "messages[0].content[0].type",
        "invalid_value",
    ),
    "role": ({"messages": [{"role": "boss", "content": "?"}]}, "messages[0].role", "invalid_value"),
    "no user": ({"messages": [{"role": "system", "content": "?"}]}, "messages", "invalid_value"),
    "blank": ({"messages": [{"role": "user", "content": " "}]}, "messages", "invalid_value"),
    "several": (
        {"messages": [{"role": "user", "content": f"Question: {PENS}\nQuestion: {PENS}"}]},
        "messages",
        "invalid_value",
    ),
    "follow-up": (
        {
            "messages": [
                *CHAT["messages"],
                {"role": "assistant", "content": "21"},
                {"role": "user", "content": "And 9 pens?"},
            ]
        },
        "messages",
        "invalid_value",
    ),
    "long": ({"messages": [{"role": "user", "content": "a" * 4001}]}, "messages", "invalid_value"),
    "no messages": ({"messages": []}, "messages", "invalid_value"),
    "options alone": ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
    "budget": ({"twinpath": {"paths": {"cot": 65}}}, "twinpath.paths.cot", "invalid_value"),
}


@pytest.mark.parametrize(("fields", "param", "code"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_refused_is_named(serve: Serve, fields: dict[str, Any], param: str, code: str) -> None:
    client = await serve(playing([cot(21)], [pot(21)]), computing_sandbox())
    error = await error_of(await client.post("/v1/chat/completions", json=CHAT | fields), 400)
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")


async def test_neutral_values_are_taken(serve: Serve) -> None:
    client = await serve(playing([cot(21)], [pot(21)]), computing_sandbox())
    neutral = {
        "tools": [], "tool_choice": "none", "functions": None, "logprobs": False, "top_logprobs": 0, "logit_bias": {},
        "presence_penalty": 0, "frequency_penalty": 0.0, "response_format": {"type": "text"}, "modalities": ["text"],
        "user": "me", "metadata": {"a": "b"}, "store": False, "n": None, "stream": False, "stream_options": None,
        "temprature": None, "twinpath": {"trace": None, "min_confidence": None, "paths": None},
    }  # fmt: skip
    assert (await client.post("/v1/chat/completions", json=CHAT | neutral)).status_code == 200


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"echo": True}, "echo"), ({"logprobs": 1}, "logprobs"), ({"suffix": "x"}, "suffix"), ({"best_of": 2}, "best_of"),
     ({"prompt": [1, 2]}, "prompt[0]"), ({"prompt": []}, "prompt"), ({"prompt": ["a"] * 33, "n": 2}, "n")],
)  # fmt: skip
async def test_what_completions_refuse_is_named(serve: Serve, fields: dict[str, Any], param: str) -> None:
    client = await serve(playing([cot(21)], [pot(21)]), computing_sandbox())
    response = await client.post("/v1/completions", json={"model": "demo", "prompt": PENS} | fields)
    assert (await error_of(response, 400))["param"] == param


@pytest.mark.parametrize(("path", "field"), [("chat/completions", "messages"), ("responses", "input")])
async def test_a_message_of_too_many_parts_is_refused(serve: Serve, path: str, field: str) -> None:
    client = await serve(playing([cot(21)], [pot(21)]), computing_sandbox())
    part = {"type": "text", "text": ""}

    async def ask(parts: list[dict[str, str]]) -> httpx.Response:
        body = {"model": "demo", field: [{"role": "user", "content": parts}]}
        return await client.post(f"/v1/{path}", json=body)

    assert (await ask([part] * 255 + [part | {"text": PENS}])).status_code == 200
    error = await error_of(await ask([part] * 256 + [part | {"text": PENS}]), 400)
    assert error["param"] == f"{field}[0].content"
    assert "a list of at most 256 items" in error["message"]


async def test_the_logprobs_of_completions_are_a_number(serve: Serve) -> None:
    client = await serve(playing([cot(21)], [pot(21)]), computing_sandbox())
    for value in (0, 1, True, 0.0):
        response = await client.post("/v1/completions", json={"model": "demo", "prompt": PENS, "logprobs": value})
        error = await error_of(response, 400)
        assert error["message"] == "Twinpath does not support 'logprobs': must be null."
        assert error["code"] == "unsupported_parameter"
    for neutral in (None, False):
        response = await client.post("/v1/completions", json={"model": "demo", "prompt": PENS, "logprobs": neutral})
        assert response.status_code == 200


async def test_a_model_that_is_not_served_gets_404(serve: Serve) -> None:
    client = await serve(playing([cot(21)], [pot(21)]), computing_sandbox())
    answers = [
        await client.post("/v1/chat/completions", json=CHAT | {"model": "gpt-5"}),
        await client.get("/v1/models/gpt-5"),
    ]
    for answer in answers:
        error = await error_of(answer, 404)
        assert (error["param"], error["code"]) == ("model", "model_not_found")
    assert (await client.get("/v1/models/demo")).json()["id"] == "demo"


async def test_other_errors_under_v1_are_openai_s_too(serve: Serve) -> None:
    client = await serve(playing([cot(21)], [pot(21)]), computing_sandbox(), settings=Settings(max_body_bytes=1024))
    json_type = {"content-type": "application/json"}
    for answer, status in [
        (await client.post("/v1/chat/completions", content=b"{", headers=json_type), 400),
        (await client.post("/v1/chat/completions", content=b" " * 2000, headers=json_type), 413),
        (await client.post("/v1/chat/completions", content=b"{}"), 415),
        (await client.get("/v1/nothing"), 404),
        (await client.get("/v1"), 404),
        (await client.post("/chat/completions", json=CHAT), 404),
        (await client.post("/api/v1/embeddings", json={}), 404),
        (await client.get("/v1/chat/completions"), 405),
    ]:
        assert (await error_of(answer, status))["type"] == "invalid_request_error"


async def test_a_route_that_is_missing_gets_the_list_of_routes(serve: Serve) -> None:
    client = await serve(playing([cot(21)], [pot(21)]), computing_sandbox())
    for path in ("/v1/embeddings", "/chat/completions"):
        error = await error_of(await client.post(path, json={}), 404)
        assert error["message"] == (
            f"There is no POST {path}. The service has POST /v1/chat/completions, POST /v1/completions, "
            "POST /v1/responses, GET /v1/models, GET /v1/models/{model}."
        )
    assert (await client.get("/nothing")).headers["content-type"] == "application/problem+json"


SHOT = "Question: Tom has 3 cups and buys 4. How many?\nAnswer: 3 + 4 = 7. The answer is 99.\n\n"


async def test_examples_are_not_the_problem(serve: Serve) -> None:
    engine = TurnEngine([cot(21), pot(21)])
    client = await serve(engine, computing_sandbox())
    few = 200 * SHOT + f"Question: {PENS}\nAnswer:"  # longer than a problem may be
    only = {"model": "twinpath", "twinpath": {"paths": {"cot": 1, "pot": 0}}}
    shots = [{"role": "user", "content": "How many are 3 and 4?"}, {"role": "assistant", "content": "The answer is 99"}]
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("completions", {"prompt": few}),
        ("completions", {"prompt": [f"User: Hi\nAssistant: Hi!\nUser: {PENS}\nAssistant:"]}),
        ("chat/completions", {"messages": [{"role": "user", "content": few}]}),
        ("chat/completions", {"messages": [*shots, {"role": "user", "content": f"Question: {PENS}\nAnswer:"}]}),
        ("responses", {"input": few}),
        ("responses", {"input": [*shots, {"role": "user", "content": [{"type": "input_text", "text": PENS}]}]}),
    ]
    for route, body in bodies:
        assert (await client.post(f"/v1/{route}", json=only | body)).status_code == 200
    assert [prompt for _, prompt, _ in engine.sampled] == [FormatV1().prompt(PathKind.COT, PENS)] * len(bodies)


async def test_a_long_prompt_that_is_not_clear_is_named_too(serve: Serve) -> None:
    client = await serve(playing([cot(21)], [pot(21)]), computing_sandbox())
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("completions", "prompt", {"prompt": 200 * SHOT}),
        ("responses", "input", {"input": 200 * SHOT}),
        ("chat/completions", "messages", {"messages": [{"role": "user", "content": 200 * SHOT}]}),
    ]
    for route, param, body in bodies:
        error = await error_of(await client.post(f"/v1/{route}", json={"model": "twinpath"} | body), 400)
        assert (error["param"], error["message"]) == (
            param,
            f"The last question of `{param}` already has an answer. End `{param}` with the question to solve, after a label "
            "such as `Question:`.",
        )


@pytest.mark.parametrize(
    ("failure", "status", "kind", "code"),
    [(OverloadedError("The queue is full.", 2.5), 429, "requests", "rate_limit_exceeded"),
     (EngineDeadError("gone"), 503, "server_error", "service_unavailable")],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
async def test_failures_have_their_status_streamed_or_not(
    serve: Serve, failure: Exception, status: int, kind: str, code: str, stream: bool
) -> None:
    client = await serve(TurnEngine([failure] * 20), computing_sandbox())
    response = await client.post("/v1/chat/completions", json=CHAT | {"stream": stream})
    error = await error_of(response, status)
    assert (error["type"], error["code"]) == (kind, code)
    assert response.headers.get("Retry-After") == ("3" if status == 429 else None)


async def test_a_stream_that_fails_midway_says_so_and_ends(live: Serve) -> None:
    client = await live(TurnEngine([cot(21), EngineDeadError("gone")]), computing_sandbox())
    options = {"paths": {"cot": 1, "pot": 1}, "policy": "fixed"}
    async with sdk(client) as ai:
        stream = await ai.chat.completions.create(**CHAT, stream=True, extra_body={"twinpath": options})
        with pytest.raises(openai.APIError, match="gone"):
            _ = [chunk async for chunk in stream]


async def ask(ai: openai.AsyncOpenAI, stream: bool) -> None:
    if not stream:
        await ai.chat.completions.create(**CHAT, n=2)
        return
    async for _ in await ai.chat.completions.create(**CHAT, n=2, stream=True):
        pass


@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_who_leaves_stops_every_choice(live: Serve, stream: bool) -> None:
    engine = TurnEngine([cot(21), pot(21)] + ["?"] * 18, order=[0])
    client = await live(engine, computing_sandbox())
    async with sdk(client, timeout=0.3) as ai:
        with pytest.raises(openai.APIConnectionError):
            await ask(ai, stream)
    for _ in range(200):
        if not engine.running:
            break
        await asyncio.sleep(0.01)
    assert engine.running == 0
    assert len(engine.aborted) > 0
