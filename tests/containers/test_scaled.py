"""compose.scale.yaml with scripted workers: parts are lost while problems are solved.

Prometheus scrapes every second, and alerts wait for one second.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.containers.engine import Docker
from tests.containers.images import Images
from tests.containers.load import PATIENT, request
from tests.containers.monitor import hasten
from tests.containers.project import clone, wait_for
from tests.containers.scaled import ALL_UP, DOOR, PROMETHEUS, Scaled, lose_parts, scaled_out
from tests.containers.steps import step

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

NUMBER, EACH = 200, 4


@pytest.fixture(scope="module")
def scaled(docker: Docker, images: Images, folder: Path) -> Iterator[Scaled]:
    deploy = clone(folder / "scaled", umask=0o022) / "deploy"
    hasten(deploy / "prometheus")
    model = folder / "models/model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "twinpath.json").write_text(json.dumps({"format_version": 1, "base_model": "scripted"}))
    with scaled_out(docker, images, deploy, (images.slim, "vllm-scripted"), model, EACH) as started:
        yield started


@pytest.fixture(scope="module")
def undisturbed(docker: Docker, images: Images, folder: Path) -> list[str]:
    """Answers of the same paths, sampled in one process."""
    rows = folder / "rows"
    rows.mkdir()
    text = "".join(json.dumps(request(index, EACH) | {"id": index}) + "\n" for index in range(NUMBER))
    (rows / "problems.jsonl").write_text(text)
    solve = ("solve", "--engine", "fake", "--input", "/rows/problems.jsonl")
    with step(f"solve the same {NUMBER} problems in one container"):
        settings = [part for name, value in PATIENT.items() for part in ("--env", f"{name}={value}")]
        out = docker("run", "--rm", "--network", "none", "--volume", f"{rows}:/rows:ro", *settings, images.slim, *solve)
    solved = {row["id"]: row["solution"]["answer"] for row in map(json.loads, out.splitlines())}
    return [solved[index] for index in range(NUMBER)]


def test_every_part_is_scraped(scaled: Scaled) -> None:
    with step("scaled: first scrapes"):
        wait_for("scrape of every target", lambda: PROMETHEUS.up() == ALL_UP)
    assert httpx.get(f"{DOOR}/metrics").status_code == 404


def test_no_problem_is_lost_with_a_worker_and_a_replica(scaled: Scaled, undisturbed: list[str]) -> None:
    with step(f"scaled: {NUMBER} problems, 8 at a time, with a killed worker and a stopped replica"):
        solved = scaled.load.solve(NUMBER, lose_parts(scaled.project, 60, 120))
    assert [solution["answer"] for solution in solved] == undisturbed
    assert {solution["paths"]["started"] for solution in solved} == {2 * EACH}
    codes = scaled.project.exit_codes()
    assert (codes["service"], codes["worker-1"]) == ([0, 0], [137])  # a running container has the code 0


def test_each_lost_part_is_noticed(scaled: Scaled) -> None:
    with step("scaled: alerts for the worker and the replica"):
        wait_for("alert", lambda: {"TwinpathReplicaLost", "TwinpathWorkerLost"} <= PROMETHEUS.firing())
    with step("scaled: alerts for the router and the door"):
        scaled.project("kill", "router", "door")
        wait_for("alert", lambda: {"TwinpathRouterDown", "TwinpathDoorDown"} <= PROMETHEUS.firing())
