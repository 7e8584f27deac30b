"""Application around the routes: lifespan, engine failure, request ids, errors."""

import asyncio
import re
from collections.abc import Sequence

import pytest

from service import __version__
from service.api import app as app_module
from service.api.app import create_app
from service.engine.base import Completion, Sampling
from service.engine.fake import FakeEngine
from service.errors import EngineDeadError, EngineError, OverloadedError, SandboxError
from service.sandbox.fake import FakeSandbox
from service.settings import Settings
from tests.conftest import Serve
from tests.support.components import fake_components
from tests.support.engines import TurnEngine, computing_sandbox, cot, playing, pot

PROBLEM = {"problem": "How many?", "paths": {"cot": 1, "pot": 1}}


class NotedEngine(FakeEngine):
    def __init__(self, notes: list[str], failure: Exception | None = None) -> None:
        super().__init__()
        self._notes = notes
        self._failure = failure

    async def start(self) -> None:
        self._notes.append("engine starts")
        if self._failure:
            raise self._failure
        await super().start()

    async def close(self) -> None:
        self._notes.append("engine closes")
        await super().close()


class NotedSandbox(FakeSandbox):
    def __init__(self, notes: list[str], failure: Exception | None = None) -> None:
        super().__init__()
        self._notes = notes
        self._failure = failure

    async def start(self) -> None:
        self._notes.append("sandbox starts")
        if self._failure:
            raise self._failure
        await super().start()

    async def close(self) -> None:
        self._notes.append("sandbox closes")
        await super().close()


async def live(engine: NotedEngine, sandbox: NotedSandbox, notes: list[str]) -> None:
    app = create_app(fake_components(engine, sandbox))
    async with app.router.lifespan_context(app):
        notes.append("serves")


async def test_the_sandbox_starts_first_and_closes_last() -> None:
    notes: list[str] = []
    await live(NotedEngine(notes), NotedSandbox(notes), notes)
    assert notes == ["sandbox starts", "engine starts", "serves", "engine closes", "sandbox closes"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_engine_that_does_not_start_leaves_nothing_running() -> None:
    notes: list[str] = []
    with pytest.raises(EngineError, match=r"^no model$"):
        await live(NotedEngine(notes, EngineError("no model")), NotedSandbox(notes), notes)
    assert notes == ["sandbox starts", "engine starts", "engine closes", "sandbox closes"]


async def test_without_a_sandbox_the_engine_is_not_even_started() -> None:
    notes: list[str] = []
    with pytest.raises(SandboxError, match=r"^no lock$"):
        await live(NotedEngine(notes), NotedSandbox(notes, SandboxError("no lock")), notes)
    assert notes == ["sandbox starts", "sandbox closes"]


async def test_an_engines_death_is_noticed_without_a_request_and_told_once(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "_PROBE_INTERVAL_S", 0.01)
    deaths: list[str] = []
    engine = TurnEngine([])
    await serve(engine, on_engine_death=lambda: deaths.append("dead"))
    await asyncio.sleep(0.05)
    assert deaths == []
    engine.dead = True
    await asyncio.sleep(0.1)
    assert deaths == ["dead"]


def test_the_engine_is_probed_every_second() -> None:
    assert app_module._PROBE_INTERVAL_S == 1.0


async def test_a_death_during_a_request_gets_503_and_is_told(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mortal(TurnEngine):
        async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
            await asyncio.sleep(0.02)
            self.dead = True
            raise EngineDeadError("The engine's process ended.")

    monkeypatch.setattr(app_module, "_PROBE_INTERVAL_S", 0.01)
    deaths: list[str] = []
    client = await serve(Mortal([]), on_engine_death=lambda: deaths.append("dead"))
    response = await client.post("/solve", json=PROBLEM)
    assert (response.status_code, response.headers["Content-Type"]) == (503, "application/problem+json")
    assert (response.json()["detail"], response.json()["errors"]) == ("The engine's process ended.", [])
    await asyncio.sleep(0.05)
    assert deaths == ["dead"]


async def test_open_requests_get_503_when_the_shipped_engine_closes(serve: Serve) -> None:
    engine = playing([cot(5)], [pot(5)], tokens_per_s=50)
    client = await serve(engine, computing_sandbox())
    request = asyncio.create_task(client.post("/solve", json=PROBLEM))
    await asyncio.sleep(0.03)
    await engine.close()
    assert (await request).status_code == 503


@pytest.mark.parametrize("given", ["r-1", "A.b_c-9", "x" * 64])
async def test_a_request_keeps_its_id(given: str, serve: Serve) -> None:
    client = await serve(playing([cot(5)], [pot(5)]), computing_sandbox())
    response = await client.post("/solve", json=PROBLEM, headers={"X-Request-ID": given})
    assert (response.headers["X-Request-ID"], response.json()["id"]) == (given, given)
    refused = await client.post("/solve", json={}, headers={"X-Request-ID": given})
    assert (refused.headers["X-Request-ID"], refused.json()["request_id"]) == (given, given)


@pytest.mark.parametrize(
    "given", ["", "x" * 65, "two words", "a\\nb", "<script>", "a;b", "r-1\t", "é".encode(), "tp_key"]
)
async def test_an_id_that_is_none_is_replaced(given: str | bytes, serve: Serve) -> None:
    client = await serve()
    value = given.encode() if isinstance(given, str) else given
    response = await client.get("/nowhere", headers={b"X-Request-ID": value})
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])
    assert response.json()["request_id"] == response.headers["X-Request-ID"]


