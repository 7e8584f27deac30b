"""Routes `/health`, `/ready` and `/metrics`."""

from collections.abc import Mapping

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from service import __version__
from service.errors import EngineError
from service.metrics import Metrics
from service.sandbox.pool import SandboxPool
from tests.conftest import Serve
from tests.support.engines import TurnEngine, computing_sandbox, cot, playing, pot

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(client: httpx.AsyncClient) -> Samples:
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(response.text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def moved(before: Samples, after: Samples) -> dict[str, float]:
    """Changes of the counters by `name{labels}`, with sorted labels and without buckets and sums."""
    return {
        name + ("{" + ",".join(f"{key}={value}" for key, value in sorted(labels)) + "}" if labels else ""): change
        for (name, labels), value in after.items()
        if not name.endswith(("_bucket", "_sum")) and (change := value - before.get((name, labels), 0.0))
    }


def value(samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


UNLOCKED = {"seccomp": False, "landlock": 0, "network_namespace": False, "unprivileged": False, "rlimits": False}
HEALTHY = {"status": "ok", "model": "turns", "sandbox": UNLOCKED}


async def test_health_and_ready(serve: Serve) -> None:
    client = await serve(TurnEngine([]))
    for path in ("/health", "/ready"):
        response = await client.get(path)
        assert (response.status_code, response.json()) == (200, HEALTHY)


async def test_a_load_balancers_head_is_answered_like_a_get(serve: Serve) -> None:
    engine = TurnEngine([])
    client = await serve(engine)
    for status in (200, 503):
        assert [(await client.head(path)).status_code for path in ("/health", "/ready")] == [status, status]
        engine.dead = True


async def test_a_dead_engine_is_neither_healthy_nor_ready(serve: Serve) -> None:
    engine = TurnEngine([])
    client = await serve(engine)
    engine.dead = True
    for path in ("/health", "/ready"):
        response = await client.get(path)
        assert (response.status_code, response.json()["detail"]) == (503, "The engine died.")
        assert response.headers["Content-Type"] == "application/problem+json"


async def test_metrics_before_the_first_problem(serve: Serve) -> None:
    samples = await scrape(await serve())
    assert value(samples, "twinpath_build_info", version=__version__) == 1.0
    assert value(samples, "twinpath_problems_inflight") == 0.0
    assert value(samples, "twinpath_repaired_paths_total") == 0.0


async def test_a_solved_problem_moves_the_counters_by_its_paths(serve: Serve) -> None:
    metrics = Metrics(CollectorRegistry())
    pool = SandboxPool(
        workers=2, timeout_s=5, memory_bytes=64 << 20, output_bytes=16 << 10, max_queue=100,
        observe=metrics.observe_execution,
    )  # fmt: skip
    repaired = "697 - 228 = 516. The answer is 516"  # 18 tokens, and 2 of the other
    client = await serve(playing([repaired, "Hm."], ["ans = 469", "ans = 1 / 0"]), pool, metrics=metrics)
    before = await scrape(client)
    request = {"problem": "How many?", "paths": {"cot": 2, "pot": 2}, "policy": "fixed"}
    for expected in (1, 2):
        assert (await client.post("/solve", json=request)).json()["answer"] == "469"
        assert moved(before, await scrape(client)) == {
            "twinpath_solve_duration_seconds_count{status=answered}": expected,
            "twinpath_paths_total{kind=cot,outcome=voted}": expected,
            "twinpath_paths_total{kind=cot,outcome=unparsed}": expected,
            "twinpath_paths_total{kind=pot,outcome=voted}": expected,
            "twinpath_paths_total{kind=pot,outcome=error}": expected,
            "twinpath_completion_tokens_total{kind=cot}": 20 * expected,
            "twinpath_completion_tokens_total{kind=pot}": 14 * expected,
            "twinpath_repaired_paths_total": expected,
            "twinpath_sandbox_runs_total{outcome=ok}": expected,
            "twinpath_sandbox_runs_total{outcome=error}": expected,
            "twinpath_sandbox_duration_seconds_count": 2 * expected,
            "twinpath_first_path_seconds_count": expected,
            "twinpath_model_problems_total{model=demo}": expected,
            "twinpath_queue_wait_seconds_count": expected,
            "twinpath_votes_total{decision=majority}": expected,
            "twinpath_agreement_ratio_count": expected,
            "twinpath_confidence_ratio_count": expected,
            "twinpath_problem_tokens_count{type=prompt}": expected,
            "twinpath_problem_tokens_count{type=completion}": expected,
        }


async def test_aborted_paths_count_with_their_tokens(serve: Serve) -> None:
    client = await serve(TurnEngine([cot(5), pot(5), cot(5), pot(5)], order=[0]))
    before = await scrape(client)
    await client.post("/solve", json={"problem": "How?", "paths": {"cot": 2, "pot": 2}, "deadline_s": 0.05})
    assert moved(before, await scrape(client)) == {
        "twinpath_solve_duration_seconds_count{status=deadline}": 1,
        "twinpath_paths_total{kind=cot,outcome=voted}": 1,
        "twinpath_paths_total{kind=cot,outcome=aborted}": 1,
        "twinpath_paths_total{kind=pot,outcome=aborted}": 2,
        "twinpath_completion_tokens_total{kind=cot}": 8,
        "twinpath_completion_tokens_total{kind=pot}": 6,
        "twinpath_first_path_seconds_count": 1,
        "twinpath_model_problems_total{model=turns}": 1,
        "twinpath_queue_wait_seconds_count": 1,
        "twinpath_votes_total{decision=majority}": 1,
        "twinpath_agreement_ratio_count": 1,
        "twinpath_confidence_ratio_count": 1,
        "twinpath_problem_tokens_count{type=prompt}": 1,
        "twinpath_problem_tokens_count{type=completion}": 1,
    }


async def test_a_failed_problem_counts_as_an_error(serve: Serve) -> None:
    client = await serve(TurnEngine([EngineError("no")] * 20))
    before = await scrape(client)
    assert (await client.post("/solve", json={"problem": "How?"})).status_code == 503
    after = await scrape(client)
    assert moved(before, after) == {"twinpath_solve_duration_seconds_count{status=error}": 1}
    assert value(after, "twinpath_problems_inflight") == 0.0


async def test_a_refused_request_moves_nothing(serve: Serve) -> None:
    client = await serve()
    before = await scrape(client)
    await client.post("/solve", json={"problem": ""})
    assert moved(before, await scrape(client)) == {}


async def test_the_engines_own_metrics_are_in_the_same_answer(serve: Serve) -> None:
    registry = CollectorRegistry()
    Counter("vllm:prompt_tokens", "The engine's.", registry=registry).inc(3)
    samples = await scrape(await serve(metrics=Metrics(registry)))
    assert value(samples, "vllm:prompt_tokens_total") == 3.0


@pytest.mark.parametrize(
    ("accept", "suffix"),
    [
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", "escaping=underscores"),
        ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5", "escaping=allow-utf-8"),
        ("text/plain;version=0.0.4", "charset=utf-8"),
    ],
    ids=["Prometheus 2", "Prometheus 3", "text"],
)
async def test_every_scraper_reads_the_engines_names(serve: Serve, accept: str, suffix: str) -> None:
    registry = CollectorRegistry()
    Counter("vllm:prompt_tokens", "The engine's.", ["engine"], registry=registry).labels("0").inc(3)
    client = await serve(metrics=Metrics(registry))
    response = await client.get("/metrics", headers={"Accept": accept})
    assert response.headers["content-type"].endswith(suffix)
    assert 'vllm:prompt_tokens_total{engine="0"} 3.0' in response.text.splitlines()
    assert "vllm_" not in response.text


async def test_no_text_of_a_request_becomes_a_label(serve: Serve) -> None:
    client = await serve(playing([cot(5)], [pot(5)]), computing_sandbox())
    await client.post("/solve", json={"problem": "A secret problem"}, headers={"X-Request-ID": "a-secret-id"})
    assert "secret" not in (await client.get("/metrics")).text
