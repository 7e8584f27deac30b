"""compose.yaml with the scripted engine, from the README's first step to the last exit code.

The files are those of a clone under umask 077. Prometheus scrapes every second, and alerts wait for one second.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.containers.engine import Docker
from tests.containers.images import Images
from tests.containers.monitor import Monitor, hasten
from tests.containers.project import PUBLISH, Project, clone, wait_for
from tests.containers.steps import step

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

PROBLEM = {"problem": "A pen costs 3 dollars. How much do 7 pens cost in all, each at that price?", "seed": 7}
SERVICE = f"http://{PUBLISH}:8000"
PROMETHEUS = Monitor(f"http://{PUBLISH}:9090")
SETTINGS = {"COMPOSE_PROFILES": "cpu", "TWINPATH_ENGINE": "fake", "TWINPATH_FAKE_TOKENS_PER_S": "10"}
"""Lines of `.env`. A path takes two to four seconds."""


@dataclass(frozen=True)
class Node:
    project: Project
    key: str

    def solve(self) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.post(f"{SERVICE}/solve", json=PROBLEM, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def node(docker: Docker, images: Images, folder: Path) -> Iterator[Node]:
    deploy = clone(folder / "one", umask=0o077) / "deploy"
    hasten(deploy / "prometheus")
    project = Project(docker, "one", deploy, ["compose.yaml"], None, images.variables)
    project.set(SETTINGS)
    others = {name: images.others[name] for name in ("prometheus", "grafana")}
    project.use({"service-cpu": images.slim, "setup": images.slim} | others)
    with project.running() as key:
        yield Node(project, key)


def test_setup_creates_the_secrets_once(node: Node) -> None:
    secrets = node.project.deploy / "secrets"
    assert f"{secrets.stat().st_mode:o}" == "40700"
    before = {file.name: file.read_bytes() for file in secrets.iterdir()}
    created = {"api_keys.toml", "metrics_key", "grafana_admin_password", "worker_api_key"}
    assert created <= before.keys()
    assert {f"{(secrets / name).stat().st_mode:o}" for name in created} == {"100644"}
    again = node.project("run", "--rm", "setup")
    assert {file.name: file.read_bytes() for file in secrets.iterdir()} == before
    assert "tp_" not in again


def test_a_problem_is_solved_with_the_key(node: Node) -> None:
    assert httpx.post(f"{SERVICE}/solve", json=PROBLEM).status_code == 401
    with step("one: solve a problem"):
        solved = node.solve()
    assert (solved.status_code, solved.json()["answer"]) == (200, "21")


def test_prometheus_scrapes_and_evaluates(node: Node) -> None:
    with step("one: first scrape, all rules evaluated"):
        wait_for("a scrape", lambda: PROMETHEUS.up() == {"twinpath": [1]})
        rules = wait_for("the evaluation of every rule", PROMETHEUS.evaluated_rules)
    assert set(rules.values()) == {"ok"}
    assert len(rules) > 50


def test_ports_are_published_only_on_the_given_address(node: Node) -> None:
    published = re.findall(r"(\S+):(\d+)->", node.project("ps", "--format", "{{.Ports}}"))
    assert sorted(published) == [(PUBLISH, "3000"), (PUBLISH, "8000"), (PUBLISH, "9090")]
    for _, port in published:
        assert httpx.get(f"http://{PUBLISH}:{port}/").status_code < 500


def test_a_stopped_service_finishes_its_problem_and_is_noticed(node: Node) -> None:
    with step("one: stop the service with an open problem"), ThreadPoolExecutor(1) as caller:
        open_problem = caller.submit(node.solve)
        wait_for("a problem in progress", lambda: PROMETHEUS.values("twinpath_problems_inflight") == [1])
        node.project("stop", "service-cpu")
        assert (open_problem.result().status_code, open_problem.result().json()["answer"]) == (200, "21")
    assert node.project.exit_codes()["service-cpu"] == [0]
    with step("one: the alert fires"):
        wait_for("an alert", lambda: "TwinpathDown" in PROMETHEUS.firing())
    with step("one: the service is back, the alert resolves"):
        node.project("up", "--detach", "--wait", "service-cpu")
        wait_for("the end of the alert", lambda: "TwinpathDown" not in PROMETHEUS.firing())


def test_every_part_stops_with_exit_code_0(node: Node) -> None:
    with step("one: compose stop"):
        node.project("stop")
    assert node.project.exit_codes() == {"grafana": [0], "prometheus": [0], "service-cpu": [0]}
