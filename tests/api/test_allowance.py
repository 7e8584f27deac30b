"""Limits of a key over requests with many problems: choices and rows."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.api.allowance import Allowance
from service.api.api_key import ApiKey, KeyTable
from service.api.api_keys import KeyRing
from service.engine.base import Completion, Sampling
from service.errors import OverloadedError
from service.settings import Settings
from tests.api.test_api_keys import digest, table, written
from tests.api.test_auth import bearer, rejections
from tests.conftest import Serve
from tests.support.engines import TurnEngine, computing_sandbox, cot, pot

OPTIONS = {"paths": {"cot": 1, "pot": 1}}


class CountingEngine(TurnEngine):
    """Engine that remembers the largest number of problems that were open at once."""

    def __init__(self) -> None:
        super().__init__([cot(5), pot(5)])
        self.most = 0
        self._open: list[str] = []

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        problem = request_id.rpartition("-")[0]
        self._open.append(problem)
        self.most = max(self.most, len(set(self._open)))
        await asyncio.sleep(0.05)
        self._open.remove(problem)
        return await super().sample(request_id, prompt, sampling)


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(
        written(
            tmp_path,
            table("free", "free-key"),
            table("scraper", "scrapers-key", 'scopes = ["metrics"]'),
            table("narrow", "narrow-key", "concurrency = 1"),
            table("wide", "wide-key", "concurrency = 3"),
            table("slow", "slow-key", "requests_per_minute = 4"),
        )
    )


async def complete(client: httpx.AsyncClient, key: str, n: int, prompts: int = 1) -> httpx.Response:
    prompt = ["How many?"] * prompts
    body = {"model": "twinpath", "prompt": prompt, "n": n, "temperature": 1, "twinpath": OPTIONS}
    return await client.post("/v1/completions", json=body, headers=bearer(key))


async def batch(client: httpx.AsyncClient, key: str, rows: int, path: str = "/solve/batch") -> httpx.Response:
    row = {"problem": "How many?", **OPTIONS} | ({"response": "It is 5"} if path == "/grade/batch" else {})
    lines = "".join(json.dumps(row | {"seed": number}) + "\n" for number in range(rows))
    headers = bearer(key) | {"Content-Type": "application/x-ndjson"}
    return await client.post(path, content=lines, headers=headers)


Ask = Callable[[httpx.AsyncClient, str, int], Coroutine[Any, Any, httpx.Response]]


async def prompts(client: httpx.AsyncClient, key: str, n: int) -> httpx.Response:
    return await complete(client, key, 1, n)


async def grades(client: httpx.AsyncClient, key: str, rows: int) -> httpx.Response:
    return await batch(client, key, rows, "/grade/batch")


@pytest.mark.parametrize("ask", [complete, prompts, batch, grades])
@pytest.mark.parametrize(("key", "most"), [("narrow-key", 1), ("wide-key", 3), ("free-key", 6)])
async def test_problems_of_one_request_run_within_the_concurrency(
    serve: Serve, ring: KeyRing, ask: Ask, key: str, most: int
) -> None:
    engine = CountingEngine()
    client = await serve(engine, computing_sandbox(), keys=ring, settings=Settings(batch_concurrency=6))
    response = await ask(client, key, 12)
    assert response.status_code == 200
    answers = response.json()["choices"] if ask in (complete, prompts) else response.text.splitlines()
    assert (len(answers), engine.most) == (12, most)
    assert (await ask(client, key, 1)).status_code == 200


async def test_two_requests_share_the_concurrency_and_both_end(serve: Serve, ring: KeyRing) -> None:
    engine = CountingEngine()
    client = await serve(engine, computing_sandbox(), keys=ring)
    responses = await asyncio.gather(*(ask(client, "wide-key", 9) for ask in (complete, prompts, batch)))
    assert [response.status_code for response in responses] == [200] * 3
    assert engine.most == 3


async def test_each_choice_counts_against_the_rate(serve: Serve, ring: KeyRing) -> None:
    client = await serve(CountingEngine(), computing_sandbox(), keys=ring)
    assert (await complete(client, "slow-key", 3)).status_code == 200
    refused = await complete(client, "slow-key", 2)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "15")
    assert refused.json()["error"]["message"] == "This API key has reached its limit of 4 requests a minute."
    assert (await complete(client, "slow-key", 1)).status_code == 200  # the refusal cost nothing
    assert await rejections(client) == {"rate_limited": 1}


async def test_each_row_counts_against_the_rate_and_waits(
    serve: Serve, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic_ns", lambda: round(clock[0] * 1e9))
    waits: list[float] = []

    async def sleep(self: ApiKey) -> None:
        while wait_s := self.acquire_rate():
            waits.append(wait_s)
            clock[0] += wait_s

    monkeypatch.setattr(ApiKey, "wait_for_rate", sleep)
    client = await serve(CountingEngine(), computing_sandbox(), keys=ring)
    response = await batch(client, "slow-key", 7)
    assert len(response.text.splitlines()) == 7
    assert waits == [15.0] * 3


def key_with(**limits: int) -> ApiKey:
    return ApiKey(KeyTable(name="a", sha256=digest("one"), **limits))


def test_more_problems_than_the_rate_allows_at_once_are_accepted_from_an_idle_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [100.0]
    monkeypatch.setattr("time.monotonic_ns", lambda: round(clock[0] * 1e9))
    key = key_with(requests_per_minute=6)
    assert (key.acquire_rate(), key.acquire_more(8)) == (0.0, 0.0)
    assert key.acquire_rate() == 40.0  # nine were counted
    clock[0] += 40.0
    assert (key.acquire_rate(), key.acquire_more(8)) == (0.0, 50.0)
    clock[0] += 50.0
    assert (key.acquire_rate(), key.acquire_more(8)) == (0.0, 0.0)


async def test_a_row_that_the_queue_refuses_costs_nothing() -> None:
    key = key_with(requests_per_minute=2, concurrency=1)
    assert key.acquire_rate() == 0.0
    key.open_place()
    allowance = Allowance(key)
    for _ in range(3):
        with pytest.raises(OverloadedError):
            async with allowance.problem():
                raise OverloadedError("full", 1.0)
    async with allowance.problem():
        assert key.acquire_rate() == 0.0
        assert key.acquire_rate() > 0
    assert key.active == 1


async def test_a_row_that_is_cancelled_while_it_waits_holds_nothing() -> None:
    key = key_with(concurrency=1)
    key.open_place()
    allowance = Allowance(key)
    entered: list[int] = []

    async def row(number: int) -> None:
        async with allowance.place():
            entered.append(number)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(row(number)) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (entered, key.active, key._waiting) == ([0, 2], 1, set())


def test_the_time_to_retry_follows_the_problems_of_the_key() -> None:
    key = key_with(concurrency=4)
    assert key.retry_after_s == 1
    for _ in range(40):
        key.open_place()
        key.close_place(20.0)
    assert key.retry_after_s == 20
    for _ in range(4):
        key.open_place()
    assert key.retry_after_s == 5
    for _ in range(40):
        key.open_place()
        key.close_place(1000.0)
    assert key.retry_after_s == 60


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_that_the_queue_refuses_costs_nothing(
    serve: Serve, ring: KeyRing, n: int, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await serve(CountingEngine(), computing_sandbox(), keys=ring)
    with monkeypatch.context() as patched:

        async def refuse(*_: object) -> None:
            raise OverloadedError("The queue is full.", 1.0)

        patched.setattr("service.solve.solver.Solver.solve", refuse)
        for _ in range(4):
            body = {"model": "twinpath", "prompt": "How many?", "n": n, "temperature": 1, "stream": stream}
            refused = await client.post("/v1/completions", json=body, headers=bearer("slow-key"))
            assert (refused.status_code, refused.json()["error"]["message"]) == (429, "The queue is full.")
            refused = await client.post("/solve", json={"problem": "How many?"}, headers=bearer("slow-key"))
            assert refused.json()["detail"] == "The queue is full."
    assert (await complete(client, "slow-key", 4)).status_code == 200
    assert (await complete(client, "slow-key", 1)).status_code == 429


async def test_a_request_refused_before_its_body_costs_nothing(
    serve: Serve, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await serve(CountingEngine(), computing_sandbox(), keys=ring)
    with monkeypatch.context() as patched:

        def refuse(*_: object) -> None:
            raise OverloadedError("The queue is full.", 1.0)

        patched.setattr("service.solve.admission.Admission.require_room", refuse)
        assert [(await complete(client, "slow-key", 1)).status_code for _ in range(5)] == [429] * 5
    assert (await complete(client, "slow-key", 4)).status_code == 200
