"""The remote engine on scripted workers: retries, health, keys, token counts without usage."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from service.engine import remote, workers
from service.engine.base import Completion, Finish, Sampling
from service.engine.remote import RemoteEngine
from service.engine.stream import error_message
from service.errors import ConfigurationError, EngineDeadError, EngineError, InputError, PromptTooLongError
from service.types import WorkerApi
from tests.support.fake_worker import NO_PARSER, FakeWorker
from tests.support.stalling_proxy import StallingProxy

PROMPT = "Question: A pen costs 3 dollars. How much do 7 pens cost in all?\nReasoning:\n"
SAMPLING = Sampling(temperature=0.7, seed=5, max_tokens=200)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Start = Callable[..., Awaitable[str]]
Connect = Callable[..., Awaitable[RemoteEngine]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts scripted workers, with an optional handler for completions. Returns the address."""
    runners: list[web.AppRunner] = []

    async def start(complete: Handler | None = None, worker: FakeWorker | None = None) -> str:
        app = await (worker or FakeWorker()).application()
        if complete:

            @web.middleware
            async def instead(request: web.Request, handler: Handler) -> web.StreamResponse:
                return await (complete if request.path == "/v1/completions" else handler)(request)

            app.middlewares.append(instead)
        runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    engines: list[RemoteEngine] = []

    async def connect(*urls: str, **options: object) -> RemoteEngine:
        engines.append(RemoteEngine(urls, **options))  # type: ignore[arg-type]
        await engines[-1].start()
        return engines[-1]

    yield connect
    for engine in engines:
        await engine.close()


async def failing(request: web.Request) -> web.StreamResponse:
    return web.json_response({"error": {"message": "out of order"}}, status=500)


async def breaking(request: web.Request) -> web.StreamResponse:
    """Sends half a path and closes the connection."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b'data: {"choices": [{"text": "half", "finish_reason": null}]}\n\n')
    assert request.transport
    request.transport.abort()
    return response


async def dying(request: web.Request) -> web.StreamResponse:
    """Reports its engine's death in the middle of the stream, as vLLM does."""
    return web.Response(
        text='data: {"choices": [{"text": "ha"}]}\n\ndata: {"error": {"message": "EngineCore died"}}\n\n'
    )


async def shutting_down(request: web.Request) -> web.StreamResponse:
    return web.Response(text='data: {"choices": [{"text": "ha", "finish_reason": "abort"}]}\n\ndata: [DONE]\n\n')


def saying(*events: str, status: int = 200) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="".join(f"data: {event}\n\n" for event in events), status=status)

    return answer


MISSHAPEN = [saying(event) for event in ('{"error": "no"}', '["error"]', "7", '{"choices": ["x"]}', '{"choices": {}}')]
MISSHAPEN += [saying('{"choices": [], "usage": [7]}'), saying(status=502)]


@pytest.mark.parametrize("broken", [failing, breaking, dying, shutting_down, *MISSHAPEN])
async def test_a_path_that_a_worker_breaks_is_sampled_on_another(
    broken: Handler, start: Start, connect: Connect
) -> None:
    results: list[tuple[str, str]] = []
    bad, good = await start(broken), await start()
    alone = await (await connect(good)).sample("alone", PROMPT, SAMPLING)
    engine = await connect(bad, good, on_request=lambda worker, result: results.append((worker, result)))
    assert await engine.sample("path", PROMPT, SAMPLING) == alone
    assert results == [(bad.removeprefix("http://"), "failed"), (good.removeprefix("http://"), "ok")]


