"""Services of compose.scale.yaml on two real vLLM workers.

The workers' checkpoint knows twenty problems by heart (`tests/support/taught_model.py`), so answers are exact.
"""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.api.api_key import KeyScope
from service.api.api_keys import new_key
from service.client import Client
from tests.deploy.native import Native, config, entrypoint, nginx
from tests.support.problems import PROBLEMS
from tests.support.servers import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.engine]

WORKER_KEY = "k3y"
# What the worker's image has: `vllm serve MODEL …`, and a GPU. Here it is vLLM for CPUs, of which two fit this machine.
VLLM = f"""\
#!/bin/sh
[ "$1" = serve ] && shift || exit 2
model=$1; shift
export VLLM_CPU_NUM_OF_RESERVED_CPU=0 VLLM_CPU_KVCACHE_SPACE=1 VLLM_ENABLE_V1_MULTIPROCESSING=0
exec {sys.executable} -m vllm.entrypoints.openai.api_server --model "$model" --enforce-eager --block-size 32 \\
  --no-enable-chunked-prefill --max-num-batched-tokens 8192 --distributed-executor-backend uni "$@"
"""


@dataclass
class Scaled:
    services: dict[str, Native]
    urls: dict[str, str]
    key: str


@pytest.fixture(scope="module")
def scaled(taught_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scaled]:
    folder = tmp_path_factory.mktemp("scaled")
    (folder / "worker_key").write_text(WORKER_KEY)
    key, table = new_key("tests", [KeyScope.SOLVE], None, None)
    (folder / "api_keys").write_text(table)
    (folder / "bin").mkdir()
    (folder / "bin/vllm").write_text(VLLM)
    (folder / "bin/vllm").chmod(0o755)
    names = ("worker-0", "worker-1", "router", "service-1", "service-2", "door")
    ports = {name: free_port() for name in (*names, "metrics")}
    urls = {name: f"http://127.0.0.1:{ports[name]}" for name in names}
    many = config("compose.scale.yaml", TWINPATH_MODEL=str(taught_checkpoint))["services"]
    local = {f"http://{name}:8000": urls[name] for name in ("worker-0", "worker-1")}
    local |= {"http://router:30000": urls["router"], "/run/secrets/worker_api_key": f"{folder}/worker_key"}
    local |= {"/run/secrets/api_keys": f"{folder}/api_keys"}
    local |= {"/var/cache": str(folder / "cache"), "0.0.0.0": "127.0.0.1", "29000": str(ports["metrics"])}

    def native(name: str, entry: list[str], spec: str = "", **renamed: str) -> Native:
        return Native(name, many[spec or name], entry, local | renamed, folder)

    replicas = [ports[name] for name in ("service-1", "service-2")]
    services = {
        **{n: native(n, many[n]["entrypoint"], **{"8000": str(ports[n])}) for n in ("worker-0", "worker-1")},
        "router": native("router", entrypoint("router"), **{"30000": str(ports["router"])}),
        **{n: native(n, entrypoint("slim"), "service", **{"8000": str(ports[n])}) for n in ("service-1", "service-2")},
        "door": native("door", nginx(folder, ports["door"], replicas), **{"8080": str(ports["door"])}),
    }
    try:
        for start in (["worker-0", "worker-1"], ["router"], ["service-1", "service-2"], ["door"]):
            for name in start:
                services[name].start()
            for name in start:
                services[name].await_health()
        yield Scaled(services, urls, key)
    finally:
        for service in services.values():
            service.kill()


def ask(scaled: Scaled, row: dict[str, str], seed: int) -> dict[str, Any]:
    body = {"problem": row["question"], "seed": seed, "policy": "fixed", "max_tokens": 48}
    headers = {"Authorization": f"Bearer {scaled.key}"}
    response = httpx.post(f"{scaled.urls['door']}/solve", json=body, headers=headers, timeout=60)
    assert response.status_code == 200, response.text
    solution: dict[str, Any] = response.json()
    return solution


def test_a_problem_is_solved_through_the_door(scaled: Scaled) -> None:
    solution = ask(scaled, PROBLEMS[4], 7)
    assert (solution["answer"], solution["model"], solution["paths"]["voted"]) == ("56", "twinpath", 20)
    assert httpx.get(f"{scaled.urls['door']}/metrics").status_code == 404
    assert httpx.post(f"{scaled.urls['door']}/solve", json={"problem": "How much?"}).status_code == 401


def test_workers_keep_their_key(scaled: Scaled) -> None:
    for name in ("worker-0", "worker-1"):
        models = f"{scaled.urls[name]}/v1/models"
        assert httpx.get(models).status_code == 401
        (served,) = httpx.get(models, headers={"Authorization": f"Bearer {WORKER_KEY}"}).json()["data"]
        assert (served["id"], served["max_model_len"]) == ("twinpath", 2048)


def test_a_batch_goes_through_the_door(scaled: Scaled) -> None:
    one = {"paths": {"cot": 1, "pot": 0}, "temperature": 0}  # a path that nothing outvotes: drawn, it may go astray
    rows = [PROBLEMS[n % 20] | one | {"id": n, "padding": "x" * 30_000} for n in range(60)]
    with Client(scaled.urls["door"], api_key=scaled.key) as client:  # 2 MB, twice what nginx takes of another request
        answers = {row.id: row.solution and row.solution.answer for row in client.solve_many(rows)}
    assert answers == {n: PROBLEMS[n % 20]["answer"] for n in range(60)}


def test_a_killed_worker_loses_no_problem(scaled: Scaled) -> None:
    worker = scaled.services["worker-0"]
    threading.Timer(1.0, worker.kill).start()
    with ThreadPoolExecutor(8) as clients:
        solved = list(clients.map(lambda n: ask(scaled, PROBLEMS[n % 20], n), range(40)))
    assert [solution["answer"] for solution in solved] == [PROBLEMS[n % 20]["answer"] for n in range(40)]
    assert not worker.healthy()
    assert {solution["paths"]["started"] for solution in solved} == {20}


def test_each_service_stops_within_its_grace_period(scaled: Scaled) -> None:
    codes = {name: scaled.services[name].stop() for name in ("door", "service-1", "service-2", "router", "worker-1")}
    assert {name: code for name, code in codes.items() if name != "router"} == dict.fromkeys(
        codes.keys() - {"router"}, 0
    )
