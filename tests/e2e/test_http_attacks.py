"""Attacks on the connections of `twinpath serve`: health stays fast, and memory bounded.

The limit of 100 ms is for the event loop's own time, which is all of the wait on a machine without other work.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.attacks import ATTACKS
from tests.support.served import started

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.alone]

_SECONDS = 3.0
_MAX_GROWTH_MIB = 38  # at most 13 a second


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    folder = tmp_path_factory.mktemp("service")
    with started(folder, "--engine", "fake", "--fake-tokens-per-s", 2) as service:
        yield service


def loop_cpu_s(pid: int) -> float:
    """CPU time of the service's event loop. Unlike the time on the clock, it has no other process's work in it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def wait_until_idle(pid: int) -> None:
    """Wait until the service has read what the attack before left in the sockets."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        before = loop_cpu_s(pid)
        time.sleep(0.5)
        if loop_cpu_s(pid) - before < 0.05:
            return
    pytest.fail("the service works on after the attack")


@pytest.mark.parametrize("name", ATTACKS)
def test_health_answers_and_memory_is_bounded_during(name: str, service: tuple[subprocess.Popen[bytes], str]) -> None:
    process, url = service
    wait_until_idle(process.pid)
    memory = psutil.Process(process.pid)
    before = memory.memory_info().rss
    command = [sys.executable, "-m", "tests.support.attacks", name, url.rpartition(":")[2], str(_SECONDS)]
    attack = subprocess.Popen(command)
    seconds, wall, most = [], [], before
    try:
        time.sleep(0.5)  # until it has begun
        with httpx.Client(base_url=url, timeout=10, headers={"Connection": "close"}) as client:
            while attack.poll() is None:
                began, cpu_before = time.perf_counter(), loop_cpu_s(process.pid)
                assert client.get("/health").status_code == 200
                wall.append(time.perf_counter() - began)
                seconds.append(min(wall[-1], loop_cpu_s(process.pid) - cpu_before))
                most = max(most, memory.memory_info().rss)
                time.sleep(0.01)
    finally:
        attack.kill()
        attack.wait()
    p99 = statistics.quantiles(seconds, n=100, method="inclusive")[98]
    growth = (most - before) / 2**20
    waited = statistics.quantiles(wall, n=100, method="inclusive")[98]
    print(f"{name}: {len(wall)} answers, p99 {p99 * 1e3:.0f} ms of {waited * 1e3:.0f} ms, {growth:.0f} MiB")
    assert growth < _MAX_GROWTH_MIB
    assert p99 < 0.1
