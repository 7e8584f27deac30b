"""Families of models on the real engine: a tiny random model of each, through `twinpath serve --model DIR`."""

import http.client
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.model.checkpoint import read_checkpoint
from service.model.prompts import prompt_of
from tests.engine.conftest import OPEN_REQUESTS
from tests.support.families import FAMILIES, Family
from tests.support.forked_command import ForkedService, forked_service
from tests.support.problems import PROBLEMS

pytestmark = pytest.mark.engine

SLOTS = 4
FLAGS = [
    "--max-model-len", 2048, "--max-num-seqs", SLOTS, "--cpu-kv-cache-gib", 1, "--dtype", "float32",
    "--engine-check-interval-s", 600, "--sandbox-workers", 1,
]  # fmt: skip
PROBLEM = PROBLEMS[0]["question"]
SHORT = {"problem": PROBLEM, "paths": {"cot": 3, "pot": 2}, "policy": "fixed", "max_tokens": 24, "trace": True}
LONG = {"problem": PROBLEM, "paths": {"cot": 64, "pot": 64}, "policy": "fixed", "max_tokens": 1700, "seed": 1}


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request: pytest.FixtureRequest) -> Family:
    family: Family = request.param
    return family


@pytest.fixture(scope="module")
def service(family: Family, families: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedService]:
    folder = tmp_path_factory.mktemp("service")
    with forked_service(folder / "log", "--model", families / family.name, "--cache-dir", folder, *FLAGS) as service:
        yield service


@pytest.fixture
def client(service: ForkedService) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=60, verify=False) as client:
        yield client


def solved(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    response = client.post("/solve", json=SHORT | changes)
    assert response.status_code == 200, response.text
    solution: dict[str, Any] = response.json()
    return solution


def measured(client: httpx.Client) -> Callable[[str], Counter[str]]:
    """Sums of a metric at this moment by `kind`, rounded up, so that a share is 0 only if nothing is in use."""
    samples = [
        sample for metric in text_string_to_metric_families(client.get("/metrics").text) for sample in metric.samples
    ]

    def sums(name: str) -> Counter[str]:
        found = Counter[str]()
        for sample in samples:
            if sample.name == name:
                found[sample.labels.get("kind", "")] += math.ceil(sample.value)
        return found

    return sums


def open_requests(client: httpx.Client) -> list[int]:
    """Numbers of running and of waiting requests in vLLM."""
    metrics = measured(client)
    return [metrics(name).total() for name in OPEN_REQUESTS]


def test_a_family_is_recognised(family: Family, families: Path) -> None:
    checkpoint = read_checkpoint(families / family.name, family.name)
    prompt = prompt_of(checkpoint)
    assert prompt is not None
    assert (checkpoint.style, prompt.name, checkpoint.decoding) == ("chat", family.prompt, family.decoding)


def test_a_solution_has_the_requested_paths(family: Family, client: httpx.Client) -> None:
    solution = solved(client, seed=7)
    assert (solution["model"], solution["calibrated"]) == (family.name, False)
    assert [path["kind"] for path in solution["trace"]] == ["cot", "pot", "cot", "pot", "cot"]
    counts = solution["paths"]
    assert (counts["planned"], counts["started"], counts["aborted"]) == (5, 5, 0)
    assert counts["voted"] + counts["abstained"] == 5
    assert len({path["text"] for path in solution["trace"]}) == 5


def test_a_seed_fixes_the_completions(client: httpx.Client) -> None:
    first, again, other = [
        [(path["text"], path["tokens"]) for path in solved(client, seed=seed)["trace"]] for seed in (7, 7, 8)
    ]
    assert first == again
    assert first != other


def test_greedy_texts_and_prompts_are_those_of_transformers(
    family: Family, families: Path, client: httpx.Client
) -> None:
    expected = json.loads((families / family.name / "reference.json").read_text())
    solution = solved(client, temperature=0.0, paths={"cot": 1, "pot": 1}, max_tokens=16)
    assert {path["kind"]: path["text"] for path in solution["trace"]} == {
        kind: one["text"] for kind, one in expected.items()
    }
    assert solution["usage"]["prompt_tokens"] == sum(one["prompt_tokens"] for one in expected.values())


def test_the_metrics_have_the_paths_and_the_tokens(client: httpx.Client) -> None:
    before = measured(client)
    solution = solved(client, seed=9)
    after = measured(client)
    tokens = Counter[str]()
    for path in solution["trace"]:
        tokens[path["kind"]] += path["tokens"]
    usage = solution["usage"]
    assert tokens.total() == usage["completion_tokens"]

    def counted(name: str) -> Counter[str]:
        return after(name) - before(name)

    assert counted("twinpath_paths_total") == {"cot": 3, "pot": 2}
    assert counted("twinpath_completion_tokens_total") == tokens
    assert counted("twinpath_model_problems_total") == {"": 1}
    assert counted("vllm:generation_tokens_total") == {"": usage["completion_tokens"]}
    assert counted("vllm:prompt_tokens_total") == {"": usage["prompt_tokens"]}


def test_a_deadline_frees_the_slots(client: httpx.Client) -> None:
    solution = solved(client, **LONG, deadline_s=0.4)
    assert solution["status"] == "deadline"
    assert solution["paths"]["aborted"] >= SLOTS
    solved(client, seed=3)  # vLLM counts its requests at the end of a step
    assert open_requests(client) == [0, 0]


def test_a_caller_that_disconnects_frees_the_slots(client: httpx.Client) -> None:
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port)
    connection.request("POST", "/solve", json.dumps(LONG), {"Content-Type": "application/json"})
    while open_requests(client)[0] < SLOTS:
        time.sleep(0.01)
    connection.close()
    for _ in range(20):  # the long problem takes far longer
        time.sleep(0.1)
        solved(client, seed=3)
        if open_requests(client) == [0, 0]:
            break
    assert open_requests(client) == [0, 0]
    assert measured(client)("vllm:kv_cache_usage_perc").total() == 0


def test_it_stops_without_an_error_in_its_log(service: ForkedService) -> None:
    assert service.stop() == 0
    log = service.log.read_text()
    assert [line for line in log.splitlines() if "ERROR" in line or "Traceback" in line] == []
