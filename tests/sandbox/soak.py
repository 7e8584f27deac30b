"""Soak test: many programs, a tenth of them hostile, and samples of the processes' resources. Also a command:

    python -m tests.sandbox.soak [PROGRAMS]

prints 20 rows with memory, descriptors and processes of service and zygote, the lag of the event loop, and the time of a
benign program.
"""

import asyncio
import itertools
import random
import resource
import statistics
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from service.sandbox.pool import SandboxPool
from tests.sandbox.attacks.run import CORPUS
from tests.sandbox.processes import children_of, descriptors_of, status_of, zygote_pid

TIMEOUT_S = 0.25
_HOSTILE = [attack.program for attacks in CORPUS.values() for attack in attacks]


@dataclass(frozen=True)
class Sample:
    """State after a number of programs. Sizes are in KiB, times in milliseconds."""

    programs: int
    service_kib: int
    zygote_kib: int
    service_descriptors: int
    zygote_descriptors: int
    processes: int
    restarts: int
    loop_lag_ms: float
    benign_ms: float


async def soak(programs: int, *, policy: bool = True, samples: int = 20) -> list[Sample]:
    """Run the programs, two at a time while two more wait. Raises `AssertionError` on a wrong answer."""
    restarts: list[float] = []
    pool = SandboxPool(
        workers=2,
        timeout_s=TIMEOUT_S,
        memory_bytes=64 << 20,
        output_bytes=16384,
        max_queue=100,
        policy=policy,
        on_restart=lambda: restarts.append(time.monotonic()),
    )
    await pool.start()
    rng = random.Random(programs)
    numbers = iter(range(programs))
    benign_ms: deque[float] = deque(maxlen=1000)
    finished = 0
    lags_ms: list[float] = []

    async def work() -> None:
        nonlocal finished
        for number in numbers:
            finished += 1
            if rng.random() < 0.1:
                await pool.run(rng.choice(_HOSTILE))
                continue
            execution = await pool.run(f"x = {number}\ndef solution():\n    return x * 2\n")
            assert execution.value == 2 * number, execution
            benign_ms.append(execution.seconds * 1000)

    async def watch_loop() -> None:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.01)
            lags_ms.append((time.perf_counter() - started) * 1000 - 10)

    workers = [asyncio.create_task(work()) for _ in range(4)]
    watch = asyncio.create_task(watch_loop())
    curve = []
    for step in itertools.count(1):
        due = programs * step // samples
        while finished < due and not all(worker.done() for worker in workers):
            await asyncio.sleep(0.02)
        if step == samples:
            await asyncio.gather(*workers)
        curve.append(_sample(pool, due, len(restarts), lags_ms, list(benign_ms)))
        lags_ms.clear()
        if step == samples:
            break
    watch.cancel()
    await pool.close()
    return curve


def _sample(pool: SandboxPool, programs: int, restarts: int, lags_ms: list[float], benign_ms: list[float]) -> Sample:
    zygote = zygote_pid(pool)
    return Sample(
        programs=programs,
        service_kib=int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024,
        zygote_kib=int(status_of(zygote)["VmRSS"].split()[0]),
        service_descriptors=len(descriptors_of_self()),
        zygote_descriptors=len(descriptors_of(zygote)),
        processes=len(children_of(zygote)),
        restarts=restarts,
        loop_lag_ms=round(statistics.median(lags_ms or [0.0]), 2),
        benign_ms=round(statistics.median(benign_ms or [0.0]), 2),
    )


def descriptors_of_self() -> list[str]:
    """Open descriptors of this process."""
    return [path.name for path in Path("/proc/self/fd").iterdir()]


def main(programs: int) -> None:
    """Run the soak test and print the samples."""
    started = time.perf_counter()
    curve = asyncio.run(soak(programs))
    names = list(Sample.__dataclass_fields__)
    print("| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
    for sample in curve:
        print("| " + " | ".join(str(getattr(sample, name)) for name in names) + " |")
    print(f"\n{programs} programs in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
