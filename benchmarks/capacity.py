"""The service under load, and what it can take: shared by `benchmarks/overload.py` and `benchmarks/soak.py`.

Every problem has four paths of 64 tokens at most, all of which are sampled: `policy: fixed`.
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
"""Paths that the engine decodes at the same time."""
QUEUE = 64
"""Problems that may wait."""
DEADLINE_S = 60.0
_BODY = {"paths": {"cot": 2, "pot": 2}, "policy": "fixed", "max_tokens": 64, "deadline_s": DEADLINE_S}
_CALLERS = SLOTS // 2  # twice as many problems as have room, so that one always waits; more of them change nothing
WARM_UP_S = 10.0
"""Before anything is counted; locust takes half of it to start."""
_TOKENS_PER_S = 60.0  # of each path of the scripted engine


def serving(model: str | None, folder: Path, *, scripted: bool) -> Server:
    """`twinpath serve` on the scripted engine, or on vLLM in its process; `model` None is the embedded default."""
    port = free_port()
    command: list[object] = [sys.executable, "-m", "service.cli.main", "serve", "--port", port]
    command += ["--max-num-seqs", SLOTS, "--max-queue", QUEUE, "--log-level", "warning"]
    if scripted:
        command += ["--engine", "fake", "--fake-tokens-per-s", _TOKENS_PER_S]
    elif model:
        command += ["--model", model]
    return Server(command, port, folder / "service.log", "/ready")


def request(number: int) -> dict[str, Any]:
    """The body of `POST /solve` for one of many problems; each has its own seed."""
    problem = f"A pen costs {2 + number % 80} dollars. How much do 7 pens cost in all, each at that price?"
    return _BODY | {"problem": problem, "seed": number}


def any_request() -> dict[str, Any]:
    """The body for one of them, drawn evenly: their answers are not of one length."""
    return request(random.randrange(2**31))


def measure_capacity(url: str, seconds: float) -> float:
    """Problems a second with the slots always full, over so many seconds."""
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
    """Problems solved a second, by the service's own count, over so many seconds after a warm-up.

    One that its deadline ended is not solved.
    """
    time.sleep(WARM_UP_S)
    began, before = time.monotonic(), _solved(url)
    time.sleep(seconds)
    return (_solved(url) - before) / (time.monotonic() - began)


def _solved(url: str) -> float:
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics", timeout=30).text)
    samples = [sample for family in families for sample in family.samples]
    ended = [sample for sample in samples if sample.name == "twinpath_solve_duration_seconds_count"]
    return sum(sample.value for sample in ended if sample.labels["outcome"] in ("answered", "abstained"))
