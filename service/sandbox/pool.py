"""The pool: runs each program in a locked process of its own.

It stands behind the solver: `run` takes a program and gives back an `Execution`. It promises an outcome for every
program, by the deadline, whatever the program does; that no two programs share a process; and that a reply is only
ever its own program's. It raises `SandboxError` alone, and only when no program could be run at all.

1. `zygote.py` keeps locked, warmed children waiting; `supply.py` hands them over, each with a pipe of its own.
2. `run` takes the child that has waited longest, sends it the program and waits for one reply, to the deadline. The
   kernel counts the program's CPU time; the clock on the wall, which also runs while others are served, backs it up.
3. Whatever came of it, the child is killed, reaped and replaced.
"""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable

from service.sandbox.base import Execution, LockState, Outcome
from service.sandbox.process_pool import CHILD_WAIT_S, ChildPool
from service.sandbox.wire import HEADER, decode, encode, frame
from service.sandbox.zygote import ZygoteConfig
from service.sandbox.zygote_client import Child

MAX_PROGRAM_BYTES = 64 * 1024
WALL_FACTOR = 5
"""How much longer than its CPU time a program may take on the wall, where it waits for a core or its reply for us."""
_REPLY_SLACK_BYTES = 4096  # an outcome and its detail, escaped, where the answer is short or missing
_ATTEMPTS = 2  # a program whose zygote died under it is run once more: that was not the program's doing


class SandboxPool:
    """A pool of locked processes; implements `Sandbox`.

    Args:
        workers: programs that run at the same time; as many further children wait, warm.
        timeout_s: CPU time a program may take; on the wall `WALL_FACTOR` times as long, for a machine that is busy.
        memory_bytes: address space a program may add to its process. All children together are bounded by twice
            `workers` times this.
        output_bytes: what a program may print, and how long its answer may be.
        policy: whether the language policy applies on top of the kernel lock.
        allow_unlocked: run programs even where the kernel offers no seccomp. That gives the boundary up: a program
            that escapes the policy then acts with the rights of its process.
        max_queue: programs that may wait for a child.
        observe: called with every execution, for metrics.
    """

    def __init__(
        self,
        *,
        workers: int,
        timeout_s: float,
        memory_bytes: int,
        output_bytes: int,
        max_queue: int,
        policy: bool = True,
        allow_unlocked: bool = False,
        observe: Callable[[Execution], None] | None = None,
    ) -> None:
        self._wall_s = WALL_FACTOR * timeout_s
        self._max_reply_bytes = output_bytes + _REPLY_SLACK_BYTES
        self._observe = observe
        config = ZygoteConfig(
            channel_fd=-1,
            parent_pid=-1,
            children=2 * workers,
            memory_bytes=memory_bytes,
            output_bytes=output_bytes,
            cpu_s=timeout_s,
            policy=policy,
            unlocked=allow_unlocked,
        )
        self._supply = ChildPool(config, workers=workers, max_queue=max_queue)

    @property
    def lock(self) -> LockState:
        """Which layers of the kernel lock are on; all off before `start`."""
        return self._supply.lock

    @property
    def running(self) -> int:
        """Programs that run now."""
        return self._supply.out

    @property
    def queued(self) -> int:
        """Programs that wait for a child now."""
        return self._supply.waiting

    @property
    def restarts(self) -> int:
        """How often a dead zygote has been replaced."""
        return self._supply.restarts

    async def start(self) -> None:
        """Start the processes; raises `SandboxError` if they do not come up or cannot be locked."""
        await self._supply.start()

    async def run(self, program: str) -> Execution:
        """Run one program; see `Sandbox.run`."""
        execution = await self._execute(program)
        if self._observe is not None:
            self._observe(execution)
        return execution

    async def close(self) -> None:
        """Kill what runs and wait for it; safe to call twice."""
        await self._supply.close()

    async def _execute(self, program: str) -> Execution:
        try:
            source = program.encode()
        except UnicodeEncodeError:
            return Execution(Outcome.ERROR, None, "the program is no valid Unicode", 0.0)
        if len(source) > MAX_PROGRAM_BYTES:
            return Execution(Outcome.ERROR, None, f"the program is longer than {MAX_PROGRAM_BYTES} bytes", 0.0)
        for _ in range(_ATTEMPTS):
            execution = await self._attempt(source)
            if execution is not None:
                return execution
        return Execution(Outcome.CRASHED, None, "the sandbox's zygote died under the program, repeatedly", 0.0)

    async def _attempt(self, source: bytes) -> Execution | None:
        """One program in one child; None if the zygote died under it."""
        child = await self._supply.take()
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._wall_s):
                reply = await self._converse(child.pipe, source)
        except TimeoutError:
            seconds = time.perf_counter() - started
            return Execution(Outcome.TIMEOUT, None, f"it did not end within {self._wall_s:g} s", seconds)
        finally:
            self._supply.release(child)
        seconds = time.perf_counter() - started
        return decode(reply, seconds) if reply is not None else await _post_mortem(child, seconds)

    async def _converse(self, pipe: socket.socket, source: bytes) -> bytes | None:
        """Send the program and receive the reply's body; None if the child ended without a whole one."""
        loop = asyncio.get_running_loop()
        received = bytearray()
        try:
            await loop.sock_sendall(pipe, frame(source))
            while chunk := await loop.sock_recv(pipe, HEADER.size + self._max_reply_bytes):
                received += chunk
                if len(received) < HEADER.size:
                    continue
                end = HEADER.size + HEADER.unpack_from(received)[0]
                if end > HEADER.size + self._max_reply_bytes:
                    return encode(Outcome.OUTPUT, "its reply is too long")
                if len(received) >= end:
                    return bytes(received[HEADER.size : end])
        except OSError:
            pass
        return None


async def _post_mortem(child: Child, seconds: float) -> Execution | None:
    """What a child that ended without a reply died of; None if its zygote died with it."""
    try:
        status = await asyncio.wait_for(child.status, CHILD_WAIT_S)
    except TimeoutError:
        return None
    if status is None:
        return None
    if not os.WIFSIGNALED(status):
        return Execution(Outcome.CRASHED, None, "its process ended without a reply", seconds)
    number = os.WTERMSIG(status)
    outcome, detail = _DEATHS.get(number, (Outcome.CRASHED, f"killed by signal {number}"))
    return Execution(outcome, None, detail, seconds)


_DEATHS: dict[int, tuple[Outcome, str]] = {
    signal.SIGKILL: (Outcome.MEMORY, "killed by the kernel, which does so when memory runs out"),
    signal.SIGPROF: (Outcome.TIMEOUT, "it used up its CPU time"),
    signal.SIGSYS: (Outcome.DENIED, "it made a system call of another machine"),
}
