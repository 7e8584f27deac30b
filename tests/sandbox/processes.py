"""What /proc says of the sandbox's processes."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from service.sandbox.pool import SandboxPool


def zygote_pid(pool: SandboxPool) -> int:
    """The process id of the pool's zygote."""
    zygote = pool._supply._nursery
    assert zygote is not None
    assert zygote.pid is not None
    return zygote.pid


def children_of(pid: int) -> list[int]:
    """The process ids of its children, oldest first."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@asynccontextmanager
async def stopped_children(pool: SandboxPool) -> AsyncIterator[None]:
    """None of the children that wait gets a core meanwhile, as on a machine that is busy."""
    while len(pool._supply._ready) < pool._supply._config.children:
        await asyncio.sleep(0.01)
    pids = children_of(zygote_pid(pool))
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def status_of(pid: int) -> dict[str, str]:
    """/proc/PID/status, by field."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def descriptors_of(pid: int) -> dict[int, str]:
    """What its open descriptors lead to; one that it closes meanwhile is left out."""
    found = {}
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found[int(path.name)] = str(path.readlink())
    return found


def limits_of(pid: int) -> dict[str, list[str]]:
    """Its resource limits, soft and hard."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return {line[:26].strip(): line[26:].split()[:2] for line in lines}


def survivors(pids: list[int], wait_s: float = 2.0) -> list[int]:
    """Those that are still there after the wait."""
    end = time.monotonic() + wait_s
    while (left := [pid for pid in pids if _lives(pid)]) and time.monotonic() < end:
        time.sleep(0.01)
    return left


def _lives(pid: int) -> bool:
    try:
        return not status_of(pid)["State"].startswith("Z")  # dead; whoever adopted it has not looked yet
    except FileNotFoundError:
        return False
