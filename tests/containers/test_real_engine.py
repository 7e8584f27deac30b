"""Both compose files on vLLM for CPUs with the bundled model, and alerts as they are shipped."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.containers.engine import Docker
from tests.containers.images import Images, built_cpu
from tests.containers.load import PATIENT
from tests.containers.monitor import Monitor
from tests.containers.project import PUBLISH, Project, clone, wait_for
from tests.containers.scaled import lose_parts, scaled_out
from tests.containers.steps import step

pytestmark = [pytest.mark.containers, pytest.mark.soak, pytest.mark.timeout(3600)]

BAKERY = (
    "Baker made 54 cakes and 143 pastries. If he sold 68 cakes and 92 pastries. How many more pastries than cakes did "
    "baker sell?"
)
NUMBER, EACH = 200, 2


@pytest.fixture(scope="module")
def cpu(docker: Docker, builds: Path, images: Images) -> str:
    return built_cpu(docker, builds, images)


@pytest.fixture  # removed before the next test, which publishes the same ports
def node(docker: Docker, images: Images, cpu: str, folder: Path) -> Iterator[tuple[Project, str]]:
    deploy = clone(folder / "node", umask=0o077) / "deploy"
    project = Project(docker, "node", deploy, ["compose.yaml"], None, {**images.variables, "TWINPATH_MODEL": ""})
    others = {name: images.others[name] for name in ("prometheus", "grafana")}
    project.set({"COMPOSE_PROFILES": "cpu"} | PATIENT)
    project.use({"service-cpu": cpu, "setup": cpu} | others)
    with project.running() as key:
        yield project, key


def test_the_cpu_image_solves_drains_and_is_missed(node: tuple[Project, str]) -> None:
    project, key = node
    prometheus = Monitor(f"http://{PUBLISH}:9090")
    body, headers = {"problem": BAKERY, "seed": 7, "deadline_s": 110}, {"Authorization": f"Bearer {key}"}

    def solve() -> httpx.Response:
        return httpx.post(f"http://{PUBLISH}:8000/solve", json=body, headers=headers, timeout=120)

    with step("node: solve a problem"):
        solved = solve()
    assert (solved.status_code, solved.json()["answer"]) == (200, "24")
    with step("node: first scrape"):
        wait_for("scrape", lambda: prometheus.up() == {"twinpath": [1]}, 60)
    with step("node: stop the service with an open problem"), ThreadPoolExecutor(1) as caller:
        open_problem = caller.submit(solve)
        wait_for("problem in progress", lambda: running(project) > 0)
        project("stop", "service-cpu")
        assert open_problem.result().status_code == 200
    assert project.exit_codes()["service-cpu"] == [0]
    with step("node: the shipped alert fires"):
        wait_for("alert", lambda: "TwinpathDown" in prometheus.firing(), 180)


def running(project: Project) -> float:
    """Number of problems in progress, by the service's own metrics."""
    read = "import sys, urllib.request as u; r = u.Request('http://127.0.0.1:8000/metrics')"
    key = (project.deploy / "secrets/metrics_key").read_text().strip()
    read += f"; r.add_header('Authorization', 'Bearer {key}'); print(u.urlopen(r).read().decode())"
    metrics = project("exec", "service-cpu", "python3", "-c", read)
    (line,) = [line for line in metrics.splitlines() if line.startswith("twinpath_problems_inflight ")]
    return float(line.split()[1])


def test_no_problem_is_lost_on_vllm_workers(docker: Docker, images: Images, cpu: str, folder: Path) -> None:
    cache = folder / "cache"
    cache.mkdir()
    with step("build the bundled model"):
        show = (
            "run",
            "--rm",
            "--user",
            f"{os.getuid()}:{os.getgid()}",
            "--network",
            "none",
            "--volume",
            f"{cache}:/var/cache/twinpath",
            cpu,
        )
        docker(*show, "model", "info")
    (model,) = (cache / "models").glob("*/config.json")
    for file in model.parent.iterdir():
        file.chmod(0o644)
    deploy = clone(folder / "real", umask=0o022) / "deploy"
    with scaled_out(docker, images, deploy, (cpu, "vllm-cpu"), model.parent, EACH) as scaled:
        with step(f"scaled on vLLM: {NUMBER} problems, 8 at a time, with a killed worker and a stopped replica"):
            solved = scaled.load.solve(NUMBER, lose_parts(scaled.project, 60, 120))
        assert [solution["status"] for solution in solved] == ["answered"] * NUMBER
        assert {solution["paths"]["started"] for solution in solved} == {2 * EACH}
        codes = scaled.project.exit_codes()
        assert (codes["service"], codes["worker-1"]) == ([0, 0], [137])
