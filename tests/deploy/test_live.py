"""Services of the compose files, and the queries of their Prometheus.

Two systems run side by side: `compose.yaml`'s `cpu` profile on the real vLLM (a tiny checkpoint), and the service and
router of `compose.scale.yaml` on two scripted workers.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deploy.grafana.boards import panels
from deploy.grafana.pictures import DASHBOARDS, picture
from deploy.grafana.queries import Prometheus
from service.api.api_key import KeyScope
from service.api.api_keys import new_key
from tests.deploy.native import DEPLOY, Native, config, entrypoint, prometheus_files
from tests.support.servers import Server, free_port, scripted_worker

pytestmark = [pytest.mark.e2e, pytest.mark.engine]

WORKER: dict[str, Any] = {"tokens_per_s": 500, "slots": 64}
PROBLEM = "A pen costs 3 dollars. How much do 7 pens cost in all, each at that price?"


@dataclass
class Deployment:
    services: dict[str, Native]
    urls: dict[str, str]
    workers: list[Server]
    folder: Path
    headers: dict[str, str]

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self.urls['prometheus']}/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", (expression, answer)
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def firing(self) -> set[str]:
        return {row["metric"]["alertname"] for row in self.query('ALERTS{alertstate="firing"}')}

    def wait_for(self, *, firing: str | None = None, resolved: str | None = None, seconds: float = 30) -> None:
        until = time.monotonic() + seconds
        while True:
            now = self.firing()
            if (firing is None or firing in now) and (resolved is None or resolved not in now):
                return
            assert time.monotonic() < until, (firing, resolved, now)
            time.sleep(0.3)

    def start_worker(self, number: int) -> None:
        self.workers[number] = scripted_worker(self.folder, **WORKER, port=self.workers[number].port)


@pytest.fixture(scope="module")
def deployment(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    described = folder / "described"  # what a replica without an engine needs of a checkpoint
    described.mkdir()
    (described / "config.json").write_text("{}")
    (described / "twinpath.json").write_text(json.dumps({"format_version": 1, "base_model": "fake"}))
    (folder / "key").write_text("secret")
    ours, our_table = new_key("tests", [KeyScope.SOLVE], None, None)
    scrapers, scrapers_table = new_key("prometheus", [KeyScope.METRICS], None, None)
    (folder / "api_keys").write_text(our_table + scrapers_table)
    (folder / "metrics_key").write_text(f"{scrapers}\n")  # as `twinpath keys create` writes it
    ports = {name: free_port() for name in ("service", "replica", "router", "router-metrics", "prometheus")}
    workers = [scripted_worker(folder, **WORKER) for _ in range(2)]
    local = {"0.0.0.0": "127.0.0.1", "/var/cache/twinpath": str(folder / "cache")}
    local |= {"/run/secrets/api_keys": f"{folder}/api_keys"}
    one = config("compose.yaml", "cpu", TWINPATH_MODEL=str(tiny_checkpoint), TWINPATH_CPU_KV_CACHE_GIB="1")["services"]
    many = config("compose.scale.yaml", TWINPATH_MODEL=str(described))["services"]
    services = {
        "service": Native(
            "service", one["service-cpu"], entrypoint("cpu"), local | {"8000": str(ports["service"])}, folder
        ),
        "replica": Native(
            "replica",
            many["service"],
            entrypoint("slim"),
            {
                "http://router:30000": f"http://127.0.0.1:{ports['router']}",
                "/run/secrets/worker_api_key": f"{folder}/key",
            }
            | local
            | {"8000": str(ports["replica"])},
            folder,
        ),
        "router": Native(
            "router",
            many["router"],
            entrypoint("router"),
            {
                "http://worker-0:8000": workers[0].url,
                "http://worker-1:8000": workers[1].url,
                "29000": str(ports["router-metrics"]),
                "30000": str(ports["router"]),
            }
            | local,
            folder,
        ),
        "prometheus": Native(
            "prometheus",
            one["prometheus"],
            ["prometheus"],
            {
                "/etc/prometheus": f"{folder}/prometheus",
                "=/prometheus": f"={folder}/data",
                "9090": str(ports["prometheus"]),
            },
            folder,
        ),
    }
    jobs = {
        "twinpath": [f"127.0.0.1:{ports['service']}", f"127.0.0.1:{ports['replica']}"],
        "twinpath-worker": [f"127.0.0.1:{worker.port}" for worker in workers],
        "twinpath-router": [f"127.0.0.1:{ports['router-metrics']}"],
    }
    prometheus_files(folder / "prometheus", jobs, folder / "metrics_key")
    urls = {name: f"http://127.0.0.1:{ports[name]}" for name in services}
    deployed = Deployment(services, urls, workers, folder, {"Authorization": f"Bearer {ours}"})
    try:
        services["service"].start()
        services["prometheus"].start(f"--web.listen-address=127.0.0.1:{ports['prometheus']}")
        services["router"].start()
        services["router"].await_health()
        services["replica"].start()
        for service in services.values():
            service.await_health()
        yield deployed
    finally:
        for service in services.values():
            service.kill()
        for worker in deployed.workers:
            worker.kill()


def load(deployment: Deployment, seconds: float) -> list[int]:
    """Problems for both services from two clients each; the status codes."""
    statuses: list[int] = []
    until = time.monotonic() + seconds

    def ask(url: str, number: int) -> None:
        body = {"problem": PROBLEM, "paths": {"cot": 3, "pot": 3}, "max_tokens": 40}
        while time.monotonic() < until:
            number += 2
            fixed = {"policy": "fixed"} if number % 3 else {}
            response = httpx.post(
                f"{url}/solve", json=body | fixed | {"seed": number}, headers=deployment.headers, timeout=30
            )
            statuses.append(response.status_code)

    clients = [
        threading.Thread(target=ask, args=(deployment.urls[name], first))
        for name in ("service", "replica")
        for first in (0, 1)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return statuses


def test_compose_services_solve_a_problem(deployment: Deployment) -> None:
    ask: dict[str, Any] = {"json": {"problem": PROBLEM, "seed": 7}, "timeout": 60}
    assert httpx.post(f"{deployment.urls['service']}/solve", **ask).status_code == 401
    ask |= {"headers": deployment.headers}
    real = httpx.post(f"{deployment.urls['service']}/solve", **ask).json()
    assert (real["paths"]["planned"], real["model"].startswith("tiny")) == (20, True)
    scripted = httpx.post(f"{deployment.urls['replica']}/solve", **ask).json()
    assert (scripted["answer"], scripted["model"]) == ("21", "twinpath")


def test_every_panel_and_rule_has_data_under_load(deployment: Deployment) -> None:
    until = time.monotonic() + 60
    while True:
        assert set(load(deployment, 8)) == {200}
        time.sleep(2.5)  # two scrapes, and the rules after them
        empty = [
            (title, expression)
            for title, expression in queries()
            if not [row for row in deployment.query(expression) if row["value"][1] != "NaN"]
        ]
        if not empty or time.monotonic() > until:
            break
    assert empty == []
    engines = deployment.query("engine:requests_running")
    assert {row["metric"]["job"] for row in engines} == {"twinpath", "twinpath-worker"}  # in the service, and workers
    assert deployment.firing() <= {"TwinpathAbstains"}  # random weights state few answers


@pytest.mark.parametrize("name", sorted(path.stem for path in DASHBOARDS.glob("*.json")))
def test_a_picture_has_data_in_every_panel(deployment: Deployment, name: str, tmp_path: Path) -> None:
    board = json.loads((DASHBOARDS / f"{name}.json").read_text())
    now = time.time()
    source = Prometheus(deployment.urls["prometheus"], now - 60, now, step_s=1)
    assert picture(board, source, tmp_path / "board.png") == []


def queries() -> list[tuple[str, str]]:
    """Every query of every panel, with Grafana's variables filled in, and every recorded series."""
    shown = [
        (
            panel.title,
            expression.replace("$__rate_interval", "15s")
            .replace("$job", ".+")
            .replace("$instance", ".+")
            .replace("$namespace", ".*"),
        )
        for _, panel in panels()
        for expression, _ in panel.queries
    ]
    recording = yaml.safe_load((DEPLOY / "prometheus/rules/recording.yaml").read_text())
    return shown + [(rule["record"], rule["record"]) for group in recording["groups"] for rule in group["rules"]]


