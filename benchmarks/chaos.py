"""Random faults under steady load: failed requests and recovery times.

    python -m benchmarks.chaos --minutes 5 [--model M]     vLLM in the process of the service
    python -m benchmarks.chaos --minutes 3 --scripted      two scripted workers behind vllm-router

Requests have a deadline, and the seed draws the faults. A supervisor restarts every process that ended. The recovery
time is from the fault to the last request that failed before the next fault.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks import results
from benchmarks.supervised import Supervised
from tests.support.servers import add_engine

_SLACK_S = 3.0
_PAUSE_S = 4.0
# Unreachable: the service was restarting. Lost: the connection broke. Late: the deadline passed by over `_SLACK_S`.
_FAILED = {"503", "unreachable", "lost", "500", "late"}
_RESULTS = {"429": "rejected (429)", "503": "rejected (503)"}
_PROBLEM = "A pen costs {} dollars. How much do 7 pens cost in all, each at that price?"


@dataclass
class Fault:
    """One fault, in seconds from the start of the run."""

    name: str
    at_s: float
    until_s: float = 0.0


@dataclass
class Run:
    """Events of one run.

    Args:
        ended: result, end and duration in seconds of each request.
        faults: faults in order.
        said: error texts and their counts.
        began: monotonic time of the start.
    """

    ended: list[tuple[str, float, float]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)

    def now_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_engine(parser)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--rate", type=float, default=5.0, help="problems per second")
    parser.add_argument("--every", type=float, default=15.0, help="seconds between faults")
    parser.add_argument("--deadline", type=float, default=10.0, help="deadline of each problem in seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--logs", type=Path, help="empty directory for the logs of the servers")
    options = parser.parse_args()
    with nullcontext(options.logs) if options.logs else tempfile.TemporaryDirectory() as folder:
        figures = report(asyncio.run(chaos(options, Path(folder))), options.deadline)
    print(table(figures))
    if options.json:
        results.write(options.json, figures)


async def chaos(options: argparse.Namespace, folder: Path) -> Run:
    """Load and faults for `options.minutes` minutes."""
    system = await asyncio.to_thread(Supervised, options.model, folder, scripted=options.scripted)
    supervisor = asyncio.create_task(system.supervise())
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as session:
            run = Run()
            load = asyncio.create_task(_load(run, system, session, options))
            await _strike(run, system, session, options)
            await load
    finally:
        supervisor.cancel()
        await asyncio.gather(supervisor, return_exceptions=True)
        await asyncio.to_thread(system.close)
    return run


async def _strike(run: Run, system: Supervised, session: aiohttp.ClientSession, options: argparse.Namespace) -> None:
    """One fault after another in drawn order, every kind equally often."""
    chance = random.Random(options.seed)
    kinds = system.faults() | {
        "callers gone": lambda: _leave(run, system, session, options.deadline),
        "burst of 200": lambda: _burst(run, system, session, options.deadline),
    }
    order: list[str] = []
    while run.now_s() + options.every < 60 * options.minutes:
        await asyncio.sleep(_PAUSE_S)
        order = order or chance.sample(sorted(kinds), len(kinds))
        fault = Fault(order.pop(), run.now_s())
        run.faults.append(fault)
        await kinds[fault.name]()
        await asyncio.sleep(max(0.0, options.every - _PAUSE_S))
        fault.until_s = run.now_s() + _PAUSE_S


async def _load(run: Run, system: Supervised, session: aiohttp.ClientSession, options: argparse.Namespace) -> None:
    """Problems at a steady rate, independent of earlier results."""
    asking: set[asyncio.Task[None]] = set()
    number = 0
    while run.now_s() < 60 * options.minutes:
        number += 1
        asking.add(asyncio.create_task(_ask(run, system.url, session, number, options.deadline)))
        await asyncio.sleep(max(0.0, number / options.rate - run.now_s()))
    await asyncio.gather(*asking)


async def _ask(run: Run, url: str, session: aiohttp.ClientSession, number: int, deadline_s: float) -> None:
    body = {"problem": _PROBLEM.format(2 + number % 80), "seed": number, "deadline_s": deadline_s, "max_tokens": 64}
    began = time.monotonic()
    try:
        timeout = aiohttp.ClientTimeout(total=deadline_s + _SLACK_S)
        async with session.post(f"{url}/solve", json=body, timeout=timeout) as response:
            document = await response.json(content_type=None)
            result = "answered" if response.status == 200 else str(response.status)
            if result in _FAILED:
                run.said[document["detail"]] += 1
    except asyncio.CancelledError:
        result = "gone"
    except aiohttp.ClientConnectorError:
        result = "unreachable"
    except TimeoutError:
        result = "late"
    except (aiohttp.ClientError, ValueError):
        result = "lost"
    run.ended.append((result, run.now_s(), time.monotonic() - began))


async def _leave(run: Run, system: Supervised, session: aiohttp.ClientSession, deadline_s: float) -> None:
    """Twenty callers disconnect after 0.1 s."""
    callers = [asyncio.create_task(_ask(run, system.url, session, number, deadline_s)) for number in range(20)]
    await asyncio.sleep(0.1)
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers)


async def _burst(run: Run, system: Supervised, session: aiohttp.ClientSession, deadline_s: float) -> None:
    await asyncio.gather(*(_ask(run, system.url, session, number, deadline_s) for number in range(200)))


def report(run: Run, deadline_s: float) -> dict[str, Any]:
    """Results by name, the longest request, and the cost of each kind of fault.

    `longest_s` of a fault covers every request that ended between it and the next fault.
    """
    faults: dict[str, dict[str, Any]] = {}
    for name in sorted({fault.name for fault in run.faults}):
        happened = [fault for fault in run.faults if fault.name == name]
        failed, recovery, longest = Counter[str](), [], 0.0
        for fault in happened:
            during = [(r, at - fault.at_s, s) for r, at, s in run.ended if fault.at_s <= at < fault.until_s]
            failures = [(result, after) for result, after, _ in during if result in _FAILED]
            failed.update(result for result, _ in failures)
            recovery.append(round(max((after for _, after in failures), default=0.0), 1))
            longest = max([longest, *(seconds for *_, seconds in during)])
        faults[name] = {
            "times": len(happened),
            "failed": dict(failed),
            "recovery_s": recovery,
            "longest_s": round(longest, 1),
        }
    return {
        "requests": len(run.ended),
        "results": dict(Counter(result for result, _, _ in run.ended)),
        "longest_s": round(max(seconds for _, _, seconds in run.ended), 1),
        "deadline_s": deadline_s,
        "said": dict(run.said),
        "faults": faults,
    }


def table(figures: dict[str, Any]) -> str:
    """Markdown: the results of all requests, then one row per kind of fault."""
    results = sorted(figures["results"].items(), key=lambda item: (-item[1], item[0]))
    ended = ", ".join(f"{count:,} {_RESULTS.get(result, result)}" for result, count in results)
    lines = [
        f"{figures['requests']:,} requests with a deadline of {figures['deadline_s']:g} s: {ended}; the longest took "
        f"{figures['longest_s']:g} s.",
        "",
        "| fault | times | failed requests | recovery, s | longest request, s |",
        "|---|---:|---|---|---:|",
    ]
    for name, fault in figures["faults"].items():
        failed = ", ".join(f"{count} {result}" for result, count in sorted(fault["failed"].items())) or "none"
        recovery = ", ".join(f"{seconds:g}" for seconds in fault["recovery_s"])
        lines.append(f"| {name} | {fault['times']} | {failed} | {recovery} | {fault['longest_s']:g} |")
    return "\n".join([*lines, *(f"\n{count} said: {said}" for said, count in figures["said"].items())])


if __name__ == "__main__":
    main()
