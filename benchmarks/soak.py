"""A service at a part of its capacity for minutes: whether memory, descriptors, processes or latency grow.

    python -m benchmarks.soak --minutes 10 --model DIR --plot docs/soak.png      vLLM in the service's process
    python -m benchmarks.soak --minutes 10                                       the scripted engine

Problems arrive at `--share` of the measured capacity, each whatever became of those before it. Every `--every` seconds
the service and all that it started are counted together. Growth is the difference between the medians of the last
quarter of the samples and of the second; the first is warm-up.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
import psutil

from benchmarks.load import latency
from benchmarks.overload import measure_capacity, serving
from benchmarks.servers import Server

_PROBLEM = "A pen costs {} dollars. How much do 7 pens cost in all, each at that price?"
_BODY = {"paths": {"cot": 2, "pot": 2}, "policy": "fixed", "max_tokens": 64}


@dataclass(frozen=True)
class Sample:
    """One look: the service's family together, and the problems that ended since the last one."""

    at_s: float
    rss_mib: float
    descriptors: int
    processes: int
    p50_s: float
    p95_s: float


def main() -> None:
    """Run, print the growth as JSON, and plot the curves where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a checkpoint for vLLM; none: the scripted engine")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--share", type=float, default=0.8, help="of the capacity")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two samples")
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--tokens-per-s", type=float, default=60.0, help="of each path of the scripted engine")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    options.queue = 256
    with tempfile.TemporaryDirectory() as folder, serving(options, Path(folder)) as server:
        server.await_health()
        capacity = measure_capacity(server.url, options.slots // 4 + 1, max(3.0, 6 * options.minutes))
        samples, results = asyncio.run(soak(server, options, options.share * capacity))
    if options.plot:
        plot(samples, options.plot)
    print(json.dumps({"capacity_per_s": round(capacity, 2), "results": results} | report(samples), indent=1))


async def soak(server: Server, options: argparse.Namespace, rate: float) -> tuple[list[Sample], dict[str, int]]:
    """Load and samples until the time is up."""
    seconds: list[float] = []
    results = Counter[str]()
    samples: list[Sample] = []
    began = time.monotonic()
    asking: set[asyncio.Task[None]] = set()

    async def ask(number: int) -> None:
        body = _BODY | {"problem": _PROBLEM.format(2 + number % 80), "seed": number}
        asked = time.monotonic()
        async with session.post(f"{server.url}/solve", json=body) as response:
            await response.read()
            results[str(response.status)] += 1
            seconds.append(time.monotonic() - asked)

    async def watch() -> None:
        while True:
            await asyncio.sleep(options.every)
            took = latency(seconds or [0.0])
            seconds.clear()
            samples.append(Sample(round(time.monotonic() - began, 1), *family(server), **took))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        watching = asyncio.create_task(watch())
        number = 0
        while time.monotonic() - began < 60 * options.minutes:
            number += 1
            task = asyncio.create_task(ask(number))
            asking.add(task)
            task.add_done_callback(asking.discard)
            await asyncio.sleep(max(0.0, number / rate - (time.monotonic() - began)))
        await asyncio.gather(*asking)
        watching.cancel()
    return samples, dict(results)


def family(server: Server) -> tuple[float, int, int]:
    """Memory in MiB, descriptors and processes of the service and all that it started.

    A program's process may end while it is looked at. What processes share is counted once for each of them.
    """
    rss, descriptors, processes = 0.0, 0, 0
    for member in [server.process, *server.process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            rss += member.memory_info().rss / 1024**2
            descriptors += member.num_fds()
            processes += 1
    return round(rss, 1), descriptors, processes


def report(samples: Sequence[Sample]) -> dict[str, object]:
    """By quantity: the median of the second quarter of the samples, that of the last, and the largest."""
    quarter = max(1, len(samples) // 4)
    rows = [asdict(sample) for sample in samples]
    found: dict[str, object] = {}
    for name in ("rss_mib", "descriptors", "processes", "p50_s", "p95_s"):
        values = [row[name] for row in rows]
        early, late = statistics.median(values[quarter : 2 * quarter] or values), statistics.median(values[-quarter:])
        found[name] = {"early": round(early, 3), "late": round(late, 3), "most": round(max(values), 3)}
    return found


def plot(samples: Sequence[Sample], path: Path) -> None:
    """The curves, one below the other."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = {"rss_mib": "memory, MiB", "descriptors": "descriptors", "processes": "processes", "p95_s": "p95, s"}
    figure, axes = plt.subplots(len(shown), 1, sharex=True, figsize=(8, 7))
    for axis, (name, title) in zip(axes, shown.items(), strict=True):
        axis.plot([sample.at_s / 60 for sample in samples], [getattr(sample, name) for sample in samples])
        axis.set_ylabel(title)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
