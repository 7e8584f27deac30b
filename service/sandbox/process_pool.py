"""Pool of ready sandbox processes, with zygote restart.

At most `workers` children are in use at a time. Waiting programs are served in order. A dead or hung zygote is
replaced, and a full queue raises `SandboxError`. `pool.py` exchanges programs and replies with the children.
"""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from service.errors import SandboxError
from service.sandbox.base import UNLOCKED, LockState
from service.sandbox.zygote import ZygoteConfig
from service.sandbox.zygote_client import Child, Zygote

CHILD_WAIT_S = 30.0
"""Maximum time for a due child or a due wait status. A zygote that takes longer counts as hung."""

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
        self._workers = workers
        self._max_queue = max_queue
        self._on_restart = on_restart
        self._zygote: Zygote | None = None
        self._restart: asyncio.Task[None] | None = None
        self._ready: deque[Child] = deque()
        self._waiting: deque[asyncio.Future[Child]] = deque()
        self._last_child_s = 0.0
        self._closed = False
        self.in_use = 0

    @property
    def lock(self) -> LockState:
        """Active layers of the zygote's kernel lock."""
        return self._zygote.lock if self._zygote else UNLOCKED

    @property
    def waiting(self) -> int:
        """Number of callers that wait for a child."""
        return len(self._waiting)

    async def start(self) -> None:
        """Start the first zygote.

        Raises:
            SandboxError: the zygote did not start, or cannot lock its children.
        """
        self._closed = False
        await self._start_zygote()

    async def acquire(self) -> Child:
        """Take a ready child. Every acquired child must be given back with `release`.

        Raises:
            SandboxError: the queue is full, or no zygote can be started.
        """
        self._require_zygote()
        if self.in_use < self._workers and (child := self._pop_ready()):
            self.in_use += 1
            return child
        if len(self._waiting) >= self._max_queue:
            raise SandboxError(f"the sandbox's queue is full: {self._max_queue} programs are waiting")
        turn: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            while not (await asyncio.wait({turn}, timeout=CHILD_WAIT_S))[0]:
                self._replace_zygote_if_hung()
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif turn.done() and not turn.exception():
                self.release(turn.result())
            raise
        return turn.result()

    def release(self, child: Child) -> None:
        """Give back a child after its one program. The zygote kills and replaces it."""
        self.in_use -= 1
        skip_warmup = bool(self._waiting) or not self._ready  # a warm-up would delay a waiting program
        # On the next turn of the loop, so that the caller gets its reply first.
        asyncio.get_running_loop().call_soon(partial(child.zygote.done, child, skip_warmup=skip_warmup))
        self._serve_waiting()

    async def close(self) -> None:
        """Kill the zygote and its children. Waiting callers get a `SandboxError`. Safe to call twice."""
        self._closed = True
        if self._restart is not None:
            self._restart.cancel()
            with suppress(asyncio.CancelledError):
                await self._restart
            self._restart = None
        if self._zygote is not None:
            self._zygote.kill()
        self._drop_ready()
        self._fail_waiting("the sandbox is closed")

    def _pop_ready(self) -> Child | None:
        while self._ready:
            child = self._ready.popleft()
            if _is_idle(child.pipe):
                return child
            child.zygote.done(child)
        return None

    def _serve_waiting(self) -> None:
        while self._waiting and self.in_use < self._workers:
            if self._waiting[0].done():
                self._waiting.popleft()
            elif child := self._pop_ready():
                self.in_use += 1
                self._waiting.popleft().set_result(child)
            else:
                return

    def _add_child(self, child: Child) -> None:
        self._ready.append(child)
        self._last_child_s = time.monotonic()
        self._serve_waiting()

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
        self._last_child_s = time.monotonic()  # the first child may take as long as any other
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
        self._fail_waiting(reason)

    def _require_zygote(self) -> None:
        """Raise `SandboxError` if there is no zygote and none is being started. Later callers get a new attempt."""
        if self._closed or self._zygote is None:
            raise SandboxError("the sandbox is not running")
        if not self._zygote.alive and (self._restart is None or self._restart.done()):
            self._restart = asyncio.get_running_loop().create_task(self._restart_zygote())
            raise SandboxError("the sandbox cannot run programs now: its zygote died and could not be started again")

    def _replace_zygote_if_hung(self) -> None:
        """Replace the zygote if a child has been due for too long."""
        due = self.in_use < self._workers and time.monotonic() - self._last_child_s > CHILD_WAIT_S
        if due and self._zygote is not None and self._zygote.alive:
            self._on_zygote_exit(self._zygote)

    def _drop_ready(self) -> None:
        for child in self._ready:
            child.pipe.close()
        self._ready.clear()

    def _fail_waiting(self, reason: str) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(SandboxError(reason))


def _is_idle(pipe: socket.socket) -> bool:
    """Whether the child at the other end is connected and has sent nothing yet."""
    try:
        pipe.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
