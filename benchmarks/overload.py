"""Overload: goodput, time to a 429, health at ten times capacity.

    python -m benchmarks.overload [--model M]       vLLM in the process of the service
    python -m benchmarks.overload --scripted        scripted engine

The capacity is the mean of a measurement before and one after. In between, locust sends `--times` as many problems per
second. Goodput comes from the service's counter, and locust times the 429s. Locust needs `uv sync --group bench`.
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from benchmarks import results
from benchmarks.capacity import DEADLINE_S, QUEUE, SLOTS, WARM_UP_S, goodput, measure_capacity, serving
from tests.support.servers import Server, add_engine

_SPAWN_S = 2
_SPARE_S = 5  # the load continues for a moment after the last observation
_MIB = 1024**2
_LOOK_S = 0.5
_LOOKS_FOR_MEMORY = 20  # every ten seconds: counting the pages of an engine stops it for a while


@dataclass
class Seen:
    """Observations from outside: memory in MiB, seconds of each `/health`, and number of failed ones."""

    memory_mib: list[float] = field(default_factory=list)
    health_s: list[float] = field(default_factory=list)
    unhealthy: int = 0


@dataclass(frozen=True)
class Report:
    """Figures of one run. Rates are per second, and memory is that of all processes of the service."""

    capacity_per_s: list[float]
    offered_per_s: float
    goodput_per_s: float
    requests: dict[str, int]
    p50_429_ms: float
    p99_429_ms: float
    health_p99_ms: float
    health_asked: int
    unhealthy: int
    memory_mib: list[float]


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_engine(parser)
    parser.add_argument("--times", type=float, default=11.0, help="load in multiples of the capacity")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    if find_spec("locust") is None:
        parser.error("locust is not installed; run .venv/bin/uv sync --inexact --group bench")
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(options.model, Path(folder), scripted=options.scripted) as server,
    ):
        server.await_health()
        figures = asdict(overload(server, options.times, options.seconds, Path(folder)))
    print(table(figures))
    if options.json:
        results.write(options.json, figures)


def overload(server: Server, times: float, seconds: int, folder: Path) -> Report:
    """Measure the capacity before and after an overload of `times` the capacity."""
    before = measure_capacity(server.url, seconds / 3)
    users = int(times * before) + QUEUE + SLOTS // 2  # a waiting user sends no request
    with looking(server) as seen:
        locust = start_locust(server.url, users, seconds, folder)
        try:
            good = goodput(server.url, seconds - WARM_UP_S - _SPARE_S)
            assert locust.wait(timeout=seconds + 2 * DEADLINE_S) == 0, (folder / "locust.log").read_text()[-2000:]
        finally:
            locust.kill()
    after = measure_capacity(server.url, seconds / 3)
    rows = locust_rows(folder)
    counts = {name: int(row["Request Count"]) for name, row in rows.items()}
    return Report(
        capacity_per_s=[round(before, 2), round(after, 2)],
        offered_per_s=round(sum(counts.values()) / seconds, 1),
        goodput_per_s=round(good, 2),
        requests=counts,
        p50_429_ms=float(rows["429"]["50%"]),
        p99_429_ms=float(rows["429"]["99%"]),
        health_p99_ms=round(1000 * sorted(seen.health_s)[int(0.99 * len(seen.health_s))], 1),
        health_asked=len(seen.health_s),
        unhealthy=seen.unhealthy,
        memory_mib=[round(mib, 1) for mib in seen.memory_mib],
    )


def start_locust(url: str, users: int, seconds: int, folder: Path) -> "subprocess.Popen[bytes]":
    """Headless locust with `users` users, all of them started within two seconds."""
    command = [sys.executable, "-m", "locust", "-f", Path(__file__).with_name("locustfile.py"), "--headless"]
    command += ["--host", url, "--users", users, "--spawn-rate", max(1, users // _SPAWN_S), "--run-time", f"{seconds}s"]
    command += ["--stop-timeout", "0", "--csv", folder / "locust", "--only-summary"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with (folder / "locust.log").open("wb") as log:
        return subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, env=environment)


def locust_rows(folder: Path) -> dict[str, dict[str, str]]:
    """Statistics of locust by HTTP status."""
    with (folder / "locust_stats.csv").open(newline="") as rows:
        return {row["Name"]: row for row in csv.DictReader(rows) if row["Name"] != "Aggregated"}


@contextmanager
def looking(server: Server) -> Iterator[Seen]:
    """Observe health, and memory less often, during the block."""
    seen, over = Seen(), threading.Event()

    def look() -> None:
        with httpx.Client(base_url=server.url, timeout=10) as client:
            while not over.wait(_LOOK_S):
                if len(seen.health_s) % _LOOKS_FOR_MEMORY == 0:
                    seen.memory_mib.append(server.memory_bytes() / _MIB)
                began = time.monotonic()
                try:
                    seen.unhealthy += client.get("/health").status_code != 200
                except httpx.HTTPError:
                    seen.unhealthy += 1
                seen.health_s.append(time.monotonic() - began)

    watch = threading.Thread(target=look)
    watch.start()
    try:
        yield seen
    finally:
        over.set()
        watch.join()


def table(figures: dict[str, Any]) -> str:
    """Markdown: one row per quantity."""
    capacity, counts = statistics.mean(figures["capacity_per_s"]), figures["requests"]
    others = {name: count for name, count in counts.items() if name not in ("200", "429")}
    rows = {
        "capacity, before and after": " and ".join(f"{rate:.1f}" for rate in figures["capacity_per_s"]) + " problems/s",
        "load sent": f"{figures['offered_per_s']:.0f} problems/s, {figures['offered_per_s'] / capacity:.1f} × capacity",
        "goodput": f"{figures['goodput_per_s']:.1f} problems/s, {figures['goodput_per_s'] / capacity:.0%} of capacity",
        "responses with 200 / 429 / another status": (
            f"{counts.get('200', 0):,} / {counts.get('429', 0):,} / {sum(others.values())}"
        ),
        "429: p50, p99": f"{figures['p50_429_ms']:.0f} ms, {figures['p99_429_ms']:.0f} ms",
        "`/health`: p99, failed": f"{figures['health_p99_ms']:.0f} ms, "
        f"{figures['unhealthy']} of {figures['health_asked']}",
        "memory every 10 s, MiB": ", ".join(f"{mib:,.0f}" for mib in figures["memory_mib"]),
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


if __name__ == "__main__":
    main()
