"""The pool: runs each program in a locked process of its own.

It stands behind the solver: `run` takes a program and gives back an `Execution`. It promises an outcome for every
program, by the deadline, whatever the program does; that no two programs share a process; and that a reply is only
ever its own program's. It raises `SandboxError` alone, and only when no program could be run at all.

1. `zygote.py` keeps locked, warmed children waiting; `nursery.py` hands them over, each with a pipe of its own.
2. `run` takes the child that has waited longest, sends it the program and waits for one reply, to the deadline.
3. Whatever came of it, the child is killed, reaped and replaced.
"""

import asyncio
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import ceil

from service.errors import SandboxError
from service.sandbox.base import Execution, Outcome
from service.sandbox.lock import UNLOCKED, LockState
from service.sandbox.nursery import Child, Nursery
from service.sandbox.reply import HEADER, decode, encode, frame
from service.sandbox.zygote import ZygoteConfig

MAX_PROGRAM_BYTES = 64 * 1024
_REPLY_SLACK_BYTES = 1024  # an outcome and its detail, beside an answer of `output_bytes`
_ATTEMPTS = 2  # a program whose zygote died under it is run once more: that was not the program's doing
_RESTARTS = 3
_RESTART_PAUSE_S = 0.2
_CHILD_WAIT_S = 30.0


