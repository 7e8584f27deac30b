"""`twinpath serve` as a user starts it, on the real vLLM and a tiny checkpoint."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.served import started

pytestmark = pytest.mark.e2e

EVERY_FIELD = {
    "problem": "A pen costs 3 dollars. How much do 7 pens cost?",
    "paths": {"cot": 3, "pot": 3},
    "policy": "fixed",
    "temperature": 1.0,
    "max_tokens": 24,
    "deadline_s": 30,
    "seed": 7,
    "min_confidence": 0.0,
    "trace": True,
}
LONG = {"problem": EVERY_FIELD["problem"], "paths": {"cot": 30, "pot": 30}, "max_tokens": 1500, "policy": "fixed"}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny")
    subprocess.run([sys.executable, "-m", "tests.engine.tiny", path], check=True)
    return path


@pytest.fixture
def service(checkpoint: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "service.cli",
                "serve",
                "--model",
                checkpoint,
                "--port",
                str(port),
                "--drain-s",
                "5",
            ],
            stdout=log,
            stderr=log,
        )
    for _ in range(1200):
        if process.poll() is not None:
            pytest.fail((tmp_path / "log").read_text()[-3000:])
        try:
            if httpx.get(f"{url}/ready").status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.1)
    yield process, url
    if process.poll() is None:
        process.kill()
    process.wait()


def test_it_solves_reports_and_stops(service: tuple[subprocess.Popen[bytes], str]) -> None:
    process, url = service
    children = psutil.Process(process.pid).children(recursive=True)
    defaults = httpx.post(f"{url}/solve", json={"problem": EVERY_FIELD["problem"]}, timeout=60).json()
    assert defaults["paths"]["planned"] == 20
    assert set(defaults) == {
        "id", "status", "answer", "value", "calibrated", "confidence", "votes", "paths", "usage", "timing", "model", "seed",
    }  # fmt: skip
    first, second = [httpx.post(f"{url}/solve", json=EVERY_FIELD, timeout=60).json() for _ in range(2)]
    assert first["seed"] == 7
    assert [path["index"] for path in first["trace"]] == [0, 1, 2, 3, 4, 5]
    assert [path["text"] for path in first["trace"]] == [path["text"] for path in second["trace"]]
    assert first["usage"]["completion_tokens"] == sum(path["tokens"] for path in first["trace"])

    families = {family.name: family for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text)}
    assert any(name.startswith("vllm:") for name in families)
    assert sum(sample.value for sample in families["solve_paths"].samples if sample.name == "solve_paths_total") == 32

    bad = httpx.post(f"{url}/solve", json={"problem": "x " * 1999, "max_tokens": 1})
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "problem")

    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


def test_an_engine_that_dies_gives_503_and_ends_the_service(service: tuple[subprocess.Popen[bytes], str]) -> None:
    process, url = service
    answers: list[tuple[int, str, dict[str, object], float]] = []

    def ask() -> None:
        response = httpx.post(f"{url}/solve", json=LONG, timeout=60)
        answers.append((response.status_code, response.headers["content-type"], response.json(), time.monotonic()))

    client = threading.Thread(target=ask)
    client.start()
    time.sleep(1.0)
    engine = next(
        child for child in psutil.Process(process.pid).children() if "EngineCore" in " ".join(child.cmdline())
    )
    os.kill(engine.pid, signal.SIGKILL)
    killed = time.monotonic()
    client.join(timeout=30)
    status, media_type, document, ended = answers[0]
    assert (status, media_type) == (503, "application/problem+json")
    assert document["status"] == 503
    assert ended - killed < 5
    assert process.wait(timeout=20) == 1


def test_an_engine_that_hangs_gives_503_and_ends_the_service(checkpoint: Path, tmp_path: Path) -> None:
    watched = ["--watch-interval-s", 0.5, "--watch-patience-s", 2]
    with started(tmp_path, "--model", checkpoint, *watched) as (process, url), ThreadPoolExecutor(1) as caller:
        answer = caller.submit(httpx.post, f"{url}/solve", json=LONG, timeout=60)
        time.sleep(1.0)
        engine = next(
            child for child in psutil.Process(process.pid).children() if "EngineCore" in " ".join(child.cmdline())
        )
        os.kill(engine.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        assert httpx.get(f"{url}/health").status_code == 200  # it asks the engine for nothing, and cannot hang
        assert answer.result().status_code == 503
        assert time.monotonic() - stopped < 6
        assert process.wait(timeout=20) == 1


def test_a_killed_service_leaves_no_engine_behind(service: tuple[subprocess.Popen[bytes], str]) -> None:
    process, _ = service
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_solve_prints_one_json_document(checkpoint: Path) -> None:
    command = [sys.executable, "-m", "service.cli", "solve", "--json", "--model", checkpoint, "--seed", "1"]
    run = subprocess.run([*command, "How much is 3 plus 4?"], capture_output=True, text=True, timeout=200, check=True)
    response = json.loads(run.stdout)
    assert response["paths"]["planned"] == 20
    assert "nanobind" not in run.stderr
