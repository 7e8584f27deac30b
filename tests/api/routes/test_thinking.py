"""A thinking model through every route: votes, limits, usage and memory."""

import gc
import json
import tracemalloc
from dataclasses import replace
from typing import Any

import httpx
import pytest

from service.engine.base import Completion, Sampling
from service.engine.fake import FakeEngine
from service.paths.base import PathFormat, Thoughts
from service.paths.chat import TWINPATH, ChatFormat
from service.settings import Settings
from tests.conftest import Serve
from tests.support.engines import computing_sandbox
from tests.support.thinking import ALWAYS, DELIMITERS, SWITCHED, THOUGHT_CHARS, THOUGHT_TOKENS, thinks

PENS = "A pen costs 3 dollars. How much do 7 pens cost?"
BODY: dict[str, Any] = {"problem": PENS, "policy": "fixed", "max_tokens": 7000, "seed": 7}
CHAT: dict[str, Any] = {"model": "twinpath", "messages": [{"role": "user", "content": PENS}], "seed": 7}
UNNAMED = ChatFormat(lambda message: f"{message}<think>\n", thoughts=Thoughts((True,)))
UNKNOWN = ChatFormat(
    lambda message: f"{message}<think>\n",
    replace(TWINPATH, cot_stop=("---",), pot_stop=("---",)),
    thoughts=Thoughts((False, True), DELIMITERS, is_known=False),
)
CUT = "20 of 20 paths reached the limit of 3,000 tokens; raise `max_tokens`."


async def served(serve: Serve, path_format: PathFormat = ALWAYS, **changes: Any) -> httpx.AsyncClient:
    settings = Settings(**changes)
    return await serve(FakeEngine(thinks), computing_sandbox(), settings=settings, path_format=path_format)