class SandboxPool:
    """A pool of locked processes; implements `Sandbox`.

    Args:
        workers: programs that run at the same time; as many further children wait, warm.
        timeout_s: wall-clock time a program may take.
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
        self._timeout_s = timeout_s
        self._max_reply_bytes = output_bytes + _REPLY_SLACK_BYTES
        self._max_queue = max_queue
        self._workers = workers
        self._allow_unlocked = allow_unlocked
        self._observe = observe
        self._config = ZygoteConfig(
            channel_fd=-1,
            parent_pid=-1,
            children=2 * workers,
            memory_bytes=memory_bytes,
            output_bytes=output_bytes,
            cpu_s=ceil(timeout_s) + 1,
            policy=policy,
            unlocked=allow_unlocked,
        )
        self._nursery: Nursery | None = None
        self._restart: asyncio.Task[None] | None = None
        self._ready: deque[Child] = deque()
        self._waiting: deque[asyncio.Future[Child]] = deque()
        self._running = 0
        self._last_child_s = 0.0
        self._closed = False
        self.restarts = 0

    @property
    def lock(self) -> LockState:
        """Which layers of the kernel lock are on; all off before `start`."""
        return self._nursery.lock if self._nursery else UNLOCKED

    @property
    def running(self) -> int:
        """Programs that run now."""
        return self._running

    @property
    def queued(self) -> int:
        """Programs that wait for a child now."""
        return len(self._waiting)

    async def start(self) -> None:
        """Start the zygote; raises `SandboxError` if it does not come up or cannot lock its children."""
        self._closed = False
        await self._start_nursery()

    async def run(self, program: str) -> Execution:
        """Run one program; see `Sandbox.run`."""
        execution = await self._execute(program)
        if self._observe is not None:
            self._observe(execution)
        return execution

    async def close(self) -> None:
        """Kill what runs and wait for it; safe to call twice."""
        self._closed = True
        if self._restart is not None:
            self._restart.cancel()
            with suppress(asyncio.CancelledError, SandboxError):
                await self._restart
            self._restart = None
        if self._nursery is not None:
            self._nursery.kill()
        self._drop_ready()
        self._fail_waiting("the sandbox is closed")

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
        child = await self._take_child()
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout_s):
                reply = await self._converse(child.pipe, source)
        except TimeoutError:
            return Execution(Outcome.TIMEOUT, None, f"it ran for {self._timeout_s:g} s", time.perf_counter() - started)
        finally:
            self._release(child)
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

    async def _take_child(self) -> Child:
        """A child that waits; counts as running from here on."""
        self._require_nursery()
        if self._running < self._workers and (child := self._pop_ready()):
            self._running += 1
            return child
        if len(self._waiting) >= self._max_queue:
            raise SandboxError(f"the sandbox's queue is full: {self._max_queue} programs wait")
        turn: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            while not (await asyncio.wait({turn}, timeout=_CHILD_WAIT_S))[0]:
                self._suspect_nursery()
        except asyncio.CancelledError:
            if turn.done() and not turn.exception():
                self._release(turn.result())
            turn.cancel()
            raise
        return turn.result()

    def _pop_ready(self) -> Child | None:
        while self._ready:
            child = self._ready.popleft()
            if _is_waiting(child.pipe):
                return child
            child.nursery.done(child)
        return None

    def _release(self, child: Child) -> None:
        self._running -= 1
        child.nursery.done(child)
        self._serve_waiting()

    def _serve_waiting(self) -> None:
        while self._waiting and self._running < self._workers:
            if self._waiting[0].done():
                self._waiting.popleft()
            elif child := self._pop_ready():
                self._running += 1
                self._waiting.popleft().set_result(child)
            else:
                return

    def _receive_child(self, child: Child) -> None:
        self._ready.append(child)
        self._last_child_s = time.monotonic()
        self._serve_waiting()

    async def _start_nursery(self) -> None:
        nursery = Nursery(self._config, self._receive_child, self._mourn)
        await nursery.start()
        if not nursery.lock.seccomp and not self._allow_unlocked:
            nursery.kill()
            self._drop_ready()
            raise SandboxError(
                "this kernel offers no seccomp, so programs could not be contained; "
                "allow_unlocked=True runs them all the same, with the rights of their process"
            )
        if not nursery.alive:
            raise SandboxError("the sandbox's zygote ended at its start")
        self._nursery = nursery
        self._serve_waiting()

    def _mourn(self, nursery: Nursery) -> None:
        """The zygote died: its children are dead too; start another."""
        if self._closed or nursery is not self._nursery:
            return
        nursery.kill()
        self._drop_ready()
        self._restart = asyncio.get_running_loop().create_task(self._revive())

    async def _revive(self) -> None:
        reason = ""
        for attempt in range(_RESTARTS):
            await asyncio.sleep(_RESTART_PAUSE_S * attempt)
            try:
                await self._start_nursery()
            except SandboxError as error:
                reason = str(error)
            else:
                self.restarts += 1
                return
        self._fail_waiting(reason)

    def _require_nursery(self) -> None:
        """Raise if there is no zygote and none is being started; then start one for those who come later."""
        if self._closed or self._nursery is None:
            raise SandboxError("the sandbox is not running")
        if not self._nursery.alive and (self._restart is None or self._restart.done()):
            self._restart = asyncio.get_running_loop().create_task(self._revive())
            raise SandboxError("the sandbox cannot run programs now: its zygote died and could not be started again")

    def _suspect_nursery(self) -> None:
        """Somebody has waited long. If a child is due and none has come, the zygote hangs: replace it."""
        due = self._running < self._workers and time.monotonic() - self._last_child_s > _CHILD_WAIT_S
        if due and self._nursery is not None and self._nursery.alive:
            self._mourn(self._nursery)

    def _drop_ready(self) -> None:
        for child in self._ready:
            child.pipe.close()
        self._ready.clear()

    def _fail_waiting(self, reason: str) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(SandboxError(reason))


def _is_waiting(pipe: socket.socket) -> bool:
    """Whether the child at the other end still waits in silence, as it should."""
    try:
        pipe.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


async def _post_mortem(child: Child, seconds: float) -> Execution | None:
    """What a child that ended without a reply died of; None if its zygote died with it."""
    try:
        status = await asyncio.wait_for(child.status, _CHILD_WAIT_S)
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
    signal.SIGXCPU: (Outcome.TIMEOUT, "it used up its CPU time"),
    signal.SIGSYS: (Outcome.DENIED, "it made a system call of another machine"),
}
