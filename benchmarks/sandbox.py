"""Latency and throughput of the sandbox and of alternatives.

    python -m benchmarks.sandbox [--programs N] [--repeat N] [--json FILE]

Latency is the median and 95th percentile of one program every 5 ms. Throughput is programs per second back to back on
one core and on two. Fork, exit and wait in the zygote are the lower limit of a single-use process. pebble and
pydantic-monty need `uv sync --group bench`.
"""

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks import results
from service.sandbox.pool import SandboxPool
from service.sandbox.wire import HEADER, decode, frame
from service.sandbox.zygote_client import _BOOT, _import_roots

PROGRAM = """
num_clips_april = 48
num_clips_may = num_clips_april / 2
total = num_clips_april + num_clips_may
ans = total
"""
ANSWER = 72
GAP_S = 0.005
_REUSED_WORKER = """
import sys; sys.path += sys.argv[2:]
import os
from service.sandbox.lock import lock_zygote
from service.sandbox.runner import Runner
from service.sandbox.seccomp import Seccomp
from service.sandbox.wire import frame
from service.sandbox.zygote import _read_program
runner = Runner(policy=True, output_bytes=16384)
lock_zygote(memory_bytes=256 << 20, parent_pid=os.getppid())
Seccomp().install()
while True:
    os.write(0, frame(runner.run(_read_program())))  # the lock allows descriptor 0 only
"""

Run = Callable[[str], Awaitable[object]]
Contender = Callable[[int], AbstractAsyncContextManager[Run]]
"""Starts a runner for a number of programs at the same time. The runner returns the answer of a program."""


def pool(policy: bool) -> Contender:
    """The sandbox pool of this project."""

    @asynccontextmanager
    async def start(workers: int) -> AsyncIterator[Run]:
        sandbox = SandboxPool(
            workers=workers, timeout_s=5, memory_bytes=256 << 20, output_bytes=16384, max_queue=1000, policy=policy
        )
        await sandbox.start()

        async def run(program: str) -> object:
            return (await sandbox.run(program)).value

        try:
            yield run
        finally:
            await sandbox.close()

    return start


@asynccontextmanager
async def reused_worker(workers: int) -> AsyncIterator[Run]:
    """Locked processes that each run one program after the other, so that programs can see each other's traces."""
    command = [sys.executable, "-s", "-S", "-P", "-B", "-c", _REUSED_WORKER, "", *_import_roots()]
    idle: asyncio.Queue[socket.socket] = asyncio.Queue()
    processes = []
    for _ in range(workers):
        ours, theirs = socket.socketpair()
        with theirs:
            processes.append(subprocess.Popen(command, stdin=theirs.fileno()))  # noqa: ASYNC220
        ours.setblocking(False)
        idle.put_nowait(ours)
    loop = asyncio.get_running_loop()

    async def run(program: str) -> object:
        pipe = await idle.get()
        await loop.sock_sendall(pipe, frame(program.encode()))
        reply = await loop.sock_recv(pipe, 65536)
        idle.put_nowait(pipe)
        return decode(reply[HEADER.size :], 0.0).value

    yield run
    for process in processes:
        process.kill()
        process.wait()
    while not idle.empty():
        idle.get_nowait().close()


def python_c(*options: str) -> Contender:
    """A new interpreter per program."""

    @asynccontextmanager
    async def start(workers: int) -> AsyncIterator[Run]:
        free = asyncio.Semaphore(workers)

        async def run(program: str) -> object:
            async with free:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, *options, "-c", f"{program}\nprint(ans)", stdout=subprocess.PIPE
                )
                return float((await process.communicate())[0])

        yield run

    return start


@asynccontextmanager
async def pebble_exec(workers: int) -> AsyncIterator[Run]:
    """`exec` in a pebble ProcessPool, unlocked and reused, as in ToRA and Qwen2.5-Math."""
    from pebble import ProcessPool

    with ProcessPool(max_workers=workers) as processes:

        async def run(program: str) -> object:
            future: Future[object] = processes.schedule(_exec, args=[program], timeout=5)
            return await asyncio.wrap_future(future)

        await run(PROGRAM)
        yield run


def _exec(program: str) -> object:
    namespace: dict[str, Any] = {}
    exec(program, namespace)
    return namespace["ans"]


@asynccontextmanager
async def monty(workers: int) -> AsyncIterator[Run]:
    """pydantic-monty: an interpreter in Rust for a part of Python, with a new session per program."""
    from pydantic_monty import AsyncMonty, ResourceLimits

    limits = ResourceLimits(max_feed_duration_secs=5, max_memory=256 << 20)
    async with AsyncMonty(min_processes=workers, max_processes=workers) as sandbox:

        async def run(program: str) -> object:
            async with sandbox.checkout(limits=limits) as session:
                return await session.feed_run(program + "\nans")

        yield run


