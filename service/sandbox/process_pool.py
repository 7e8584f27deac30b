"""The supply of children: who gets the next one, who waits, and a new zygote when the old one dies.

It stands between the pool and the zygote. It promises that at most `workers` children are out at a time, that those
who wait are served in order, that none waits for a zygote that will not come, and that a queue that is full says so.
It does not talk to children; the pool does.
"""

import asyncio
import socket
import time
from collections import deque
from contextlib import suppress
from functools import partial

from service.errors import SandboxError
from service.sandbox.base import UNLOCKED, LockState
from service.sandbox.zygote import ZygoteConfig
from service.sandbox.zygote_client import Child, Zygote

CHILD_WAIT_S = 30.0
"""How long a zygote may owe a child or an answer before it counts as hung."""

_RESTARTS = 3
_RESTART_PAUSE_S = 0.2


class ChildPool:
    """Hands out children of one zygote at a time.

    Args:
        config: what to tell each zygote.
        workers: children that may be out at the same time.
        max_queue: how many may wait for one.
    """

    def __init__(self, config: ZygoteConfig, *, workers: int, max_queue: int) -> None:
        self._config = config
        self._workers = workers
        self._max_queue = max_queue
        self._nursery: Zygote | None = None
        self._restart: asyncio.Task[None] | None = None
        self._ready: deque[Child] = deque()
        self._waiting: deque[asyncio.Future[Child]] = deque()
        self._last_child_s = 0.0
        self._closed = False
        self.out = 0
        self.restarts = 0

    @property
    def lock(self) -> LockState:
        """Which layers of the lock the zygote has on."""
        return self._nursery.lock if self._nursery else UNLOCKED

    @property
    def waiting(self) -> int:
        """How many wait for a child."""
        return len(self._waiting)

    async def start(self) -> None:
        """Start the first zygote; raises `SandboxError` if it does not come up or cannot lock its children."""
        self._closed = False
        await self._start_zygote()

    async def take(self) -> Child:
        """A child that is ready; give it back with `release`.

        Raises:
            SandboxError: the queue is full, or there is no zygote and none can be started.
        """
        self._require_zygote()
        if self.out < self._workers and (child := self._pop_ready()):
            self.out += 1
            return child
        if len(self._waiting) >= self._max_queue:
            raise SandboxError(f"the sandbox's queue is full: {self._max_queue} programs wait")
        turn: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            while not (await asyncio.wait({turn}, timeout=CHILD_WAIT_S))[0]:
                self._suspect_zygote()
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif turn.done() and not turn.exception():
                self.release(turn.result())
            raise
        return turn.result()

    def release(self, child: Child) -> None:
        """The child has served; it is killed and replaced, right after whoever waits for its answer goes on."""
        self.out -= 1
        hurry = bool(self._waiting) or not self._ready  # to warm a child would keep a program waiting
        asyncio.get_running_loop().call_soon(partial(child.zygote.done, child, hurry=hurry))
        self._serve_waiting()

    async def close(self) -> None:
        """Kill the zygote and its children; who waits gets a `SandboxError`. Safe to call twice."""
        self._closed = True
        if self._restart is not None:
            self._restart.cancel()
            with suppress(asyncio.CancelledError):
                await self._restart
            self._restart = None
        if self._nursery is not None:
            self._nursery.kill()
        self._drop_ready()
        self._fail_waiting("the sandbox is closed")

    def _pop_ready(self) -> Child | None:
        while self._ready:
            child = self._ready.popleft()
            if _is_waiting(child.pipe):
                return child
            child.zygote.done(child)
        return None

    def _serve_waiting(self) -> None:
        while self._waiting and self.out < self._workers:
            if self._waiting[0].done():
                self._waiting.popleft()
            elif child := self._pop_ready():
                self.out += 1
                self._waiting.popleft().set_result(child)
            else:
                return

    def _receive_child(self, child: Child) -> None:
        self._ready.append(child)
        self._last_child_s = time.monotonic()
        self._serve_waiting()

    async def _start_zygote(self) -> None:
        zygote = Zygote(self._config, self._receive_child, self._on_zygote_exit)
        await zygote.start()
        if not zygote.lock.seccomp and not self._config.unlocked:
            zygote.kill()
            self._drop_ready()
            raise SandboxError(
                "this kernel offers no seccomp, so programs could not be contained; "
                "allow_unlocked=True runs them all the same, with the rights of their process"
            )
        if not zygote.alive:
            raise SandboxError("the sandbox's zygote ended at its start")
        self._nursery = zygote
        self._last_child_s = time.monotonic()  # the first may take as long as any other
        self._serve_waiting()

    def _on_zygote_exit(self, zygote: Zygote) -> None:
        """The zygote died: its children are dead too; start another."""
        if self._closed or zygote is not self._nursery:
            return
        zygote.kill()
        self._drop_ready()
        self._restart = asyncio.get_running_loop().create_task(self._restart_zygote())

    async def _restart_zygote(self) -> None:
        reason = ""
        for attempt in range(_RESTARTS):
            await asyncio.sleep(_RESTART_PAUSE_S * attempt)
            try:
                await self._start_zygote()
            except SandboxError as error:
                reason = str(error)
            else:
                self.restarts += 1
                return
        self._fail_waiting(reason)

    def _require_zygote(self) -> None:
        """Raise if there is no zygote and none is being started; then start one for those who come later."""
        if self._closed or self._nursery is None:
            raise SandboxError("the sandbox is not running")
        if not self._nursery.alive and (self._restart is None or self._restart.done()):
            self._restart = asyncio.get_running_loop().create_task(self._restart_zygote())
            raise SandboxError("the sandbox cannot run programs now: its zygote died and could not be started again")

    def _suspect_zygote(self) -> None:
        """Somebody has waited long. If a child is due and none has come, the zygote hangs: replace it."""
        due = self.out < self._workers and time.monotonic() - self._last_child_s > CHILD_WAIT_S
        if due and self._nursery is not None and self._nursery.alive:
            self._on_zygote_exit(self._nursery)

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
