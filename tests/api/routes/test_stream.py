"""Route `POST /solve/stream` over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from service.api import sse
from service.engine.fake import FakeEngine
from service.errors import EngineDeadError, EngineError, PromptTooLongError
from service.schemas import SolveResponse
from service.settings import Settings
from tests.conftest import Serve
from tests.support.engines import TurnEngine, computing_sandbox, cot, playing, pot

PENS = "A pen costs 3 dollars. How much do 7 pens cost?"
Event = tuple[str, dict[str, Any]]


async def events(response: httpx.Response) -> AsyncIterator[Event]:
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


async def told(client: httpx.AsyncClient, **fields: object) -> list[Event]:
    async with client.stream("POST", "/solve/stream", json={"problem": PENS} | fields) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        return [event async for event in events(response)]


async def test_paths_votes_and_the_answer(live: Serve) -> None:
    engine = TurnEngine([cot(5), pot(6), "?", pot(5)], order=[1, 0, 3, 2])
    client = await live(engine, computing_sandbox())
    stream = await told(client, paths={"cot": 2, "pot": 2}, policy="fixed", seed=7)
    assert [name for name, _ in stream] == ["path", "path", "vote", "path", "path", "vote", "answer"]
    paths = [data for name, data in stream if name == "path"]
    assert [(path["index"], path["outcome"], path["answer"]) for path in paths] == [
        (1, "voted", "6"),
        (0, "voted", "5"),
        (3, "voted", "5"),
        (2, "unparsed", None),
    ]
    assert paths[0]["program"] == "ans = 6"
    first, last = [data for name, data in stream if name == "vote"]
    assert first == {
        "votes": [{"answer": "5", "cot": 1, "pot": 0}, {"answer": "6", "cot": 0, "pot": 1}],
        "confidence": 0.5,
        "decided": False,
    }
    assert (last["votes"][0], last["decided"]) == ({"answer": "5", "cot": 1, "pot": 1}, True)
    answer = stream[-1][1]
    assert (answer["answer"], answer["seed"], "trace" in answer) == ("5", 7, False)
    SolveResponse.model_validate_json(json.dumps(answer))


async def test_the_trace_comes_with_the_answer_if_asked_for(live: Serve) -> None:
    client = await live(TurnEngine([cot(5), pot(5)]), computing_sandbox())
    stream = await told(client, paths={"cot": 1, "pot": 1}, trace=True)
    assert [path["counted"] for path in stream[-1][1]["trace"]] == [True, True]


async def test_paths_that_the_decision_made_unnecessary_are_told_too(live: Serve) -> None:
    client = await live(TurnEngine([cot(5), pot(5)] * 10), computing_sandbox())
    stream = await told(client)
    outcomes = [data["outcome"] for name, data in stream if name == "path"]
    assert outcomes == ["voted"] * 4 + ["aborted"] * 16
    assert stream[-1][1]["paths"] == {
        "planned": 20,
        "started": 20,
        "voted": 4,
        "abstained": 0,
        "aborted": 16,
        "cut_off": 0,
    }


async def test_events_arrive_as_they_happen(live: Serve) -> None:
    engine = TurnEngine([cot(5), pot(5)], order=[0])  # the program never ends
    client = await live(engine, computing_sandbox())
    fields = {"problem": PENS, "paths": {"cot": 1, "pot": 1}}
    async with client.stream("POST", "/solve/stream", json=fields) as response:
        stream = events(response)
        assert (await anext(stream))[1]["outcome"] == "voted"
        assert engine.running == 1


@pytest.mark.slow
async def test_a_caller_who_leaves_a_stream_leaves_nothing_running(live: Serve) -> None:
    engine = playing([cot(5)], [pot(5)], tokens_per_s=1)
    client = await live(engine)
    async with client.stream("POST", "/solve/stream", json={"problem": PENS}) as response:
        assert response.status_code == 200
        assert engine.running == 20
    await nothing_runs(engine)


async def test_a_caller_who_leaves_before_the_answer_leaves_nothing_running(live: Serve) -> None:
    engine = playing([cot(5)], [pot(5)], tokens_per_s=1)
    client = await live(engine)
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/solve", json={"problem": PENS}, timeout=0.2)
    await nothing_runs(engine)


async def nothing_runs(engine: FakeEngine) -> None:
    for _ in range(200):
        if not engine.running:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{engine.running} paths are still sampled")


async def test_heartbeats_keep_a_silent_stream_open(live: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(sse, "OPENING_S", 0.01)
    client = await live(TurnEngine([cot(5)], order=[]))
    fields = {"problem": PENS, "paths": {"cot": 1, "pot": 0}}
    async with client.stream("POST", "/solve/stream", json=fields) as response:
        assert (await anext(response.aiter_lines())).startswith(": ping")


@pytest.mark.parametrize(
    ("error", "status"), [(PromptTooLongError("3000 tokens"), 422), (EngineDeadError("gone"), 503)]
)
async def test_an_error_at_once_has_its_own_status(error: Exception, status: int, live: Serve) -> None:
    client = await live(TurnEngine([error]))
    response = await client.post("/solve/stream", json={"problem": PENS, "paths": {"cot": 1, "pot": 0}})
    assert (response.status_code, response.json()["detail"]) == (status, str(error))
    assert response.headers["content-type"] == "application/problem+json"


async def test_an_error_in_an_open_stream_is_its_last_event(live: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "OPENING_S", 0.0)
    client = await live(TurnEngine([EngineError("no memory")]))
    stream = await told(client, paths={"cot": 1, "pot": 0})
    name, document = stream[-1]
    assert (name, document["status"], document["detail"]) == ("error", 503, "no memory")
    assert document["request_id"]


async def test_a_wrong_request_opens_no_stream(live: Serve) -> None:
    client = await live(TurnEngine([]))
    response = await client.post("/solve/stream", json={"problem": ""})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "problem")


async def test_a_full_queue_gets_429_with_retry_after(live: Serve) -> None:
    engine = playing([cot(5)], [pot(5)], tokens_per_s=1)
    client = await live(engine, settings=Settings(max_queue=0, max_num_seqs=4))
    async with client.stream("POST", "/solve/stream", json={"problem": PENS}) as holder:
        assert holder.status_code == 200
        for path in ("/solve", "/solve/stream"):
            refused = await client.post(path, json={"problem": PENS})
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) >= 1
            assert refused.headers["content-type"] == "application/problem+json"
