"""Growth of memory, descriptors, processes and latency under sustained load.

    python -m benchmarks.soak --minutes 10 [--model M]     vLLM in the process of the service
    python -m benchmarks.soak --minutes 10 --scripted      scripted engine

Problems arrive at `--share` of the measured capacity. Growth compares the second and the last quarter of the samples.
At the end a new service gets the same problems by turns: it separates ageing from a change of the machine's speed.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from benchmarks import results
from benchmarks.capacity import measure_capacity, request, serving
from benchmarks.load import latency
from tests.support.servers import Server, add_engine

_CAPACITY_S = 20.0
_TURNS = ("aged", "fresh", "fresh", "aged") * 2
_TURN_S, _TURN_WARM_UP_S = 40.0, 10.0
_SHOWN = {
    "memory_mib": "memory, MiB",
    "descriptors": "descriptors",
    "processes": "processes",
    "p50_s": "p50, s",
    "p95_s": "p95, s",
}


@dataclass(frozen=True)
class Sample:
    """One sample: all processes of the service, and the latency since the previous sample."""

    at_s: float
    memory_mib: float
    descriptors: int
    processes: int
    p50_s: float
    p95_s: float


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_engine(parser)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--share", type=float, default=0.8, help="share of the capacity")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between samples")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(options.model, Path(folder), scripted=options.scripted) as server,
    ):
        server.await_health()
        capacity = measure_capacity(server.url, _CAPACITY_S)
        rate = options.share * capacity
        samples, counts = asyncio.run(soak(server, rate, 60 * options.minutes, options.every))
        with serving(options.model, Path(folder), scripted=options.scripted) as fresh:
            fresh.await_health()
            turns = asyncio.run(by_turns({"aged": server, "fresh": fresh}, rate))
    figures = {
        "minutes": options.minutes,
        "capacity_per_s": round(capacity, 2),
        "rate_per_s": round(rate, 2),
        "requests": counts,
        "samples": [asdict(sample) for sample in samples],
        "turns": turns,
    }
    print(table(figures))
    if options.json:
        results.write(options.json, figures)


async def soak(server: Server, rate: float, seconds: float, every_s: float) -> tuple[list[Sample], dict[str, int]]:
    """Samples under load for `seconds` seconds, and the number of requests by status."""
    took: list[float] = []
    counts = Counter[str]()
    samples: list[Sample] = []
    began = time.monotonic()

    def answered(_: float, took_s: float, status: int) -> None:
        counts[str(status)] += 1
        took.append(took_s)

    async def watch() -> None:
        while True:
            await asyncio.sleep(every_s)
            figures = {name: round(value, 3) for name, value in latency(took or [0.0]).items()}
            took.clear()
            memory_mib, descriptors, processes = await asyncio.to_thread(held, server)
            at_s = round(time.monotonic() - began, 1)
            samples.append(Sample(at_s, memory_mib, descriptors, processes, figures["p50_s"], figures["p95_s"]))

    watching = asyncio.create_task(watch())
    await load(server.url, rate, seconds, answered)
    watching.cancel()
    return samples, dict(counts)


async def by_turns(servers: dict[str, Server], rate: float) -> list[dict[str, Any]]:
    """The same load on the services of `_TURNS` in order: requests by status, and latency after the warm-up."""
    turns: list[dict[str, Any]] = []
    for name in _TURNS:
        took: list[float] = []
        counts = Counter[str]()

        def answered(asked_s: float, took_s: float, status: int, took: list[float], counts: Counter[str]) -> None:
            counts[str(status)] += 1
            if asked_s > _TURN_WARM_UP_S:
                took.append(took_s)

        await load(servers[name].url, rate, _TURN_S, partial(answered, took=took, counts=counts))
        figures = {key: round(value, 3) for key, value in latency(took).items()}
        turns.append({"service": name, "requests": dict(counts)} | figures)
    return turns


async def load(url: str, rate: float, seconds: float, answered: Callable[[float, float, int], None]) -> None:
    """Evenly spaced problems.

    Args:
        url: URL of the service.
        rate: problems per second.
        seconds: length of the load.
        answered: called with start and duration in seconds, and the status, of each request.

    Raises:
        ExceptionGroup: a request got no answer.
    """
    began = time.monotonic()

    async def ask(number: int) -> None:
        asked = time.monotonic()
        async with session.post(f"{url}/solve", json=request(number)) as response:
            await response.read()
            answered(asked - began, time.monotonic() - asked, response.status)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session, asyncio.TaskGroup() as asking:
        number = 0
        while time.monotonic() - began < seconds:
            number += 1
            asking.create_task(ask(number))
            await asyncio.sleep(max(0.0, number / rate - (time.monotonic() - began)))


def held(server: Server) -> tuple[float, int, int]:
    """Memory in MiB, number of descriptors and number of processes of the service and its children."""
    descriptors = processes = 0
    for member in server.family():
        with suppress(psutil.NoSuchProcess):  # a sandbox child may end meanwhile
            descriptors += member.num_fds()
            processes += 1
    return round(server.memory_bytes() / 1024**2, 1), descriptors, processes


def table(figures: dict[str, Any]) -> str:
    """Markdown: medians of the second and the last quarter, change and maximum of each quantity.

    The last line compares the service with a new one, on the medians of their turns.
    """
    samples, counts = figures["samples"], figures["requests"]
    quarter = max(1, len(samples) // 4)
    said = ", ".join(f"{count:,} answered {status}" for status, count in sorted(counts.items()))
    lines = [
        f"{figures['minutes']:g} minutes at {figures['rate_per_s']:.1f} problems/s, "
        f"{figures['rate_per_s'] / figures['capacity_per_s']:.0%} of capacity: {said}.",
        "",
        "| | second quarter | last quarter | change | most |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, title in _SHOWN.items():
        values = [sample[name] for sample in samples]
        early, late = statistics.median(values[quarter : 2 * quarter] or values), statistics.median(values[-quarter:])
        change = f"{(late - early) / early:+.1%}" if early else "0"
        cells = [f"{value:,.0f}" if value >= 1000 else f"{value:.4g}" for value in (early, late, max(values))]
        lines.append(f"| {title} | {cells[0]} | {cells[1]} | {change} | {cells[2]} |")
    return "\n".join([*lines, "", _aged(figures["turns"])])


def _aged(turns: list[dict[str, Any]]) -> str:
    """Comparison with the new service, without the first turn of each, which is slower."""
    said = []
    for name in ("p50_s", "p95_s"):
        of = {who: [turn[name] for turn in turns if turn["service"] == who][1:] for who in ("aged", "fresh")}
        ratio = statistics.median(of["aged"]) / statistics.median(of["fresh"])
        aged, fresh = (results.spread(of[who], ".2f") for who in ("aged", "fresh"))
        said.append(f"{_SHOWN[name]}: {aged} beside {fresh}, {ratio:.2f} times")
    return f"Then by turns, {len(turns) // 2 - 1} each, with a service started at the end: {'; '.join(said)}."


def plot(figures: dict[str, Any], path: Path) -> None:
    """Every quantity over time, one below the other."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(_SHOWN), 1, sharex=True, figsize=(8, 8))
    minutes = [sample["at_s"] / 60 for sample in figures["samples"]]
    for axis, (name, title) in zip(axes, _SHOWN.items(), strict=True):
        axis.plot(minutes, [sample[name] for sample in figures["samples"]])
        axis.set_ylabel(title)
        axis.set_ylim(0, 1.15 * max(sample[name] for sample in figures["samples"]))
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
