"""Traces: spans of a request, their attributes, exemplars of metrics."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from service import tracing
from service.api.api_keys import KeyRing
from service.api.app import create_app
from service.engine.base import Engine
from service.metrics import Metrics
from tests.api.test_api_keys import table, written
from tests.support.components import fake_components
from tests.support.engines import TurnEngine, computing_sandbox, cot, pot

REQUEST = {"problem": "A secret problem", "paths": {"cot": 1, "pot": 1}, "policy": "fixed"}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
Traced = Callable[..., Any]


@pytest.fixture
async def traced() -> AsyncIterator[Traced]:
    """Starts an application that is traced; gives a client and a function for the spans so far."""
    ends = []

    async def start(
        engine: Engine, ratio: float = 1.0, keys: KeyRing | None = None
    ) -> tuple[httpx.AsyncClient, Callable[[], list[ReadableSpan]]]:
        memory = InMemorySpanExporter()
        tracing.install(SimpleSpanProcessor(memory), ratio)
        metrics = Metrics(CollectorRegistry(), tracing.exemplar)
        app = create_app(fake_components(engine, computing_sandbox(), metrics=metrics), keys=keys)
        lifespan = app.router.lifespan_context(app)
        await lifespan.__aenter__()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://twinpath")
        ends.append((client, lifespan))
        return client, lambda: list(memory.get_finished_spans())

    yield start
    for client, lifespan in ends:
        await client.aclose()
        await lifespan.__aexit__(None, None, None)


async def test_a_solve_is_one_span_with_its_paths_and_programs_below(traced: Traced) -> None:
    client, spans = await traced(TurnEngine([cot(5), pot(5)]))
    await client.post("/solve", json=REQUEST, headers={"X-Request-ID": "r1"})
    found = {(span.name, span.attributes.get("twinpath.path")): span for span in spans()}
    assert set(found) == {("engine", "0"), ("engine", "1"), ("sandbox", None), ("solve", None)}
    solve = found["solve", None]
    assert {span.parent.span_id for span in spans() if span is not solve} == {solve.context.span_id}
    assert dict(solve.attributes) == {
        "http.request.method": "POST",
        "url.path": "/solve",
        "http.response.status_code": 200,
        "twinpath.request_id": "r1",
    }
    assert dict(found["engine", "1"].attributes) == {
        "twinpath.path": "1",
        "gen_ai.request.model": "turns",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.response.finish_reasons": ("stop",),
    }
    assert found["sandbox", None].attributes["twinpath.outcome"] == "ok"
    assert "secret" not in "".join(span.to_json() for span in spans())


async def test_the_vote_of_a_grade_is_one_span(traced: Traced) -> None:
    client, spans = await traced(TurnEngine([cot(5), pot(5)]))
    await client.post("/grade", json=REQUEST | {"response": "5"}, headers={"traceparent": PARENT})
    assert sorted(span.name for span in spans()) == ["engine", "engine", "sandbox", "solve"]
    assert {f"{span.context.trace_id:032x}" for span in spans()} == {PARENT.split("-")[1]}


async def test_the_callers_trace_goes_on(traced: Traced) -> None:
    client, spans = await traced(TurnEngine([cot(5), pot(5)]))
    await client.post("/solve", json=REQUEST, headers={"traceparent": PARENT, "tracestate": "a=b", "baggage": "c=d"})
    assert {f"{span.context.trace_id:032x}" for span in spans()} == {PARENT.split("-")[1]}
    (solve,) = [span for span in spans() if span.name == "solve"]
    assert f"{solve.parent.span_id:016x}" == PARENT.split("-")[2]
    assert [(len(span.context.trace_state), len(span.parent.trace_state)) for span in spans()] == [(0, 0)] * 4


@pytest.mark.parametrize("trace_id", ["0af7651916cd43dd8448eb211c80319c", "0" * 31 + "1", "f" * 32])
async def test_the_ratio_also_holds_for_traces_of_callers(
    traced: Traced, monkeypatch: pytest.MonkeyPatch, trace_id: str
) -> None:
    """Whatever trace id a caller chooses."""
    drawn = iter([0.3, 0.1])
    monkeypatch.setattr("random.random", lambda: next(drawn))
    client, spans = await traced(TurnEngine([cot(5), pot(5)] * 2), ratio=0.2)
    for expected in (0, 4):
        await client.post("/solve", json=REQUEST, headers={"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"})
        assert len(spans()) == expected


@pytest.mark.parametrize("parent", [PARENT, PARENT[:-1] + "0", "x", ""])
async def test_no_caller_forces_a_trace(traced: Traced, parent: str) -> None:
    client, spans = await traced(TurnEngine([cot(5), pot(5)]), ratio=0.0)
    assert (await client.post("/solve", json=REQUEST, headers={"traceparent": parent})).status_code == 200
    assert spans() == []


async def test_a_caller_may_exclude_a_request(traced: Traced) -> None:
    client, spans = await traced(TurnEngine([cot(5), pot(5)]))
    assert (await client.post("/solve", json=REQUEST, headers={"traceparent": PARENT[:-1] + "0"})).status_code == 200
    assert spans() == []


async def test_a_caller_without_a_key_leaves_no_trace(traced: Traced, tmp_path: Path) -> None:
    ring = KeyRing(written(tmp_path, table("ann", "anns-key")))
    client, spans = await traced(TurnEngine([cot(5), pot(5)]), keys=ring)
    assert (await client.post("/solve", json=REQUEST, headers={"traceparent": PARENT})).status_code == 401
    assert spans() == []
    await client.post("/solve", json=REQUEST, headers={"Authorization": "Bearer anns-key", "traceparent": PARENT})
    assert len(spans()) == 4


async def test_a_failure_is_marked(traced: Traced) -> None:
    engine = TurnEngine([cot(5), pot(5)])
    client, spans = await traced(engine)
    await client.post("/solve", json={"problem": ""})
    engine.texts = [RuntimeError("a bug")] * 2
    await client.post("/solve", json=REQUEST)
    solves = [span for span in spans() if span.name == "solve"]
    assert [span.status.is_ok for span in solves] == [True, False]
    assert solves[0].attributes["http.response.status_code"] == 422
    assert solves[1].status.description == "RuntimeError"
    assert "a bug" not in solves[1].to_json()


async def test_other_requests_make_no_span(traced: Traced) -> None:
    client, spans = await traced(TurnEngine([]))
    for path in ("/health", "/ready", "/metrics", "/solve"):
        await client.get(path)
    assert spans() == []


async def test_latency_buckets_point_to_traces(traced: Traced) -> None:
    client, _ = await traced(TurnEngine([cot(5), pot(5)]))
    await client.post("/solve", json=REQUEST, headers={"traceparent": PARENT})
    openmetrics = {"Accept": "application/openmetrics-text; version=1.0.0"}
    text = (await client.get("/metrics", headers=openmetrics)).text
    pointing = [line for line in text.splitlines() if f'# {{trace_id="{PARENT.split("-")[1]}"}}' in line]
    assert {line.partition("_bucket")[0] for line in pointing} == {
        "twinpath_solve_duration_seconds",
        "twinpath_first_path_seconds",
        "twinpath_queue_wait_seconds",
    }
    assert "trace_id" not in (await client.get("/metrics")).text


async def test_spans_reach_a_collector() -> None:
    received: list[tuple[str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        received.append((request.path, await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    tracing.export_to(f"http://127.0.0.1:{runner.addresses[0][1]}/", 1.0)
    with tracing.span("solve"):
        pass
    await asyncio.to_thread(tracing.shut_down)
    await runner.cleanup()
    ((path, body),) = received
    (spans,) = ExportTraceServiceRequest.FromString(body).resource_spans
    assert path == "/v1/traces"
    assert [span.name for scope in spans.scope_spans for span in scope.spans] == ["solve"]
    names = {attribute.key: attribute.value.string_value for attribute in spans.resource.attributes}
    assert names["service.name"] == "twinpath"
