"""compose.scale.yaml with scripted workers: parts are lost while problems are solved.

Prometheus scrapes every second, and alerts wait for one second.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.containers.engine import Docker
from tests.containers.images import Images, build_image
from tests.containers.load import Load, problem
from tests.containers.monitor import Monitor, hasten
from tests.containers.project import PUBLISH, ROOT, Project, clone, wait_for
from tests.containers.steps import step

pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]

DOOR = f"http://{PUBLISH}:8000"
PROMETHEUS = Monitor(f"http://{PUBLISH}:9090")
WORKERS = ("worker-0", "worker-1")
ALL_UP = {"twinpath": [1, 1], "twinpath-door": [1], "twinpath-router": [1], "twinpath-worker": [1, 1]}


@dataclass(frozen=True)
class Scaled:
    project: Project
    load: Load


@pytest.fixture(scope="module")
def scaled(docker: Docker, images: Images, folder: Path) -> Iterator[Scaled]:
    with step("scaled: make the scripted worker"):
        options = ["--build-arg", f"SERVICE={images.slim}", "--build-arg", "VLLM=vllm-scripted"]
        worker = build_image(docker, "worker", *options, "--build-context", f"support={ROOT / 'tests/support'}")
    deploy = clone(folder / "scaled", umask=0o022) / "deploy"
    hasten(deploy / "prometheus")
    model = folder / "models/model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "twinpath.json").write_text(json.dumps({"format_version": 1, "base_model": "scripted"}))
    variables = {**images.variables, "MODELS_DIR": str(model.parent)}
    project = Project(docker, "twinpath-tests-scaled", deploy, "compose.scale.yaml", None, variables)
    project.use({**images.others} | dict.fromkeys(WORKERS, worker), without_gpus=WORKERS)
    try:
        with step("scaled: create the secrets"):
            key = project.create_secrets()
        with step("scaled: compose up"):
            project("up", "--detach", "--wait")
        yield Scaled(project, Load(DOOR, key))
    finally:
        with step("scaled: compose down"):
            project.down()


def test_every_part_is_scraped(scaled: Scaled) -> None:
    with step("scaled: first scrapes"):
        wait_for("scrape of every target", lambda: PROMETHEUS.up() == ALL_UP)
    assert httpx.get(f"{DOOR}/metrics").status_code == 404


def test_no_problem_is_lost_with_a_worker_and_a_replica(scaled: Scaled) -> None:
    losses = {60: lambda: scaled.project("kill", "worker-1"), 120: lambda: scaled.project.stop_one("service")}
    with step("scaled: 200 problems, 8 at a time, with a killed worker and a stopped replica"):
        solved = scaled.load.solve(200, losses)
    assert [solution["answer"] for solution in solved] == [problem(index)[1] for index in range(200)]
    assert {solution["paths"]["started"] for solution in solved} == {8}
    codes = scaled.project.exit_codes()
    assert (sorted(codes["service"]), codes["worker-1"]) == ([0, 0], [137])  # a running container has the code 0


def test_each_lost_part_is_noticed(scaled: Scaled) -> None:
    with step("scaled: alerts for the worker and the replica"):
        wait_for("alert", lambda: {"TwinpathReplicaLost", "TwinpathWorkerLost"} <= PROMETHEUS.firing())
    with step("scaled: alert for the router"):
        scaled.project("kill", "router")
        wait_for("alert", lambda: "TwinpathRouterDown" in PROMETHEUS.firing())