async def solve(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post("/solve", json=BODY | fields)
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    return content


async def test_long_thoughts_vote_right(serve: Serve) -> None:
    content = await solve(await served(serve))
    assert (content["answer"], content["votes"]) == ("21", [{"answer": "21", "cot": 10, "pot": 10}])
    assert (content["paths"]["cut_off"], "warning" in content) == (0, False)
    assert content["usage"]["thinking_tokens"] == pytest.approx(20 * THOUGHT_TOKENS, rel=0.005)
    assert content["usage"]["thinking_tokens"] < content["usage"]["completion_tokens"]
    assert content["explanation"]["cot"]["text"] == "3 * 7 = 21. The answer is 21"


async def test_cut_off_thoughts_are_reported(serve: Serve) -> None:
    content = await solve(await served(serve), max_tokens=3000)
    assert (content["status"], content["answer"], content["warning"]) == ("abstained", None, CUT)
    assert (content["paths"]["abstained"], content["paths"]["cut_off"]) == (20, 20)
    assert content["usage"]["thinking_tokens"] == content["usage"]["completion_tokens"] == 60_000


async def test_a_budget_ends_the_thoughts(serve: Serve) -> None:
    client = await served(serve)
    content = await solve(client, max_tokens=3000, thinking_tokens=2000)
    assert (content["answer"], content["paths"]["cut_off"]) == ("21", 0)
    assert content["usage"]["thinking_tokens"] == pytest.approx(20 * 2000, rel=0.01)
    client = await served(serve, thinking_tokens=1000)
    assert (await solve(client))["usage"]["thinking_tokens"] == pytest.approx(20 * 1000, rel=0.02)


async def test_the_switch_is_a_setting_and_a_field(serve: Serve) -> None:
    client = await served(serve, SWITCHED)
    tokens = [(await solve(client, **fields))["usage"]["thinking_tokens"] for fields in
              ({}, {"thinking": "auto"}, {"thinking": "off"}, {"thinking": "on"})]  # fmt: skip
    assert tokens[:3] == [0, 0, 0]
    assert tokens[3] >= 120_000
    client = await served(serve, SWITCHED, thinking="on")
    assert (await solve(client))["usage"]["thinking_tokens"] >= 120_000
    assert (await solve(client, thinking="off"))["usage"]["thinking_tokens"] == 0


@pytest.mark.parametrize(
    ("path_format", "fields", "detail"),
    [
        (ALWAYS, {"thinking": "off"}, "`thinking` switches thinking off, but the model always thinks; leave it out."),
        (None, {"thinking": "on"}, "`thinking` switches thinking on, but the model does not think; leave it out."),
        (None, {"thinking": "yes"}, "`thinking` must be `auto`, `off` or `on`."),
        (ALWAYS, {"thinking_tokens": -1}, "`thinking_tokens` must be a whole number from 0 to 131072."),
    ],
)
async def test_a_model_that_cannot_is_an_error_of_the_field(
    path_format: PathFormat | None, fields: dict[str, Any], detail: str, serve: Serve
) -> None:
    changes = {"path_format": path_format} if path_format else {}
    client = await serve(FakeEngine(thinks), computing_sandbox(), **changes)
    response = await client.post("/solve", json=BODY | fields)
    assert (response.status_code, response.json()["detail"]) == (422, detail)
    assert response.json()["errors"][0]["field"] == next(iter(fields))


async def test_the_setting_of_a_budget_has_no_effect_on_a_model_that_does_not_think(serve: Serve) -> None:
    client = await served(serve, SWITCHED, thinking_tokens=100)
    assert (await solve(client))["usage"]["thinking_tokens"] == 0
    assert (await solve(client, thinking_tokens=0))["usage"]["thinking_tokens"] == 0


@pytest.mark.parametrize(
    ("fields", "budget", "stop"),
    [({}, None, ("---",)), ({"thinking_tokens": 500}, 500, ("---",)), ({"thinking": "on"}, None, ())],
)
async def test_a_model_that_may_think_keeps_its_stop_strings_and_takes_a_budget(
    fields: dict[str, Any], budget: int | None, stop: tuple[str, ...], serve: Serve
) -> None:
    sampled: set[tuple[int | None, tuple[str, ...]]] = set()

    class Noting(FakeEngine):
        async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
            sampled.add((sampling.thinking_tokens, sampling.stop))
            return await super().sample(request_id, prompt, sampling)

    client = await serve(Noting(thinks), computing_sandbox(), path_format=UNKNOWN)
    content = await solve(client, **fields)
    assert (content["answer"], sampled) == ("21", {(budget, stop)})
    tokens = 500 if budget else THOUGHT_TOKENS
    assert content["usage"]["thinking_tokens"] == pytest.approx(20 * tokens, rel=0.04)


class Endless(FakeEngine):
    """An engine that cannot end a thought."""

    @property
    def ends_thoughts(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("engine", "path_format", "reason"),
    [
        (FakeEngine, SWITCHED, "the model does not think; switch thinking on with `thinking`."),
        (FakeEngine, None, "the model does not think; leave it out."),
        (FakeEngine, UNNAMED, "the delimiters of the model's thoughts are not known; leave it out."),
        (Endless, ALWAYS, "the engine cannot end a thought; leave it out."),
    ],
)
async def test_a_budget_without_effect_is_an_error_of_the_field(
    engine: type[FakeEngine], path_format: PathFormat | None, reason: str, serve: Serve
) -> None:
    changes = {"path_format": path_format} if path_format else {}
    client = await serve(engine(thinks), computing_sandbox(), **changes)
    response = await client.post("/solve", json=BODY | {"thinking_tokens": 5})
    assert response.status_code == 422
    assert response.json()["errors"] == [
        {"field": "thinking_tokens", "message": f"`thinking_tokens` has no effect, because {reason}"}
    ]


@pytest.mark.parametrize("route", ["chat/completions", "completions", "responses"])
async def test_openai_routes_count_thoughts_as_reasoning(route: str, serve: Serve) -> None:
    client = await served(serve)
    own = {"policy": "fixed", "thinking_tokens": 2000}
    text = {
        "chat/completions": CHAT,
        "completions": {"model": "m", "prompt": PENS},
        "responses": {"model": "m", "input": PENS},
    }
    limit = "max_output_tokens" if route == "responses" else "max_tokens"
    body = text[route] | {"model": "twinpath", limit: 3000, "twinpath": own}
    content = (await client.post(f"/v1/{route}", json=body)).json()
    usage = content["usage"]
    solution = content["twinpath"] if route == "responses" else content["choices"][0]["twinpath"]
    assert (solution["answer"], "trace" in solution) == ("21", False)
    names = (
        ("output_tokens", "output_tokens_details")
        if route == "responses"
        else ("completion_tokens", "completion_tokens_details")
    )
    shown = solution["explanation"]["cot"]["tokens"]
    assert usage[names[0]] == solution["usage"]["completion_tokens"]
    assert usage[names[1]]["reasoning_tokens"] == usage[names[0]] - shown
    assert 5 <= shown <= 20  # the answer has 17 tokens, its thought 2,000


async def test_a_cut_off_reply_of_openai_has_the_reason_length_and_the_warning(serve: Serve) -> None:
    client = await served(serve)
    body = CHAT | {"max_tokens": 3000, "twinpath": {"policy": "fixed"}}
    choice = (await client.post("/v1/chat/completions", json=body)).json()["choices"][0]
    assert (choice["finish_reason"], choice["twinpath"]["warning"]) == ("length", CUT)


async def test_a_streamed_completion_ends_with_the_same(serve: Serve) -> None:
    client = await served(serve)
    for max_tokens, finish, answer in ((7000, "stop", "21"), (3000, "length", None)):
        body = CHAT | {"stream": True, "max_tokens": max_tokens, "twinpath": {"policy": "fixed"}}
        lines = (await client.post("/v1/chat/completions", json=body)).text.splitlines()
        chunks = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
        last = chunks[-1]["choices"][0]
        assert (last["finish_reason"], last["twinpath"]["answer"]) == (finish, answer)
        assert all(len(json.dumps(chunk)) < 5000 for chunk in chunks)  # no thought


async def test_a_stream_of_events_has_the_thoughts_and_their_lengths(serve: Serve) -> None:
    client = await served(serve)
    text = (await client.post("/solve/stream", json=BODY | {"paths": 2})).text
    events = [json.loads(line.removeprefix("data: ")) for line in text.split("\n") if line.startswith("data: ")]
    paths = [event for event in events if "thought_chars" in event]
    assert len(paths) == 2
    for path in paths:
        assert path["text"][: path["thought_chars"]].endswith(" </think>")
        assert path["text"][path["thought_chars"] :].strip().startswith(("3 * 7", "```python"))


async def test_a_batch_votes_right_and_reports_limits_row_by_row(serve: Serve) -> None:
    client = await served(serve)
    rows = [BODY | {"id": "whole"}, BODY | {"id": "cut", "max_tokens": 3000}, BODY | {"id": "on", "thinking": "off"}]
    content = "".join(f"{json.dumps(row)}\n" for row in rows)
    response = await client.post("/solve/batch", content=content, headers={"Content-Type": "application/x-ndjson"})
    results = {row["id"]: row for row in map(json.loads, response.text.splitlines())}
    assert results["whole"]["solution"]["answer"] == "21"
    assert results["cut"]["solution"]["warning"] == CUT
    assert results["on"]["error"]["errors"][0]["field"] == "thinking"
    assert all(len(json.dumps(row)) < 5000 for row in results.values())


async def test_the_metrics_count_thoughts_and_paths_that_were_cut_off(serve: Serve) -> None:
    client = await served(serve)
    await solve(client, max_tokens=3000)
    text = (await client.get("/metrics")).text
    assert 'twinpath_paths_cut_off_total{limit="max_tokens"} 20.0' in text
    assert 'twinpath_paths_cut_off_total{limit="thinking_tokens"} 0.0' in text
    assert 'twinpath_thinking_tokens_total{kind="cot"} 30000.0' in text


async def test_a_grade_names_the_limit(serve: Serve) -> None:
    client = await served(serve)
    body = {"problem": PENS, "response": "21", "max_tokens": 3000, "policy": "fixed"}
    content = (await client.post("/grade", json=body)).json()
    assert (content["verdict"], content["reason"]) == ("undecided", f"The model found no answer. {CUT}")


async def peak_and_held_bytes(client: httpx.AsyncClient, route: str, **body: Any) -> tuple[int, int]:
    """Most bytes during a request, and bytes after it."""
    gc.collect()
    tracemalloc.start()
    try:
        assert (await client.post(route, **body)).status_code == 200
        peak = tracemalloc.get_traced_memory()[1]
        gc.collect()
        return peak, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("route", ["/v1/chat/completions", "/solve/batch", "/grade/batch"])
async def test_memory_does_not_grow_with_the_thoughts_of_many_problems(route: str, serve: Serve) -> None:
    client = await served(serve, batch_concurrency=1)

    def body(problems: int) -> dict[str, Any]:
        if route.startswith("/v1"):
            return {"json": CHAT | {"n": problems, "max_tokens": 7000, "twinpath": {"paths": 2, "policy": "fixed"}}}
        rows = [
            BODY | {"paths": 2, "seed": seed} | ({"response": "21"} if "grade" in route else {})
            for seed in range(problems)
        ]
        content = "".join(f"{json.dumps(row)}\n" for row in rows)
        return {"content": content, "headers": {"Content-Type": "application/x-ndjson"}}

    await peak_and_held_bytes(client, route, **body(2))  # caches
    few, many = [await peak_and_held_bytes(client, route, **body(problems)) for problems in (2, 22)]
    thoughts = 20 * 2 * THOUGHT_CHARS
    assert many[0] - few[0] < thoughts / 4
    assert many[1] - few[1] < thoughts / 4


async def test_solved_problems_hold_no_thoughts(serve: Serve) -> None:
    client = await served(serve)
    await solve(client)
    gc.collect()
    tracemalloc.start()
    try:
        contents = [await solve(client, paths=2) for _ in range(20)]
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 20 * 2 * THOUGHT_CHARS / 4
    finally:
        tracemalloc.stop()
    assert {content["answer"] for content in contents} == {"21"}
