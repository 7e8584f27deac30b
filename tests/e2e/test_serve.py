"""End of `twinpath serve` and `solve` on the real vLLM."""

import json
import os
import signal
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

from tests.support.served import started

pytestmark = [pytest.mark.e2e, pytest.mark.engine]

LONG = {
    "problem": "A pen costs 3 dollars. How much do 7 pens cost?",
    "paths": {"cot": 30, "pot": 30},
    "max_tokens": 1500,
    "policy": "fixed",
}


@pytest.fixture
def service(tiny_checkpoint: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with started(tmp_path, "--model", tiny_checkpoint, "--shutdown-grace-s", 5) as service:
        yield service


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


def test_an_engine_that_hangs_gives_503_and_ends_the_service(tiny_checkpoint: Path, tmp_path: Path) -> None:
    watched = ["--engine-check-interval-s", 0.5, "--engine-hang-timeout-s", 2]
    with started(tmp_path, "--model", tiny_checkpoint, *watched) as (process, url), ThreadPoolExecutor(1) as caller:
        answer = caller.submit(httpx.post, f"{url}/solve", json=LONG, timeout=60)
        time.sleep(1.0)
        engine = next(
            child for child in psutil.Process(process.pid).children() if "EngineCore" in " ".join(child.cmdline())
        )
        os.kill(engine.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        assert httpx.get(f"{url}/health").status_code == 200  # it asks the engine for nothing, and cannot hang
        assert answer.result().status_code == 503
        assert time.monotonic() - stopped < 20  # long before its deadline of 30 s
        assert process.wait(timeout=20) == 1


def test_a_killed_service_leaves_no_engine_behind(service: tuple[subprocess.Popen[bytes], str]) -> None:
    process, _ = service
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_solve_prints_one_json_document(tiny_checkpoint: Path) -> None:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "service.cli.main",
        "solve",
        "--json",
        "--model",
        tiny_checkpoint,
        "--seed",
        "1",
    ]
    run = subprocess.run([*command, "How much is 3 plus 4?"], capture_output=True, text=True, timeout=200, check=True)
    response = json.loads(run.stdout)
    assert response["paths"]["planned"] == 20
    assert "nanobind" not in run.stderr