CONTENDERS: dict[str, Contender] = {
    "this pool, policy and lock": pool(policy=True),
    "this pool, lock only": pool(policy=False),
    "reused locked worker": reused_worker,
    "pydantic-monty": monty,
    "pebble ProcessPool, plain exec": pebble_exec,
    "python -I -S -c": python_c("-I", "-S"),
    "python -c": python_c(),
}


async def latencies(contender: Contender, programs: int) -> list[float]:
    """Seconds of each program, with a gap of 5 ms between programs."""
    async with contender(1) as run:
        seconds = []
        for _ in range(programs + 20):
            await asyncio.sleep(GAP_S)
            started = time.perf_counter()
            answer = await run(PROGRAM)
            seconds.append(time.perf_counter() - started)
            assert answer == ANSWER, answer
        return seconds[20:]


async def throughput(contender: Contender, programs: int, cores: int) -> float:
    """Programs per second on `cores` cores: two at a time on each, and as many again waiting."""
    os.sched_setaffinity(0, range(cores))
    try:
        async with contender(2 * cores) as run:
            await asyncio.gather(*(run(PROGRAM) for _ in range(10)))
            left = iter(range(programs))

            async def work() -> None:
                for _ in left:
                    await run(PROGRAM)

            started = time.perf_counter()
            await asyncio.gather(*(work() for _ in range(4 * cores)))
            return programs / (time.perf_counter() - started)
    finally:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))


def floor_s(imports: str) -> float:
    """Median seconds of fork, exit and wait in a Python that has run `imports`."""
    code = f"""
import sys; sys.path += sys.argv[2:]
import os, time, gc
{imports}
gc.collect(); gc.freeze()
def cycle():
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return time.perf_counter() - started
print(sorted(cycle() for _ in range(500))[250])
"""
    command = [sys.executable, "-s", "-S", "-P", "-B", "-c", code, "", *_import_roots()]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


async def measure(contender: Contender, programs: int, repeat: int) -> dict[str, list[float]]:
    """Median and 95th percentile in µs, and programs per second on one and two cores, of each repetition."""
    medians, p95s, one, two = [], [], [], []
    for _ in range(repeat):
        seconds = sorted(await latencies(contender, programs))
        medians.append(statistics.median(seconds) * 1e6)
        p95s.append(seconds[int(0.95 * len(seconds))] * 1e6)
        one.append(await throughput(contender, programs, 1))
        two.append(await throughput(contender, programs, 2))
    return {"median_us": medians, "p95_us": p95s, "one_core_per_s": one, "two_cores_per_s": two}


def table(figures: dict[str, Any]) -> str:
    """Markdown: one row per contender, as median and range over the repetitions."""
    lines = ["| | median, µs | p95, µs | programs/s, 1 core | 2 cores |", "|---|---:|---:|---:|---:|"]
    for name, row in figures["contenders"].items():
        lines.append(f"| {name} | " + " | ".join(results.spread(values, ",.0f") for values in row.values()) + " |")
    floors = figures["fork_exit_wait_us"]
    lines += [
        "",
        f"Fork, exit and wait take {floors['zygote']:,.0f} µs of a core with the zygote's modules loaded, ",
    ]
    lines[-1] += f"{floors['bare']:,.0f} µs in a bare interpreter."
    return "\n".join(lines)


def main() -> None:
    """Measure every contender and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=400, help="number of programs per measurement")
    parser.add_argument("--repeat", type=int, default=3, help="number of measurements")
    parser.add_argument("--json", type=Path, help="result file")
    options = parser.parse_args()
    rows = {}
    for name, contender in CONTENDERS.items():
        programs = options.programs if "python" not in name else options.programs // 4
        try:
            rows[name] = asyncio.run(measure(contender, programs, options.repeat))
        except ImportError as error:
            print(f"{name} is not installed ({error.name}): uv sync --inexact --group bench", flush=True)
    imports = _BOOT.partition(";")[2].partition("; main")[0].replace("; ", "\n").strip()
    floors = {"zygote": floor_s(imports) * 1e6, "bare": floor_s("") * 1e6}
    figures = {"contenders": rows, "fork_exit_wait_us": floors}
    print(table(figures))
    if options.json:
        results.write(options.json, figures)


if __name__ == "__main__":
    main()
