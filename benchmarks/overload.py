"""Ten times the load that the service can take: what it still answers, how fast it turns the rest away, what it costs.

    python -m benchmarks.overload                          the scripted engine, 4 paths of 20 tokens/s each
    python -m benchmarks.overload --model DIR              vLLM in the service's process, on a real checkpoint

First the capacity is measured: as many callers as keep the engine's slots full, and no more. Then locust's callers ask
for `--times` as many problems a second. Goodput is what the service's own counter moved by, without the first and the
last seconds; the 429s are timed by locust; memory and `/health` are looked at twice a second.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.servers import Server, free_port

_PROBLEM = "A pen costs {} dollars. How much do 7 pens cost in all, each at that price?"
_EDGE_S = 5.0
_DEADLINE_S = 60.0
_MIB = 1024**2


@dataclass
class Seen:
    """What was seen from outside during the overload: memory in MiB, seconds of `/health`, and how often it failed."""

    rss_mib: list[float] = field(default_factory=list)
    health_s: list[float] = field(default_factory=list)
    unhealthy: int = 0


@dataclass(frozen=True)
class Report:
    """The figures of one run; rates are problems or requests a second."""

    capacity_per_s: float
    offered_per_s: float
    goodput_per_s: float
    goodput_share: float
    requests: dict[str, int]
    p99_429_ms: float
    health_p99_ms: float
    unhealthy: int
    rss_first_mib: float
    rss_last_mib: float


def main() -> None:
    """Run and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a checkpoint for vLLM; none: the scripted engine")
    parser.add_argument("--slots", type=int, default=32, help="paths decoded at the same time")
    parser.add_argument("--tokens-per-s", type=float, default=60.0, help="of each path of the scripted engine")
    parser.add_argument("--queue", type=int, default=64, help="problems that may wait")
    parser.add_argument("--times", type=float, default=10.0, help="the load, in capacities")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(options, Path(folder)) as server:
        server.await_health()
        print(json.dumps(asdict(overload(server, options, Path(folder))), indent=1))


def serving(options: argparse.Namespace, folder: Path) -> Server:
    """The service under test."""
    port = free_port()
    command: list[object] = [sys.executable, "-m", "service.cli", "serve", "--port", port]
    command += ["--max-num-seqs", options.slots, "--max-queue", options.queue, "--log-level", "warning"]
    if options.model:
        command += ["--model", options.model, "--kv-cache-gib", 1]
    else:
        command += ["--engine", "fake", "--fake-tokens-per-s", options.tokens_per_s]
    return Server(command, port, folder / "service.log", "/ready")


def overload(server: Server, options: argparse.Namespace, folder: Path) -> Report:
    """Measure the capacity, then ask for many times as much."""
    capacity = measure_capacity(server.url, options.slots // 4 + 1, max(5.0, options.seconds / 6))
    users = int(options.times * capacity) + options.queue + options.slots // 4  # those who wait ask for nothing
    seen, over = Seen(), threading.Event()
    watch = threading.Thread(target=look, args=(server, seen, over))
    watch.start()
    locust = start_locust(server.url, users, options.seconds, folder)
    try:
        time.sleep(_EDGE_S)
        began, before = time.monotonic(), answered(server.url)
        time.sleep(max(1.0, options.seconds - 2 * _EDGE_S))
        goodput = (answered(server.url) - before) / (time.monotonic() - began)
        assert locust.wait(timeout=options.seconds + 2 * _DEADLINE_S) == 0, (folder / "locust.log").read_text()[-2000:]
    finally:
        over.set()
        watch.join()
        locust.kill()
    rows = locust_rows(folder)
    counts = {name: int(row["Request Count"]) for name, row in rows.items()}
    half = len(seen.rss_mib) // 4
    return Report(
        capacity_per_s=round(capacity, 2),
        offered_per_s=round(sum(counts.values()) / options.seconds, 1),
        goodput_per_s=round(goodput, 2),
        goodput_share=round(goodput / capacity, 3),
        requests=counts,
        p99_429_ms=float(rows["429"]["99%"]) if "429" in rows else 0.0,
        health_p99_ms=round(1000 * sorted(seen.health_s)[int(0.99 * len(seen.health_s))], 1),
        unhealthy=seen.unhealthy,
        rss_first_mib=round(seen.rss_mib[half], 1),
        rss_last_mib=round(seen.rss_mib[-1], 1),
    )


def measure_capacity(url: str, callers: int, seconds: float) -> float:
    """Problems a second with the slots just full."""
    until = time.monotonic() + seconds
    body = {"paths": {"cot": 2, "pot": 2}, "policy": "fixed", "max_tokens": 64}

    def ask(caller: int) -> None:
        with httpx.Client(base_url=url, timeout=_DEADLINE_S) as client:
            number = 0
            while time.monotonic() < until:
                number += 1
                request = body | {"problem": _PROBLEM.format(2 + number % 80), "seed": 1000 * caller + number}
                client.post("/solve", json=request).raise_for_status()

    with ThreadPoolExecutor(callers) as pool:
        asking = [pool.submit(ask, caller) for caller in range(callers)]
        time.sleep(seconds / 3)  # the first problems find an empty engine
        began, before = time.monotonic(), answered(url)
        time.sleep(seconds / 2)
        rate = (answered(url) - before) / (time.monotonic() - began)
        for caller in asking:
            caller.result()
    return rate


def answered(url: str) -> float:
    """Problems that the service has answered so far."""
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics", timeout=30).text)
    samples = [sample for family in families for sample in family.samples]
    ended = [s for s in samples if s.name == "solve_duration_seconds_count" and s.labels["outcome"] != "error"]
    return sum(sample.value for sample in ended)


def start_locust(url: str, users: int, seconds: int, folder: Path) -> "subprocess.Popen[bytes]":
    """Locust without its page: so many users, all of them within two seconds."""
    command = [sys.executable, "-m", "locust", "-f", Path(__file__).with_name("locustfile.py"), "--headless"]
    command += ["--host", url, "--users", users, "--spawn-rate", max(1, users // 2), "--run-time", f"{seconds}s"]
    command += ["--stop-timeout", "0", "--csv", folder / "locust", "--only-summary"]
    environment = os.environ | {"OVERLOAD_DEADLINE_S": str(_DEADLINE_S)}
    with (folder / "locust.log").open("wb") as log:
        return subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, env=environment)


def locust_rows(folder: Path) -> dict[str, dict[str, str]]:
    """Locust's statistics by status."""
    with (folder / "locust_stats.csv").open(newline="") as rows:
        return {row["Name"]: row for row in csv.DictReader(rows) if row["Name"] != "Aggregated"}


def look(server: Server, seen: Seen, over: threading.Event) -> None:
    """Note memory and health until it is over."""
    process = psutil.Process(server.process.pid)
    with httpx.Client(base_url=server.url, timeout=10) as client:
        while not over.wait(0.5):
            began = time.monotonic()
            try:
                seen.unhealthy += client.get("/health").status_code != 200
            except httpx.HTTPError:
                seen.unhealthy += 1
            seen.health_s.append(time.monotonic() - began)
            seen.rss_mib.append(process.memory_info().rss / _MIB)


if __name__ == "__main__":
    main()
