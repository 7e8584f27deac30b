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

from service.sandbox.base import Execution, LockState, Outcome
from service.sandbox.process_pool import CHILD_WAIT_S, ChildPool
from service.sandbox.wire import HEADER, decode, encode, frame
from service.sandbox.zygote import ZygoteConfig
from service.sandbox.zygote_client import Child

MAX_PROGRAM_BYTES = 64 * 1024
WALL_FACTOR = 5
"""Ratio of a program's wall-clock limit to its CPU time limit. The rest is time without a core."""
_REPLY_SLACK_BYTES = 4096  # outcome and escaped detail of a reply whose answer is short or missing
_MAX_ATTEMPTS = 2  # a program whose zygote died runs once more: the program is not the cause


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

    async def run(self, program: str) -> Execution:
        """Run one program. See `Sandbox.run`."""
        execution = await self._execute(program)
        self._observe(execution)
        return execution

    async def close(self) -> None:
        """Kill the running programs and wait until they have ended. Safe to call twice."""
        await self._children.close()

    async def _execute(self, program: str) -> Execution:
        try:
            source = program.encode()
        except UnicodeEncodeError:
            return Execution(Outcome.ERROR, None, "the program is not valid Unicode", 0.0)
        if len(source) > MAX_PROGRAM_BYTES:
            return Execution(Outcome.ERROR, None, f"the program is longer than {MAX_PROGRAM_BYTES} bytes", 0.0)
        for _ in range(_MAX_ATTEMPTS):
            execution = await self._run_in_child(source)
            if execution is not None:
                return execution
        return Execution(Outcome.CRASHED, None, "the sandbox's zygote died repeatedly during the run", 0.0)

    async def _run_in_child(self, source: bytes) -> Execution | None:
        """Run one program in one child. Returns None if the zygote died during the run."""
        child = await self._children.acquire()
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._wall_limit_s):
                reply = await self._exchange(child.pipe, source)
        except TimeoutError:
            seconds = time.perf_counter() - started
            return Execution(Outcome.TIMEOUT, None, f"no reply within {self._wall_limit_s:g} s", seconds)
        finally:
            self._children.release(child)
        seconds = time.perf_counter() - started
        return decode(reply, seconds) if reply is not None else await _execution_of_exit(child, seconds)

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


async def _execution_of_exit(child: Child, seconds: float) -> Execution | None:
    """Execution of a child that ended without a reply. None if its zygote ended too."""
    try:
        status = await asyncio.wait_for(child.status, CHILD_WAIT_S)
    except TimeoutError:
        return None
    if status is None:
        return None
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
