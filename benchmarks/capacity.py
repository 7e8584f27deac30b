"""Capacity of a service, for the overload and soak benchmarks.

Every problem has four paths of at most 64 tokens under the fixed policy.
"""

import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.servers import Server, free_port

SLOTS = 32
"""Number of paths that the engine decodes at the same time."""
QUEUE = 64
"""Maximum number of waiting problems."""
DEADLINE_S = 60.0
_BODY = {"paths": {"cot": 2, "pot": 2}, "policy": "fixed", "max_tokens": 64, "deadline_s": DEADLINE_S}
_CALLERS = SLOTS // 2  # twice as many problems as the slots hold, so that one always waits
WARM_UP_S = 10.0
"""Seconds before anything is counted. Locust takes half of them to start."""
_TOKENS_PER_S = 60.0  # per path of the scripted engine


def serving(model: str | None, folder: Path, *, scripted: bool) -> Server:
    """`twinpath serve` on the scripted engine, or on vLLM in its process. Without a model, the bundled one."""
    port = free_port()
    command: list[object] = [sys.executable, "-m", "service.cli.main", "serve", "--port", port]
    command += ["--max-num-seqs", SLOTS, "--max-queue", QUEUE, "--log-level", "warning"]
    if scripted:
        command += ["--engine", "fake", "--fake-tokens-per-s", _TOKENS_PER_S]
    elif model:
        command += ["--model", model]
    return Server(command, port, folder / "service.log", "/ready")


def request(number: int) -> dict[str, Any]:
    """Body of `POST /solve` for one of many problems, each with its own seed."""
    problem = f"A pen costs {2 + number % 80} dollars. How much do 7 pens cost in all, each at that price?"
    return _BODY | {"problem": problem, "seed": number}


def any_request() -> dict[str, Any]:
    """Body of a uniformly drawn problem. The lengths of the answers differ."""
    return request(random.randrange(2**31))


def measure_capacity(url: str, seconds: float) -> float:
    """Problems per second over `seconds` seconds with full slots."""
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=2 * DEADLINE_S) as client:
            while not over.is_set():
                client.post("/solve", json=any_request()).raise_for_status()

    with ThreadPoolExecutor(_CALLERS) as pool:
        asking = [pool.submit(ask) for _ in range(_CALLERS)]
        try:
            rate = goodput(url, seconds)
        finally:
            over.set()
        for caller in asking:
            caller.result()
    return rate


def goodput(url: str, seconds: float) -> float:
    """Solved problems per second by the service's count, over `seconds` seconds after a warm-up.

    A problem that its deadline ended is not solved.
    """
    time.sleep(WARM_UP_S)
    began, before = time.monotonic(), _solved(url)
    time.sleep(seconds)
    return (_solved(url) - before) / (time.monotonic() - began)


def _solved(url: str) -> float:
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics", timeout=30).text)
    samples = [sample for family in families for sample in family.samples]
    ended = [sample for sample in samples if sample.name == "twinpath_solve_duration_seconds_count"]
    return sum(sample.value for sample in ended if sample.labels["status"] in ("answered", "abstained"))
