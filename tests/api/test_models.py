"""Several models of one service: the base model and adapters on it, by name."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from service import components as parts_of_a_service
from service import tracing
from service.components import Components, build
from service.engine.base import Completion, Finish, Sampling
from service.engine.fake import FakeEngine
from service.errors import EngineError, UnknownModelError
from service.metrics import Metrics
from service.model.metadata import Decoding
from service.model.served import ServedModel
from service.schemas import PathBudget, SolveRequest
from service.settings import Settings, load_settings
from service.solve.calibration import Calibration
from service.types import PathKind, Status
from tests.conftest import Serve
from tests.support.adapters import Q_PROJ, STUDENT, adapter_directory, base_directory
from tests.support.components import fake_components
from tests.support.engines import computing_sandbox, cot, pot
from tests.support.fake_worker import FakeWorker

PENS = "A pen costs 3 dollars. How much do 7 pens cost?"
ANSWERS = {None: 21, "algebra": 22, "units": 23}
UNKNOWN = "The model 'gpt-5' is not served; the service has demo, algebra, units, twinpath."
MODELS = (
    ServedModel(),
    ServedModel(
        "algebra",
        decoding=Decoding(temperature=0.4, top_p=0.8),
        calibration=Calibration(confidence_map=((0.0, 0.3), (1.0, 0.3))),
        adapter=Path("algebra"),
    ),
    ServedModel("units", kinds=(PathKind.COT,), adapter=Path("units")),
)


class NamedEngine(FakeEngine):
    """Fake engine whose answer depends only on the model.

    Args:
        tokens_per_s: token rate of each path.
    """

    def __init__(self, tokens_per_s: float | None = None) -> None:
        def script(prompt: str, sampling: Sampling) -> str:
            answer = ANSWERS[sampling.adapter]
            return cot(answer) if prompt.endswith("Reasoning:\n") else pot(answer)

        super().__init__(script, tokens_per_s=tokens_per_s, adapters=("algebra", "units"))
        self.sampled: list[Sampling] = []

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        self.sampled.append(sampling)
        return await super().sample(request_id, prompt, sampling)


def components(engine: FakeEngine | None = None, **changes: Any) -> Components:
    return fake_components(engine or NamedEngine(), computing_sandbox(), models=MODELS, **changes)


@pytest.mark.parametrize(
    ("fields", "model", "answer"),
    [
        ({}, "demo", "21"),
        ({"model": None}, "demo", "21"),
        ({"model": "demo"}, "demo", "21"),
        ({"model": "twinpath"}, "demo", "21"),
        ({"model": "algebra"}, "algebra", "22"),
        ({"model": "units"}, "units", "23"),
    ],
)
async def test_a_request_chooses_its_model(fields: dict[str, Any], model: str, answer: str, serve: Serve) -> None:
    client = await serve(components=components())
    solved = (await client.post("/solve", json={"problem": PENS} | fields)).json()
    assert (solved["model"], solved["answer"]) == (model, answer)
    body = {"problem": PENS, "response": "7 * 3 = 22"} | fields
    graded = (await client.post("/grade", json=body)).json()
    assert (graded["model"], graded["answer"], graded["given"]) == (model, answer, "22")
    graded = (await client.post("/grade", json=body | {"expected": 22})).json()
    assert (graded["model"], graded["verdict"], graded["basis"]) == (model, "correct", "expected")


async def test_a_model_that_is_not_served_is_refused_with_the_names(serve: Serve) -> None:
    client = await serve(components=components())
    requests: dict[str, dict[str, Any]] = {"/solve": {}, "/solve/stream": {}, "/grade": {"response": "21"}}
    for path, fields in requests.items():
        response = await client.post(path, json={"problem": PENS, "model": "gpt-5"} | fields)
        assert response.status_code == 422
        assert response.json()["detail"] == UNKNOWN
        assert response.json()["errors"] == [{"field": "model", "message": UNKNOWN}]
    expected = {"problem": PENS, "model": "gpt-5", "response": "21", "expected": "21"}
    assert (await client.post("/grade", json=expected)).json()["detail"] == UNKNOWN
    openai: dict[str, dict[str, Any]] = {
        "/v1/chat/completions": {"messages": [{"role": "user", "content": PENS}]},
        "/v1/completions": {"prompt": PENS},
        "/v1/responses": {"input": PENS},
    }
    for path, fields in openai.items():
        response = await client.post(path, json={"model": "gpt-5"} | fields)
        assert response.status_code == 404
        error = response.json()["error"]
        assert (error["message"], error["param"], error["code"]) == (UNKNOWN, "model", "model_not_found")


def test_a_long_list_of_names_is_cut() -> None:
    models = (ServedModel(), *(ServedModel(f"a{number}", adapter=Path("a")) for number in range(100)))
    with pytest.raises(UnknownModelError) as raised:
        fake_components(models=models).model("x" * 500)
    named = ", ".join(["demo", *(f"a{number}" for number in range(19))])
    assert str(raised.value) == f"The model '{'x' * 100}' is not served; the service has {named}, …."


async def test_rows_of_a_batch_choose_their_models(serve: Serve) -> None:
    client = await serve(components=components())
    rows = [{"id": str(model), "problem": PENS, "model": model} for model in (None, "algebra", "units", "gpt-5", 7)]
    headers = {"Content-Type": "application/x-ndjson"}
    body = "\n".join(map(json.dumps, rows)).encode()
    results = [
        json.loads(line)
        for line in (await client.post("/solve/batch", content=body, headers=headers)).text.splitlines()
    ]
    found = {row["id"]: row["solution"]["answer"] if "solution" in row else row["error"]["detail"] for row in results}
    assert found == {
        "None": "21", "algebra": "22", "units": "23", "gpt-5": UNKNOWN, "7": "`model` must be a text of at most 500 characters.",
    }  # fmt: skip
    body = "\n".join(json.dumps(row | {"response": 22}) for row in rows[:3]).encode()
    graded = [
        json.loads(line)
        for line in (await client.post("/grade/batch", content=body, headers=headers)).text.splitlines()
    ]
    assert {row["id"]: (row["grade"]["model"], row["grade"]["answer"]) for row in graded} == {
        "None": ("demo", "21"), "algebra": ("algebra", "22"), "units": ("units", "23"),
    }  # fmt: skip


async def test_openai_s_clients_choose_a_model(serve: Serve) -> None:
    client = await serve(components=components())
    for name, answer in {"twinpath": "21", "demo": "21", "algebra": "22", "units": "23"}.items():
        chat = {"model": name, "messages": [{"role": "user", "content": PENS}], "n": 2}
        completion = (await client.post("/v1/chat/completions", json=chat)).json()
        assert completion["model"] == name
        assert [choice["twinpath"]["answer"] for choice in completion["choices"]] == [answer, answer]
        response = (await client.post("/v1/responses", json={"model": name, "input": PENS})).json()
        assert (response["model"], response["twinpath"]["answer"]) == (name, answer)


async def test_the_list_of_models_has_the_base_the_alias_and_the_adapters(serve: Serve) -> None:
    client = await serve(components=components())
    cards = (await client.get("/v1/models")).json()["data"]
    assert [(card["id"], card["calibrated"], card["parent"]) for card in cards] == [
        ("demo", False, None), ("twinpath", False, None), ("algebra", True, "demo"), ("units", False, "demo"),
    ]  # fmt: skip
    assert (await client.get("/v1/models/algebra")).json() == cards[2]
    missing = await client.get("/v1/models/gpt-5")
    assert (missing.status_code, missing.json()["error"]["message"]) == (404, UNKNOWN)


async def test_each_model_has_its_own_decoding_kinds_and_calibration(serve: Serve) -> None:
    engine = NamedEngine()
    client = await serve(components=components(engine))
    ask = {"problem": PENS, "paths": {"cot": 2, "pot": 2}, "policy": "fixed", "seed": 7}
    base = (await client.post("/solve", json=ask)).json()
    assert (base["calibrated"], base["confidence"], base["verdict"]) == (False, 0.9688, "agreed")
    algebra = (await client.post("/solve", json=ask | {"model": "algebra"})).json()
    assert (algebra["calibrated"], algebra["confidence"], algebra["verdict"]) == (True, 0.3, "unsure")
    units = (await client.post("/solve", json=ask | {"model": "units"})).json()
    assert units["votes"] == [{"answer": "23", "cot": 4, "pot": 0}]
    named = [(sampling.adapter, sampling.temperature, sampling.top_p) for sampling in engine.sampled]
    assert named == [(None, 0.7, 1.0)] * 4 + [("algebra", 0.4, 0.8)] * 4 + [("units", 0.7, 1.0)] * 4
    assert engine.sampled[0].seed == engine.sampled[4].seed == engine.sampled[8].seed


async def test_all_models_share_one_admission(serve: Serve) -> None:
    engine = NamedEngine(tokens_per_s=20)
    client = await serve(components=components(engine, settings=Settings(max_num_seqs=1, max_queue=1)))
    ask = {"problem": PENS, "paths": {"cot": 1, "pot": 0}}
    first = asyncio.create_task(client.post("/solve", json=ask))
    while not engine.running:
        await asyncio.sleep(0.001)
    second = asyncio.create_task(client.post("/solve", json=ask | {"model": "algebra"}))
    await asyncio.sleep(0.01)
    assert engine.running == 1
    assert "twinpath_queue_depth 1.0" in (await client.get("/metrics")).text
    refused = await client.post("/solve", json=ask | {"model": "units"})
    assert refused.status_code == 429
    assert [(await task).json()["model"] for task in (first, second)] == ["demo", "algebra"]
    assert 'twinpath_solve_duration_seconds_count{status="answered"} 2.0' in (await client.get("/metrics")).text


async def test_a_drain_answers_the_problems_of_every_model() -> None:
    parts = components(NamedEngine(tokens_per_s=2))
    requests = [SolveRequest(problem=PENS, model=name, deadline_s=30) for name in ("demo", "algebra", "units")]
    async with parts:
        solving = [asyncio.create_task(parts.solve(parts.problem(request), "p")) for request in requests]
        await asyncio.sleep(0.01)
        parts.drain()
        ended = await asyncio.gather(*solving, return_exceptions=True)
        assert [str(error) for error in ended] == ["The service is shutting down; retry."] * 3
        assert parts.engine.running == 0  # type: ignore[attr-defined]
        with pytest.raises(EngineError, match="shutting down"):
            await parts.solve(parts.problem(requests[1]), "late")


async def test_an_aborted_problem_of_an_adapter_ends_its_paths() -> None:
    engine = NamedEngine(tokens_per_s=2)
    async with components(engine) as parts:
        problem = parts.problem(SolveRequest(problem=PENS, model="algebra", deadline_s=0.05))
        solution = await parts.solve(problem, "p")
        assert (solution.status, solution.model, engine.running) == (Status.DEADLINE, "algebra", 0)


async def test_spans_and_logs_name_the_model(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    spans = InMemorySpanExporter()
    tracing.install(SimpleSpanProcessor(spans))
    try:
        client = await serve(components=components())
        with caplog.at_level(logging.INFO):
            await client.post("/solve", json={"problem": PENS, "model": "algebra", "paths": {"cot": 1, "pot": 0}})
        sampled = [span for span in spans.get_finished_spans() if span.name == "engine"]
        assert [(span.attributes or {})["gen_ai.request.model"] for span in sampled] == ["algebra"]
        assert [vars(record)["model"] for record in caplog.records if record.message == "solved"] == ["algebra"]
    finally:
        tracing.shut_down()


async def test_an_engine_without_the_adapter_fails_the_path() -> None:
    engine = FakeEngine(adapters=["algebra"])
    await engine.start()
    with pytest.raises(EngineError, match=r"^The engine has no adapter 'units'\.$"):
        await engine.sample("a", "Question: ?\nReasoning:\n", Sampling(adapter="units"))
    assert (await engine.sample("a", "Question: ?\nReasoning:\n", Sampling(adapter="algebra"))).finish is Finish.STOP


async def test_models_of_the_demo_draw_different_paths() -> None:
    engine = FakeEngine(adapters=["algebra"])
    await engine.start()
    drawn = {
        name: [
            (await engine.sample("a", f"Question: {PENS}\nReasoning:\n", Sampling(seed=seed, adapter=name))).text
            for seed in range(20)
        ]
        for name in (None, "algebra")
    }
    assert drawn[None] != drawn["algebra"]


async def test_adapters_of_workers_have_their_own_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts_of_a_service, "Metrics", lambda: Metrics(CollectorRegistry()))
    worker = FakeWorker(lambda prompt, sampling: cot(ANSWERS[sampling.adapter]), model="math", adapters=["algebra"])
    runner = web.AppRunner(await worker.application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    adapter = adapter_directory(tmp_path / "algebra", student=STUDENT)
    (adapter / "adapter_model.safetensors").unlink()  # the worker has its own
    base = base_directory(tmp_path / "base", {Q_PROJ: (8, 8)})
    settings = load_settings(
        engine="remote",
        worker_urls=[f"http://127.0.0.1:{runner.addresses[0][1]}"],
        model=str(base),
        adapters=[str(adapter)],
        sandbox_workers=1,
    )
    try:
        async with build(settings) as service:
            assert list(service.served) == ["math", "algebra"]
            requests = [
                SolveRequest(problem=PENS, model=name, paths=PathBudget(cot=1, pot=0)) for name in (None, "algebra")
            ]
            solved = [await service.solve(service.problem(request), "p") for request in requests]
    finally:
        await runner.cleanup()
    assert [(solution.model, solution.answer and solution.answer.text) for solution in solved] == [
        ("math", "21"), ("algebra", "22"),
    ]  # fmt: skip
    assert [request["model"] for request in worker.asked] == ["math", "algebra"]
    assert [request["temperature"] for request in worker.asked] == [0.7, 0.5]
    assert worker.asked[1]["prompt"] == f"Question: {PENS}\nReasoning:\n"
    assert str(worker.asked[0]["prompt"]).endswith(f"ans = sara + more\n\nQuestion: {PENS}\nReasoning:\n")
