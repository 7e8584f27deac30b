"""Sandbox pool: runs each program in a locked process of its own.

Every program ends with an outcome by its deadline, and no two programs share a process. `run` takes a ready child,
sends it the program and waits for one reply. The child is then killed, reaped and replaced.
"""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from enum import Enum, auto

from service.fair_queue import Owner
from service.sandbox.base import ANYONE, Execution, LockState, Outcome
from service.sandbox.process_pool import ChildPool
from service.sandbox.wire import HEADER, decode, encode, frame
from service.sandbox.zygote import ZygoteConfig
from service.sandbox.zygote_client import Child

MAX_PROGRAM_BYTES = 64 * 1024
WALL_FACTOR = 5
"""Ratio of a program's wall-clock limit to its CPU time limit. The rest is time without a core."""
_REPLY_SLACK_BYTES = 4096  # outcome and escaped detail of a reply whose answer is short or missing
_MAX_ATTEMPTS = 2  # a program whose zygote died runs once more: the program is not the cause
_MAX_TIMEOUTS = 2
"""Timeouts of a problem, after which its other programs have only a part of the time."""
_PART_OF_TIME = 0.1
_MAX_REMEMBERED = 4096  # problems with timeouts


class _Lost(Enum):
    """Reason why a run of a program has no result."""

    INTERRUPTED = auto()
    ZYGOTE_DIED = auto()


class SandboxPool:
    """Pool of locked processes, an implementation of `Sandbox`.

    Args:
        workers: maximum number of running programs. The same number of further children is kept ready.
        timeout_s: CPU time limit of a program. The wall-clock limit is `WALL_FACTOR` times as long.
        memory_bytes: address space that a program may add to its process. All children together are bounded by twice
            `workers` times this.
        output_bytes: maximum length of a program's output, and of its answer.
        policy: whether the language policy applies on top of the kernel lock.
        allow_unlocked: whether programs may run on a kernel without seccomp. Then nothing contains a program that
            escapes the policy: it acts with the rights of its process.
        max_queue: maximum number of programs that wait for a child.
        observe: called with every execution.
        on_restart: called whenever a dead zygote has been replaced.
        libraries: whether programs may use numpy and sympy. The processes are larger then.
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
        observe: Callable[[Execution], None] = lambda execution: None,
        on_restart: Callable[[], None] = lambda: None,
        libraries: bool = False,
    ) -> None:
        self._wall_limit_s = WALL_FACTOR * timeout_s
        self._short_limit_s = _PART_OF_TIME * timeout_s
        self._timeouts: dict[Owner, int] = {}
        self._max_reply_bytes = output_bytes + _REPLY_SLACK_BYTES
        self._observe = observe
        config = ZygoteConfig(
            channel_fd=-1,
            parent_pid=-1,
            max_children=2 * workers,
            memory_bytes=memory_bytes,
            output_bytes=output_bytes,
            cpu_s=timeout_s,
            policy=policy,
            allow_unlocked=allow_unlocked,
            libraries=libraries,
        )
        self._children = ChildPool(config, workers=workers, max_queue=max_queue, on_restart=on_restart)

    @property
    def lock(self) -> LockState:
        """Active layers of the kernel lock. All are off before `start`."""
        return self._children.lock

    @property
    def running(self) -> int:
        """Number of programs that run now."""
        return self._children.in_use

    @property
    def queued(self) -> int:
        """Number of programs that wait for a child."""
        return self._children.waiting

    async def start(self) -> None:
        """Start the processes.

        Raises:
            SandboxError: the processes did not start, or cannot be locked.
        """
        await self._children.start()

    async def run(self, program: str, owner: Owner = ANYONE) -> Execution:
        """Run one program. See `Sandbox.run`."""
        execution = await self._execute(program, owner)
        if execution.outcome is Outcome.TIMEOUT and owner.problem:
            self._timeouts[owner] = self._timeouts.pop(owner, 0) + 1
            if len(self._timeouts) > _MAX_REMEMBERED:
                del self._timeouts[next(iter(self._timeouts))]
        self._observe(execution)
        return execution

    async def close(self) -> None:
        """Kill the running programs and wait until they have ended. Safe to call twice."""
        await self._children.close()

    async def _execute(self, program: str, owner: Owner) -> Execution:
        try:
            source = program.encode()
        except UnicodeEncodeError:
            return Execution(Outcome.ERROR, None, "the program is not valid Unicode", 0.0)
        if len(source) > MAX_PROGRAM_BYTES:
            return Execution(Outcome.ERROR, None, f"the program is longer than {MAX_PROGRAM_BYTES} bytes", 0.0)
        spent_s, deaths = 0.0, 0
        while deaths < _MAX_ATTEMPTS:
            execution, spent_s = await self._run_in_child(source, owner, spent_s)
            if isinstance(execution, Execution):
                return execution
            deaths += execution is _Lost.ZYGOTE_DIED
        return Execution(Outcome.CRASHED, None, "the sandbox's zygote died repeatedly during the run", 0.0)

    async def _run_in_child(self, source: bytes, owner: Owner, spent_s: float) -> tuple[Execution | _Lost, float]:
        """Run one program in one child.

        Args:
            source: text of the program.
            owner: owner of the program.
            spent_s: seconds of the earlier runs of the program, which count against its time limit.

        Returns:
            Result of the run, and seconds of all runs.
        """
        lease = await self._children.acquire(owner)
        slow = self._timeouts.get(owner, 0) >= _MAX_TIMEOUTS
        limit_s = self._short_limit_s if slow else self._wall_limit_s
        started = time.perf_counter() - spent_s
        try:
            async with lease.timer(max(0.0, limit_s - spent_s)):
                reply = await self._exchange(lease.child.pipe, source)
        except TimeoutError:
            seconds = time.perf_counter() - started
            if lease.interrupted:
                return _Lost.INTERRUPTED, seconds
            detail = f"no reply within {limit_s:g} s" + slow * ", after timeouts of the problem's other programs"
            return Execution(Outcome.TIMEOUT, None, detail, seconds), seconds
        finally:
            self._children.release(lease)
        seconds = time.perf_counter() - started
        execution = await _execution_of_exit(lease.child, seconds) if reply is None else decode(reply, seconds)
        return execution, seconds

    async def _exchange(self, pipe: socket.socket, source: bytes) -> bytes | None:
        """Send the program and receive the body of its reply. None if the child ended before the reply did."""
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
                    return encode(Outcome.OUTPUT, "the reply is too long")
                if len(received) >= end:
                    return bytes(received[HEADER.size : end])
        except OSError:
            pass
        return None


async def _execution_of_exit(child: Child, seconds: float) -> Execution | _Lost:
    """Execution of a child that ended without a reply."""
    status = await child.status  # the pool's watchdog ends a zygote that does not report it
    if status is None:
        return _Lost.ZYGOTE_DIED
    if not os.WIFSIGNALED(status):
        return Execution(Outcome.CRASHED, None, "the process ended without a reply", seconds)
    number = os.WTERMSIG(status)
    outcome, detail = _SIGNAL_OUTCOMES.get(number, (Outcome.CRASHED, f"killed by signal {number}"))
    return Execution(outcome, None, detail, seconds)


_SIGNAL_OUTCOMES: dict[int, tuple[Outcome, str]] = {
    signal.SIGKILL: (Outcome.MEMORY, "killed by the kernel: out of memory"),
    signal.SIGPROF: (Outcome.TIMEOUT, "CPU time limit exceeded"),
    signal.SIGSYS: (Outcome.DENIED, "system call of another architecture"),
}