def test_no_rule_fails_to_evaluate(deployment: Deployment) -> None:
    groups = httpx.get(f"{deployment.urls['prometheus']}/api/v1/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 50
    assert {rule["health"] for rule in rules} == {"ok"}


def test_a_lost_worker_costs_no_problem_and_is_noticed(deployment: Deployment) -> None:
    lost = threading.Timer(1.5, deployment.workers[0].kill)
    lost.start()
    assert set(load(deployment, 4)) == {200}
    deployment.start_worker(0)


def test_alerts_fire_when_the_router_dies_and_resolve(deployment: Deployment) -> None:
    router = deployment.services["router"]
    router.kill()
    for alert in ("TwinpathEngineDown", "TwinpathWorkerDown", "TwinpathRouterDown"):
        deployment.wait_for(firing=alert)
    replica = deployment.urls["replica"]
    assert httpx.get(f"{replica}/ready").status_code == 503
    assert httpx.get(f"{replica}/health").status_code == 200
    router.start()
    router.await_health()
    for alert in ("TwinpathEngineDown", "TwinpathWorkerDown", "TwinpathRouterDown"):
        deployment.wait_for(resolved=alert)
    assert httpx.get(f"{replica}/ready").status_code == 200


def test_an_alert_fires_when_a_worker_behind_the_router_dies_and_resolves(deployment: Deployment) -> None:
    deployment.workers[1].kill()
    deployment.wait_for(firing="TwinpathWorkerLost")
    assert "TwinpathWorkerDown" not in deployment.firing()  # the replica sees only the router
    deployment.start_worker(1)
    deployment.wait_for(resolved="TwinpathWorkerLost")


def test_an_alert_fires_when_the_engine_is_killed(deployment: Deployment) -> None:
    service = deployment.services["service"]
    assert service.process is not None
    engine = next(child for child in service.process.children() if "EngineCore" in " ".join(child.cmdline()))
    os.kill(engine.pid, signal.SIGKILL)
    deployment.wait_for(firing="TwinpathInstanceDown")
    deployment.wait_for(firing="TwinpathReplicaLost")
    assert "TwinpathDown" not in deployment.firing()  # the other replica answers
    assert service.process.wait(timeout=20) == 1
    assert not service.healthy()


def test_services_stop_within_their_grace_period(deployment: Deployment) -> None:
    assert deployment.services["replica"].stop() == 0
    assert deployment.services["prometheus"].stop() == 0
    assert '"message": "stopped"' in deployment.services["replica"].log.read_text()