async def test_a_lone_worker_is_tried_again(start: Start, connect: Connect) -> None:
    calls = 0

    async def twice(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        if calls < 3:
            return await failing(request)
        event = '{"choices": [{"text": "42", "finish_reason": "stop"}], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}'
        return web.Response(text=f"data: {event}\n\ndata: [DONE]\n\n")

    engine = await connect(await start(twice))
    completion = await engine.sample("path", PROMPT, SAMPLING)
    assert (completion.text, completion.prompt_tokens, calls) == ("42", 9, 3)


async def test_a_path_that_no_worker_can_sample_fails(
    start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_BACKOFF_S", 0.001)
    engine = await connect(await start(failing))
    with pytest.raises(EngineError, match="500 out of order"):
        await engine.sample("path", PROMPT, SAMPLING)
    await engine.probe()


async def test_a_refused_request_is_not_repeated(start: Start, connect: Connect) -> None:
    calls = 0

    async def refusing(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        return web.json_response({"object": "error", "message": "no such sampling"}, status=400)

    engine = await connect(await start(refusing))
    with pytest.raises(EngineError, match="refused the path: 400 no such sampling"):
        await engine.sample("path", PROMPT, SAMPLING)
    assert calls == 1


@pytest.mark.parametrize("said", ["[]", '"no"', '{"error": "no"}', '{"error": {}}', "no\nsuch"])
def test_an_error_of_another_shape_is_reported_unchanged(said: str) -> None:
    assert error_message(said) == " ".join(said.split())


async def test_a_prompt_that_is_too_long_names_the_field(start: Start, connect: Connect) -> None:
    engine = await connect(await start(worker=FakeWorker(max_model_len=20)))
    with pytest.raises(PromptTooLongError, match="context length of 20 tokens") as caught:
        await engine.sample("path", PROMPT * 3, SAMPLING)
    assert caught.value.field == "problem"


@pytest.mark.parametrize(("prompt", "max_tokens"), [("one two three", 2048 - 13), ("word" * 1500, 1024)])
async def test_a_path_fits_the_context_of_a_worker_that_refuses_longer_ones(
    prompt: str, max_tokens: int, start: Start, connect: Connect
) -> None:
    worker = FakeWorker(owned_by="sglang")
    engine = await connect(await start(worker=worker))
    for asked in (131_072, 200):
        assert (await engine.sample("path", prompt, replace(SAMPLING, max_tokens=asked))).finish is Finish.STOP
    assert [asked["max_tokens"] for asked in worker.asked] == [max_tokens, 200]


@pytest.mark.parametrize(
    ("said", "field", "message"),
    [
        (
            "Requested token count exceeds the model's maximum context length of 2048 tokens. You requested a total of "
            "2100 tokens: 1100 tokens from the input messages and 1000 tokens for the completion.",
            "max_tokens",
            "The prompt and `max_tokens` exceed the model's context length of 2048 tokens. Lower `max_tokens`, or "
            "shorten the problem.",
        ),
        (
            "This model's maximum context length is 2048 tokens. However, you requested 2100 tokens (1100 in the "
            "messages, 1000 in the completion).",
            "max_tokens",
            "The prompt and `max_tokens` exceed the model's context length of 2048 tokens. Lower `max_tokens`, or "
            "shorten the problem.",
        ),
        *(
            (
                said,
                "problem",
                "The problem and its prompt exceed the model's context length of 2048 tokens. Shorten the problem.",
            )
            for said in (
                "The input (2100 tokens) is longer than the model's context length (2048 tokens).",
                "Input length (2100) exceeds model's maximum context length (2048).",
                "This model's maximum context length is 2048 tokens. However, your prompt contains 2100 input tokens",
                "The decoder prompt (length 2100) is longer than the maximum model length of 2048.",
                "request (2100 tokens) exceeds the available context size (2048 tokens), try increasing it",
            )
        ),
        (
            NO_PARSER,
            "thinking_tokens",
            "`thinking_tokens` needs a worker that can end thoughts; start `vllm serve` with --reasoning-parser, or set "
            "no `thinking_tokens`.",
        ),
    ],
)
async def test_a_refusal_names_the_field_and_the_remedy(
    said: str, field: str, message: str, start: Start, connect: Connect
) -> None:
    async def refusing(request: web.Request) -> web.StreamResponse:
        return web.json_response({"object": "error", "message": said}, status=400)

    engine = await connect(await start(refusing))
    with pytest.raises(InputError) as raised:
        await engine.sample("path", PROMPT, SAMPLING)
    assert (raised.value.field, str(raised.value)) == (field, f"{message} ({error_message(said)})")


async def test_paths_go_to_the_least_busy_worker(start: Start, connect: Connect) -> None:
    workers = [FakeWorker(), FakeWorker()]
    engine = await connect(*[await start(worker=worker) for worker in workers])
    await asyncio.gather(*(engine.sample(f"path-{i}", PROMPT, SAMPLING) for i in range(10)))
    assert [len(worker.asked) for worker in workers] == [5, 5]


@pytest.mark.slow
async def test_a_worker_goes_down_and_comes_back(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, bool]] = []
    runner = web.AppRunner(await FakeWorker().application(), shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    engine = await connect(f"http://127.0.0.1:{port}/v1", on_worker=lambda worker, up: seen.append((worker, up)))
    await runner.cleanup()
    monkeypatch.setattr(workers, "PATIENCE_S", 0.1)
    with pytest.raises(EngineError):
        await engine.sample("path", PROMPT, SAMPLING)
    monkeypatch.setattr(workers, "PATIENCE_S", 15.0)
    with pytest.raises(EngineError, match="No worker answers"):
        await engine.probe()
    again = web.AppRunner(await FakeWorker().application(), shutdown_timeout=0, handler_cancellation=True)
    await again.setup()
    await web.TCPSite(again, "127.0.0.1", port).start()
    completion = await engine.sample("path", PROMPT, SAMPLING)  # waits for the next probe
    assert completion.finish is Finish.STOP
    await engine.probe()
    assert seen == [(f"127.0.0.1:{port}", up) for up in (False, True, False, True)]
    await engine.close()
    await again.cleanup()


def faster(monkeypatch: pytest.MonkeyPatch, scale: float) -> None:
    """Scale the times of the probes, of the backoff and of the patience."""
    for module in (remote, workers):
        for name, value in vars(module).copy().items():
            if name in {"_BACKOFF_S", "_MAX_BACKOFF_S", "_PROBE_INTERVAL_S", "_PROBE_TIMEOUT_S", "PATIENCE_S"}:
                monkeypatch.setattr(module, name, value * scale)


async def until_down(engine: RemoteEngine) -> None:
    while engine._workers.any_up:
        await asyncio.sleep(0.01)


@pytest.fixture
async def stalling(start: Start) -> AsyncIterator[StallingProxy]:
    """A proxy, like a single router, in front of one worker whose paths of 140 tokens take 1.4 s."""
    worker = FakeWorker(lambda prompt, sampling: "one two three four five six seven " * 10, tokens_per_s=100)
    async with StallingProxy(await start(worker=worker)) as proxy:
        yield proxy


@pytest.mark.parametrize("scale", [0.1, pytest.param(1.0, marks=pytest.mark.slow)])
async def test_paths_survive_a_router_that_stalls(
    scale: float, stalling: StallingProxy, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    faster(monkeypatch, scale)
    engine = await connect(stalling.url)
    before = asyncio.create_task(engine.sample("before", PROMPT, SAMPLING))
    await asyncio.sleep(0.1)
    stalling.stall()
    async with asyncio.timeout(8 * scale):
        await until_down(engine)
    during = [asyncio.create_task(engine.sample(f"during-{number}", PROMPT, SAMPLING)) for number in range(5)]
    await asyncio.sleep(5 * scale)  # the six tries took 3 s
    stalling.resume()
    assert [path.finish for path in await asyncio.gather(before, *during)] == [Finish.STOP] * 6


async def test_slow_probes_do_not_put_down_a_worker_whose_paths_progress(
    stalling: StallingProxy, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    faster(monkeypatch, 0.1)
    changes: list[bool] = []
    engine = await connect(stalling.url, on_worker=lambda worker, up: changes.append(up))
    path = asyncio.create_task(engine.sample("path", PROMPT, SAMPLING))
    await asyncio.sleep(0.1)
    stalling.stall_new()
    await path
    assert changes == [False, True]
    async with asyncio.timeout(2):
        await until_down(engine)  # without a path, the same probes fail


async def test_a_path_without_a_worker_fails_after_the_patience(
    start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The patience begins with the loss of the last worker, so that a long outage holds up no later path."""
    faster(monkeypatch, 0.02)
    engine = await connect(await start())
    await engine._workers.close()
    engine._workers.mark_down(engine._workers._workers[0])
    began = time.monotonic()
    with pytest.raises(EngineError, match=r"^No worker could sample the path \(no worker is up\)\.$"):
        await engine.sample("path", PROMPT, SAMPLING)
    assert 0.25 < time.monotonic() - began < 1
    began = time.monotonic()
    with pytest.raises(EngineError, match="no worker is up"):
        await engine.sample("later", PROMPT, SAMPLING)
    assert time.monotonic() - began < 0.1


async def test_a_router_without_workers_costs_no_try(
    start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PATIENCE_S", 0.5)
    monkeypatch.setattr(remote, "_MAX_BACKOFF_S", 0.01)
    calls = 0

    async def unavailable(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        return web.json_response({"message": "no worker"}, status=(429, 502, 503, 504)[calls % 4])

    engine = await connect(await start(unavailable))
    began = time.monotonic()
    with pytest.raises(EngineError, match=r"\((127.0.0.1:\d+): (429|502|503|504) no worker\)"):
        await engine.sample("path", PROMPT, SAMPLING)
    assert 0.5 <= time.monotonic() - began < 2
    assert calls > remote._MAX_ATTEMPTS


async def test_an_abort_ends_the_wait_for_a_worker(start: Start, connect: Connect) -> None:
    engine = await connect(await start())
    await engine._workers.close()
    engine._workers.mark_down(engine._workers._workers[0])
    path = asyncio.create_task(engine.sample("path", PROMPT, SAMPLING))
    await asyncio.sleep(0.05)
    await engine.abort(["path"])
    assert await path == Completion("", 0, 0, Finish.ABORT)


async def test_an_abort_is_a_disconnect(start: Start, connect: Connect) -> None:
    worker = FakeWorker(lambda prompt, sampling: "one two three four five six seven " * 30, tokens_per_s=50)
    engine = await connect(await start(worker=worker))
    path = asyncio.create_task(engine.sample("path", PROMPT, SAMPLING))
    await asyncio.sleep(0.2)
    assert worker.running == 1
    await engine.abort(["path", "unknown"])
    completion = await path
    assert completion.finish is Finish.ABORT
    assert (completion.prompt_tokens, completion.completion_tokens, completion.text) in [
        (34, 1, "one"),
        (34, 9, "one two three four five"),
        (34, 17, "one two three four five six seven one two"),
    ]
    await asyncio.sleep(0.1)
    assert (worker.running, engine._streams) == (0, {})


async def test_a_silent_worker_has_failed_the_path(start: Start, connect: Connect) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError

    bad, good = await start(silent), await start()
    engine = await connect(bad, good, read_timeout_s=0.2)
    assert (await engine.sample("path", PROMPT, SAMPLING)).finish is Finish.STOP


async def test_tokens_are_counted_by_usage_by_ids_or_by_chunks(start: Start, connect: Connect) -> None:
    chunks = [f'{{"choices": [{{"text": "{word}", "finish_reason": null}}]}}' for word in "abc"]
    chunks.append('{"choices": [{"text": "", "finish_reason": "length"}]}')
    usage = '{"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 5}}'

    def answering(*events: str) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            return web.Response(text="".join(f"data: {event}\n\n" for event in (*events, "[DONE]")))

        return answer

    last = await (await connect(await start(answering(*chunks, usage)))).sample("path", PROMPT, SAMPLING)
    assert (last.text, last.prompt_tokens, last.completion_tokens, last.finish) == ("abc", 4, 5, Finish.LENGTH)
    first = '{"choices": [{"text": "a", "finish_reason": null, "prompt_token_ids": [2, 7, 7], "token_ids": [3]}]}'
    second = (
        '{"choices": [{"text": "bcd", "finish_reason": "length", "prompt_token_ids": null, "token_ids": [4, 5, 6]}]}'
    )
    ids = await (await connect(await start(answering(first, second)))).sample("path", PROMPT, SAMPLING)
    assert (ids.text, ids.prompt_tokens, ids.completion_tokens) == ("abcd", 3, 4)
    never = await (await connect(await start(answering(*chunks)))).sample("path", PROMPT, SAMPLING)
    assert (never.prompt_tokens, never.completion_tokens) == (0, 3)


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("within_delta", [False, True])
async def test_a_thought_in_a_field_of_its_own_is_no_text(
    field: str, within_delta: bool, start: Start, connect: Connect
) -> None:
    def event(reason: str | None = None, **parts: str | None) -> str:
        choice = {"delta": parts} if within_delta else parts
        return json.dumps({"choices": [{**choice, "finish_reason": reason}]})

    text = "content" if within_delta else "text"
    events = [
        event(**{field: "The answer is 9"}),
        event(**{field: "No.", text: None}),
        event(**{text: "The answer is 13"}),
    ]
    engine = await connect(await start(saying(*events, event(reason="stop"))))
    completion = await engine.sample("path", PROMPT, SAMPLING)
    assert (completion.text, completion.completion_tokens, completion.finish) == ("The answer is 13", 3, Finish.STOP)


@pytest.mark.parametrize(
    ("owned_by", "selections"),
    [
        ("vllm", [{"model": "math"}, {"model": "units"}]),
        ("sglang", [{"model": "math"}, {"model": "math", "lora_path": "units"}]),
    ],
)
async def test_an_adapter_is_a_model_of_the_worker(
    owned_by: str, selections: list[dict[str, str]], start: Start, connect: Connect
) -> None:
    worker = FakeWorker(
        lambda prompt, sampling: f"by {sampling.adapter}",
        model="math",
        adapters=["algebra", "units"],
        owned_by=owned_by,
    )
    engine = await connect(await start(worker=worker), adapters=["units"])
    texts = [
        (await engine.sample(f"path-{name}", PROMPT, replace(SAMPLING, adapter=name))).text for name in (None, "units")
    ]
    assert texts == ["by None", "by units"]
    chosen = [{name: asked[name] for name in ("model", "lora_path") if name in asked} for asked in worker.asked]
    assert chosen == selections
    with pytest.raises(EngineError, match=r"^The engine has no adapter 'algebra'\.$"):
        await engine.sample("path", PROMPT, replace(SAMPLING, adapter="algebra"))


@pytest.mark.parametrize("owned_by", ["llamacpp", "organization-owner"])
async def test_a_worker_that_may_ignore_an_adapter_is_refused(owned_by: str, start: Start, connect: Connect) -> None:
    url = await start(worker=FakeWorker(model="math", adapters=["algebra"], owned_by=owned_by))
    with pytest.raises(EngineError) as raised:
        await connect(url, adapters=["algebra"])
    assert str(raised.value) == (
        f"The worker {url.removeprefix('http://')} may answer with the base model instead of the adapter algebra; serve "
        "it with vLLM or SGLang, and set `worker_api` to the server."
    )
    await connect(url, adapters=["algebra"], api=WorkerApi.VLLM)


async def test_an_adapter_that_the_worker_lacks_is_named(start: Start, connect: Connect) -> None:
    url = await start(worker=FakeWorker(model="math", adapters=["algebra"]))
    worker = url.removeprefix("http://")
    with pytest.raises(EngineError) as raised:
        await connect(url, adapters=["algebra", "units"])
    assert str(raised.value) == f"The worker {worker} serves math, algebra, not units."
    with pytest.raises(EngineError) as raised:
        await connect(url, model="algebra", adapters=["algebra"])
    assert str(raised.value) == "algebra is the model and an adapter; set `worker_model` to the base model."


async def test_the_request_to_a_worker(start: Start, connect: Connect) -> None:
    worker = FakeWorker(model="math")
    engine = await connect(await start(worker=worker), api_key="secret")
    assert engine.model == "math"
    await engine.sample("path", PROMPT, Sampling(temperature=0.3, top_p=0.8, max_tokens=9999, seed=2, stop=("\n\n",)))
    assert worker.asked == [
        {
            "model": "math",
            "prompt": PROMPT,
            "max_tokens": 2048,
            "temperature": 0.3,
            "top_p": 0.8,
            "seed": 2,
            "stop": ["\n\n"],
            "stream": True,
            "stream_options": {"include_usage": True},
            "stream_interval": 8,
            "return_token_ids": True,
            "add_special_tokens": False,
            "top_k": -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
        }
    ]


_THINKING = Sampling(
    top_k=20, min_p=0.05, repetition_penalty=1.1, thinking_tokens=2000, skip_special_tokens=False
)  # fmt: skip
_OF_VLLM = {"top_k": 20, "min_p": 0.05, "repetition_penalty": 1.1, "skip_special_tokens": False}
_OFF_IN_VLLM = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
_OF_LLAMACPP = {"top_k": 20, "min_p": 0.05, "repeat_penalty": 1.1, "repeat_last_n": -1}
_OFF_IN_LLAMACPP = {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0, "repeat_last_n": -1}


@pytest.mark.parametrize(
    ("owned_by", "api", "fields", "neutral"),
    [
        ("vllm", None, _OF_VLLM | {"thinking_token_budget": 2000}, _OFF_IN_VLLM),
        ("sglang", None, _OF_VLLM, _OFF_IN_VLLM),
        ("organization-owner", None, _OF_VLLM, _OFF_IN_VLLM),
        ("llamacpp", None, _OF_LLAMACPP, _OFF_IN_LLAMACPP),
        ("organization-owner", WorkerApi.VLLM, _OF_VLLM | {"thinking_token_budget": 2000}, _OFF_IN_VLLM),
        ("vllm", WorkerApi.OTHER, _OF_VLLM, _OFF_IN_VLLM),
    ],
)  # fmt: skip
async def test_a_worker_gets_the_parameters_by_its_own_names(
    owned_by: str,
    api: WorkerApi | None,
    fields: dict[str, Any],
    neutral: dict[str, Any],
    start: Start,
    connect: Connect,
) -> None:
    worker = FakeWorker(owned_by=owned_by)
    engine = await connect(await start(worker=worker), api=api)
    for sampling in (_THINKING, Sampling()):
        await engine.sample("path", PROMPT, sampling)
    names = {"top_k", "min_p", "repetition_penalty", "repeat_penalty", "repeat_last_n", "thinking_token_budget"}
    names |= {"skip_special_tokens"}
    assert [{name: asked[name] for name in names & asked.keys()} for asked in worker.asked] == [fields, neutral]


async def test_only_vllm_ends_thoughts(start: Start, connect: Connect) -> None:
    urls = {name: await start(worker=FakeWorker(owned_by=name)) for name in ("vllm", "sglang", "llamacpp", "openai")}
    ends = {name: (await connect(url)).ends_thoughts for name, url in urls.items()}
    assert ends == {"vllm": True, "sglang": False, "llamacpp": False, "openai": False}
    assert (await connect(urls["openai"], api=WorkerApi.VLLM, must_end_thoughts=True)).ends_thoughts
    with pytest.raises(EngineError) as raised:
        await connect(urls["sglang"], must_end_thoughts=True)
    assert str(raised.value) == (
        f"The worker {urls['sglang'].removeprefix('http://')} cannot end a thought, only vLLM can; leave the setting "
        "`thinking_tokens` out, or set `worker_api`."
    )


async def test_a_budget_of_the_settings_is_tried_at_the_start(start: Start, connect: Connect) -> None:
    able, unable = FakeWorker(), FakeWorker(ends_thoughts=False)
    await connect(await start(worker=able), must_end_thoughts=True)
    assert able.asked == [{"model": "fake", "prompt": "1", "max_tokens": 1, "thinking_token_budget": 1}]
    url = await start(worker=unable)
    with pytest.raises(EngineError) as raised:
        await connect(url, must_end_thoughts=True)
    assert str(raised.value) == (
        f"The worker {url.removeprefix('http://')} cannot end a thought; start `vllm serve` with --reasoning-parser, or "
        f"leave the setting `thinking_tokens` out. ({error_message(NO_PARSER)})"
    )
    broken = await start(failing)
    with pytest.raises(EngineError, match=r"^The worker \S+ did not sample a token: 500 out of order$"):
        await connect(broken, must_end_thoughts=True)


async def test_a_refusal_in_the_stream_is_one_of_the_request(start: Start, connect: Connect) -> None:
    worker = FakeWorker(ends_thoughts=False)
    results: list[str] = []
    engine = await connect(await start(worker=worker), on_request=lambda _, result: results.append(result))
    with pytest.raises(InputError, match="needs a worker that can end thoughts") as raised:
        await engine.sample("path", PROMPT, replace(SAMPLING, thinking_tokens=50))
    assert (raised.value.field, len(worker.asked), results) == ("thinking_tokens", 1, ["refused"])
    assert (await engine.sample("path", PROMPT, SAMPLING)).finish is Finish.STOP


async def test_each_worker_gets_its_own_names_and_context(start: Start, connect: Connect) -> None:
    def by(prompt: str, sampling: Sampling) -> str:
        return f"by {sampling.adapter}"

    servers = ("vllm", "sglang")
    workers = [
        FakeWorker(by, model="math", adapters=["units"], owned_by=name, max_model_len=1000 * length)
        for length, name in enumerate(servers, 1)
    ]
    engine = await connect(*[await start(worker=worker) for worker in workers], adapters=["units"])
    sampling = replace(SAMPLING, adapter="units", max_tokens=9999, thinking_tokens=50)
    found = await asyncio.gather(*(engine.sample(f"path-{number}", "one two", sampling) for number in range(4)))
    assert [completion.text for completion in found] == ["by units"] * 4
    names = ("model", "lora_path", "max_tokens", "thinking_token_budget")
    assert [{name: asked[name] for name in names if name in asked} for one in workers for asked in one.asked] == [
        *[{"model": "units", "max_tokens": 1000, "thinking_token_budget": 50}] * 2,
        *[{"model": "math", "lora_path": "units", "max_tokens": 2000 - len("one two")}] * 2,
    ]
    assert not engine.ends_thoughts


@pytest.mark.parametrize(
    ("other", "options", "reason"),
    [
        ({"model": "other"}, {}, "serves other, algebra, not math."),
        ({"adapters": []}, {}, "serves math, not algebra."),
        ({"owned_by": "llamacpp"}, {}, "may answer with the base model instead of the adapter algebra; serve it with "
         "vLLM or SGLang, and set `worker_api` to the server."),
        ({"owned_by": "sglang"}, {"must_end_thoughts": True}, "cannot end a thought, only vLLM can; leave the setting "
         "`thinking_tokens` out, or set `worker_api`."),
    ],
)  # fmt: skip
async def test_each_worker_is_checked_at_the_start(
    other: dict[str, Any], options: dict[str, Any], reason: str, start: Start, connect: Connect
) -> None:
    served: dict[str, Any] = {"model": "math", "adapters": ["algebra"]}
    first, second = await start(worker=FakeWorker(**served)), await start(worker=FakeWorker(**served | other))
    for urls in ((first, second), (second, first)):
        with pytest.raises(EngineError) as raised:
            await connect(*urls, model="math", adapters=["algebra"], **options)
        assert str(raised.value) == f"The worker {second.removeprefix('http://')} {reason}"


async def test_a_worker_that_comes_back_with_another_model_gets_no_paths(
    start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    faster(monkeypatch, 0.1)
    kept, changed = FakeWorker(model="math"), FakeWorker(model="math")
    engine = await connect(await start(worker=kept), await start(worker=changed))
    worker = engine._workers._workers[1]
    for name in ("other", "math"):
        changed._model = name
        engine._workers.mark_down(worker)
        async with asyncio.timeout(10):
            while not worker.up and (worker.refusal is None or name == "math"):
                await asyncio.sleep(0.01)
        assert worker.up is (name == "math")
    assert [record.getMessage() for record in caplog.records if "stays down" in record.getMessage()] == [
        f"worker {worker.name} stays down: The worker {worker.name} serves other, not math."
    ]


@pytest.mark.parametrize("said", ["7", "[]", "{}", '{"data": 7}', '{"data": [7]}', '{"data": [{}]}', '{"data": null}'])
async def test_a_list_of_another_shape_is_refused(
    said: str, start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = FakeWorker()

    async def shaped(request: web.Request) -> web.Response:
        return web.json_response(text=said)

    monkeypatch.setattr(worker, "_models", shaped)
    url = await start(worker=worker)
    with pytest.raises(EngineError, match=r"^The worker \S+ does not list its models: "):
        await connect(url)
    good = await connect(url, await start())  # one that can sample is enough
    assert (await good.sample("path", PROMPT, SAMPLING)).finish is Finish.STOP


async def test_cached_prompts_are_shared_only_with_the_same_salt(start: Start, connect: Connect) -> None:
    worker = FakeWorker(model="math")
    engine = await connect(await start(worker=worker))
    for salt in ("ann", None):
        await engine.sample("path", PROMPT, Sampling(cache_salt=salt))
    assert [asked.get("cache_salt") for asked in worker.asked] == ["ann", None]


async def test_a_key_is_sent_as_a_bearer_token(start: Start, connect: Connect) -> None:
    keys: list[str | None] = []

    async def note(request: web.Request) -> web.StreamResponse:
        keys.append(request.headers.get("Authorization"))
        return web.json_response({"message": "no"}, status=401)

    engine = await connect(await start(note), api_key="secret")
    with pytest.raises(EngineError, match="401 no"):
        await engine.sample("path", PROMPT, SAMPLING)
    assert keys == ["Bearer secret"]


async def test_a_worker_that_does_not_serve_the_model_is_refused(start: Start) -> None:
    engine = RemoteEngine([await start()], model="other")
    with pytest.raises(EngineError, match="serves fake, not other"):
        await engine.start()
    with pytest.raises(EngineDeadError):
        await engine.probe()


async def test_no_worker_at_the_start() -> None:
    engine = RemoteEngine(["http://127.0.0.1:9"], start_timeout_s=0.05)
    with pytest.raises(EngineError, match=r"No worker answered within 0\.05 s"):
        await engine.start()


@pytest.mark.parametrize("urls", [[], ["worker:8000"], ["ftp://worker"], ["http://"]])
def test_wrong_addresses(urls: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        RemoteEngine(urls)
