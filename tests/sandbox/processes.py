"""State of the sandbox's processes, from /proc."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from service.sandbox.pool import SandboxPool


def zygote_pid(pool: SandboxPool) -> int:
    """Process id of the pool's zygote."""
    zygote = pool._children._zygote
    assert zygote is not None
    assert zygote.pid is not None
    return zygote.pid


def children_of(pid: int) -> list[int]:
    """Process ids of its children, oldest first."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def ready_children(pool: SandboxPool) -> list[int]:
    """Process ids of the ready children of an idle pool, once all wait for a program and the used ones are gone."""
    full = pool._children._config.max_children
    while True:
        pids = children_of(zygote_pid(pool))
        if len(pool._children._ready) == len(pids) == full and all(map(_sleeps, pids)):
            return pids
        await asyncio.sleep(0.01)


@asynccontextmanager
async def stopped_children(pool: SandboxPool) -> AsyncIterator[None]:
    """Stops the ready children inside the block, as if a busy machine gave them no core."""
    pids = await ready_children(pool)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def status_of(pid: int) -> dict[str, str]:
    """Fields of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def descriptors_of(pid: int) -> dict[int, str]:
    """Targets of its open descriptors, without those that it closes meanwhile."""
    found = {}
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found[int(path.name)] = str(path.readlink())
    return found


def limits_of(pid: int) -> dict[str, list[str]]:
    """Soft and hard resource limits."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return {line[:26].strip(): line[26:].split()[:2] for line in lines}


def survivors(pids: list[int], wait_s: float = 2.0) -> list[int]:
    """Processes that still run after the wait."""
    end = time.monotonic() + wait_s
    while (left := [pid for pid in pids if _is_running(pid)]) and time.monotonic() < end:
        time.sleep(0.01)
    return left


def _sleeps(pid: int) -> bool:
    """Whether a process waits. A new child is reported before it is locked."""
    try:
        return status_of(pid)["State"].startswith("S")
    except FileNotFoundError:
        return False


def _is_running(pid: int) -> bool:
    try:
        return not status_of(pid)["State"].startswith(
            "Z"
        )  # a zombie: it ended, and its new parent has not reaped it yet
    except FileNotFoundError:
        return False