async def test_requests_without_an_id_get_different_ones(serve: Serve) -> None:
    client = await serve()
    ids = {(await client.get("/health")).headers["X-Request-ID"] for _ in range(20)}
    assert len(ids) == 20


class Raising(TurnEngine):
    """Raises on every path."""

    def __init__(self, failure: Exception) -> None:
        super().__init__([])
        self._failure = failure

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        raise self._failure

    async def abort(self, request_ids: Sequence[str]) -> None: ...


async def test_what_nobody_expected_gets_500_without_its_cause(serve: Serve) -> None:
    client = await serve(Raising(ZeroDivisionError("secret")))
    response = await client.post("/solve", json=PROBLEM, headers={"X-Request-ID": "r-9"})
    assert (response.status_code, response.headers["Content-Type"]) == (500, "application/problem+json")
    assert response.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "The service failed. Its log has the reason under this request id.",
        "request_id": "r-9",
        "errors": [],
    }


async def test_a_full_queue_gets_429_and_when_to_come_back(serve: Serve) -> None:
    client = await serve(Raising(OverloadedError("The queue is full.", retry_after_s=1.2)))
    response = await client.post("/solve", json=PROBLEM)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "2")
    assert 'twinpath_rejected_total{reason="queue_full"} 1.0' in (await client.get("/metrics")).text
    assert response.json()["detail"] == "The queue is full."


@pytest.mark.parametrize("path", ["/solve", "/solve/stream", "/v1/chat/completions", "/v1/completions"])
async def test_a_full_queue_turns_away_before_the_body_is_read(serve: Serve, path: str) -> None:
    components = fake_components(settings=Settings(max_num_seqs=4, max_queue=0))
    admission = components.admission
    client = await serve(components=components)
    read: list[bytes] = []

    async def body() -> object:
        read.append(b"{")
        yield read[-1]

    grant = await admission.enter(4, 1.0)
    assert grant is not None
    with grant:
        response = await client.post(path, content=body())  # type: ignore[arg-type]
        assert (response.status_code, response.headers["Retry-After"], read) == (429, "1", [])
        assert 'twinpath_rejected_total{reason="queue_full"} 1.0' in (await client.get("/metrics")).text
    assert (await client.post(path, content=b"{", headers={"Content-Type": "application/json"})).status_code == 400


async def test_a_sandbox_that_fails_as_a_whole_gets_503(serve: Serve) -> None:
    client = await serve(Raising(SandboxError("no zygote")))
    response = await client.post("/solve", json=PROBLEM)
    assert (response.status_code, response.json()["detail"]) == (503, "no zygote")


async def test_openapi_documents_the_limits_and_the_problem_documents(serve: Serve) -> None:
    document = (await (await serve()).get("/openapi.json")).json()
    assert document["info"]["version"] == __version__
    request = document["components"]["schemas"]["SolveRequest"]
    assert (request["required"], request["additionalProperties"]) == (["problem"], False)
    responses = document["paths"]["/solve"]["post"]["responses"]
    assert sorted(responses) == ["200", "400", "401", "403", "408", "413", "415", "422", "429", "503"]
    assert all("application/problem+json" in responses[status]["content"] for status in responses if status != "200")
