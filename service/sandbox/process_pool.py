"""Pool of ready sandbox processes, with zygote restart.

At most `workers` children are in use at a time. `turns.py` chooses the waiting program that is next. A dead or hung
zygote is replaced. `pool.py` exchanges programs and replies with the children.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from service.errors import SandboxError
from service.fair_queue import Owner
from service.sandbox.base import UNLOCKED, LockState
from service.sandbox.turns import Lease, Turns
from service.sandbox.zygote import ZygoteConfig
from service.sandbox.zygote_client import Child, Zygote

CHILD_WAIT_S = 2.0
"""Maximum time for a due child. A zygote that takes longer counts as hung."""

_TICK_S = 0.1
_MAX_RESTARTS = 3
_RESTART_PAUSE_S = 0.2


class ChildPool:
    """Children of one zygote at a time.

    Args:
        config: configuration of each zygote.
        workers: maximum number of children in use.
        max_queue: maximum number of waiting callers.
        on_restart: called whenever a dead zygote has been replaced.
    """

    def __init__(self, config: ZygoteConfig, *, workers: int, max_queue: int, on_restart: Callable[[], None]) -> None:
        self._config = config
        self._on_restart = on_restart
        self._zygote: Zygote | None = None
        self._restart: asyncio.Task[None] | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._ready: deque[Child] = deque()
        self._turns = Turns(workers, max_queue)
        self._closed = False

    @property
    def lock(self) -> LockState:
        """Active layers of the zygote's kernel lock."""
        return self._zygote.lock if self._zygote else UNLOCKED

    @property
    def in_use(self) -> int:
        """Number of children that run a program."""
        return self._turns.in_use

    @property
    def waiting(self) -> int:
        """Number of programs that wait for a child."""
        return self._turns.waiting

    async def start(self) -> None:
        """Start the first zygote.

        Raises:
            SandboxError: the zygote did not start, or cannot lock its children.
        """
        self._closed = False
        await self._start_zygote()
        self._watchdog = asyncio.create_task(self._watch())

    async def acquire(self, owner: Owner) -> Lease:
        """Take a ready child. Every lease must be given back with `release`.

        Args:
            owner: owner of the program.

        Raises:
            SandboxError: the queue is full, or no zygote can be started.
        """
        self._require_zygote()
        if self._turns.has_free_worker and (child := self._pop_ready()):
            return self._turns.start(owner, child)
        turn = self._turns.add(owner)
        self._turns.interrupt_excess()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and not turn.exception():
                self.release(turn.result())
            self._turns.remove(owner, turn)
            raise

    def release(self, lease: Lease) -> None:
        """Give back a child after its one program. The zygote kills and replaces it."""
        self._turns.end(lease)
        skip_warmup = bool(self._turns.waiting) or not self._ready  # a warm-up would delay a waiting program
        zygote = lease.child.zygote
        # On the next turn of the loop, so that the caller gets its reply first.
        asyncio.get_running_loop().call_soon(partial(zygote.done, lease.child, skip_warmup=skip_warmup))
        self._serve_waiting()

    async def close(self) -> None:
        """Kill the zygote and its children. Waiting callers get a `SandboxError`. Safe to call twice."""
        self._closed = True
        for task in (self._watchdog, self._restart):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._watchdog = self._restart = None
        if self._zygote is not None:
            self._zygote.kill()
        self._drop_ready()
        self._turns.fail_waiting("the sandbox is closed")

    def _pop_ready(self) -> Child | None:
        while self._ready:
            child = self._ready.popleft()
            if _is_idle(child.pipe):
                return child
            child.zygote.done(child)
        return None

    def _serve_waiting(self) -> None:
        while self._turns.waiting and self._turns.has_free_worker and (child := self._pop_ready()):
            if not self._turns.start_next(child):
                self._ready.appendleft(child)
        self._turns.interrupt_excess()

    def _add_child(self, child: Child) -> None:
        self._ready.append(child)
        self._serve_waiting()

    async def _watch(self) -> None:
        """Replace a zygote that owes a child for too long, and interrupt programs, as long as the pool runs."""
        seen: object = None
        ticks = 0  # not the clock: a zygote is not hung because this event loop was busy
        while True:
            await asyncio.sleep(_TICK_S)
            self._turns.interrupt_excess()
            zygote = self._zygote
            if zygote is None or not zygote.alive or not zygote.owed:
                seen = None
                continue
            ticks = ticks + 1 if seen == (zygote, zygote.arrived) else 0
            seen = zygote, zygote.arrived
            if ticks * _TICK_S >= CHILD_WAIT_S:
                self._on_zygote_exit(zygote)

    async def _start_zygote(self) -> None:
        zygote = Zygote(self._config, self._add_child, self._on_zygote_exit)
        await zygote.start()
        if not zygote.lock.seccomp and not self._config.allow_unlocked:
            zygote.kill()
            self._drop_ready()
            raise SandboxError(
                "seccomp is not available on this kernel, so programs cannot be contained; "
                "set allow_unlocked_sandbox to run them with the rights of their process"
            )
        if not zygote.alive:
            raise SandboxError("the sandbox's zygote exited during its start")
        self._zygote = zygote
        self._serve_waiting()

    def _on_zygote_exit(self, zygote: Zygote) -> None:
        """Replace a zygote that died. Its children died with it."""
        if self._closed or zygote is not self._zygote:
            return
        zygote.kill()
        self._drop_ready()
        self._restart = asyncio.get_running_loop().create_task(self._restart_zygote())

    async def _restart_zygote(self) -> None:
        reason = ""
        for attempt in range(_MAX_RESTARTS):
            await asyncio.sleep(_RESTART_PAUSE_S * attempt)
            try:
                await self._start_zygote()
            except SandboxError as error:
                reason = str(error)
            else:
                self._on_restart()
                return
        self._turns.fail_waiting(reason)

    def _require_zygote(self) -> None:
        """Raise `SandboxError` if there is no zygote and none is being started. Later callers get a new attempt."""
        if self._closed or self._zygote is None:
            raise SandboxError("the sandbox is not running")
        if not self._zygote.alive and (self._restart is None or self._restart.done()):
            self._restart = asyncio.get_running_loop().create_task(self._restart_zygote())
            raise SandboxError("the sandbox cannot run programs now: its zygote died and could not be started again")

    def _drop_ready(self) -> None:
        for child in self._ready:
            child.pipe.close()
        self._ready.clear()


def _is_idle(pipe: socket.socket) -> bool:
    """Whether the child at the other end is connected and has sent nothing yet."""
    try:
        pipe.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
