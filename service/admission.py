"""Who may start: whole problems, first come first served, onto the engine's slots.

A problem is admitted while the engine has a free slot; it then holds a slot for each path that is sampled. A problem
that was admitted never waits for a slot: one more path of it is worth more than one more problem begun, and so every
admitted problem ends. The queue before that is bounded.
"""

import asyncio
import math
import time
from collections import deque
from types import TracebackType

from service.errors import EngineError, OverloadedError

_SMOOTHING = 0.2
"""How much the latest problem counts in the mean time of a problem."""


class Admission:
    """The engine's slots and the queue of those who wait for one.

    Args:
        slots: paths that the engine decodes at the same time.
        max_queue: problems that wait at most.
        idle_paths: paths of one problem up to which an idle engine runs some that its vote may not need; None is all.
    """

    def __init__(self, slots: int = 64, max_queue: int = 256, idle_paths: int | None = None) -> None:
        self._slots = slots
        self._idle_paths = slots if idle_paths is None else idle_paths
        self._max_queue = max_queue
        self._taken = 0
        self._active = 0
        self._queue: deque[tuple[int, asyncio.Future[Grant]]] = deque()
        self._problem_s = 1.0
        self._closed: EngineError | None = None

    @property
    def active(self) -> int:
        """Problems that are being solved."""
        return self._active

    @property
    def waiting(self) -> int:
        """Problems in the queue."""
        return len(self._queue)

    @property
    def share(self) -> int:
        """Free slots for each active problem; 0 while others wait."""
        return 0 if self._queue else (self._slots - self._taken) // max(self._active, 1)

    def require_room(self) -> None:
        """Return if one more problem could start or wait now.

        Raises:
            OverloadedError: the queue is full.
        """
        if not self._may_enter() and len(self._queue) >= self._max_queue:
            raise OverloadedError(
                f"{len(self._queue)} problems are waiting; no more are taken. Come back later.", self._retry_after_s()
            )

    async def enter(self, paths: int, timeout_s: float) -> "Grant | None":
        """Wait for one's turn, and take slots for the first paths.

        Args:
            paths: how many slots to take at once.
            timeout_s: how long to wait at most.

        Returns:
            The slots, to be used as a context manager; None if the time ran out.

        Raises:
            OverloadedError: the queue is full.
            EngineError: it is closed.
        """
        if self._closed:
            raise self._closed
        if self._may_enter():
            return self._grant(paths)
        self.require_room()
        turn: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        place = (paths, turn)
        self._queue.append(place)
        try:
            done, _ = await asyncio.wait({turn}, timeout=timeout_s)
        except asyncio.CancelledError:
            if turn.done():  # one's turn, or the end, came at the same moment
                if not turn.exception():
                    turn.result().__exit__(None, None, None)
            else:
                self._queue.remove(place)
            raise
        if done:
            return turn.result()
        self._queue.remove(place)
        return None

    def close(self, error: EngineError) -> None:
        """Let nobody in any more; who waits, and who comes, gets the error."""
        self._closed = error
        while self._queue:
            self._queue.popleft()[1].set_exception(error)

    def _may_enter(self) -> bool:
        return not self._queue and (self._taken < self._slots or not self._active)

    def _grant(self, paths: int) -> "Grant":
        self._active += 1
        self._taken += paths
        return Grant(self, paths)

    def _take(self, slots: int) -> None:
        self._taken += slots

    def _give(self, slots: int) -> None:
        """Take slots back, and let in who waits for them."""
        self._taken -= slots
        while self._queue and (self._taken < self._slots or not self._active):
            paths, turn = self._queue.popleft()
            turn.set_result(self._grant(paths))

    def _leave(self, slots: int, seconds: float) -> None:
        self._active -= 1
        self._problem_s += _SMOOTHING * (seconds - self._problem_s)
        self._give(slots)

    def _retry_after_s(self) -> float:
        """When the queue as it stands will have been served, and a second at least: nobody shall ask in a loop."""
        return max(1, math.ceil(len(self._queue) * self._problem_s / max(self._active, 1)))


class Grant:
    """One admitted problem's slots; leaving the context gives back all that it still holds."""

    def __init__(self, admission: Admission, reserved: int) -> None:
        self._admission = admission
        self._reserved = reserved
        self._running = 0
        self._entered = time.monotonic()
        self._left = False

    @property
    def share(self) -> int:
        """Paths that may start though the vote may not need them: of `Admission.share`, and of what this problem has
        reserved, as many as bring it to `idle_paths`.
        """
        return max(0, min(self._admission.share + self._reserved, self._admission._idle_paths - self._running))

    def start(self, paths: int) -> None:
        """So many paths begin; the reserved slots are used first."""
        reserved = min(paths, self._reserved)
        self._reserved -= reserved
        self._running += paths
        self._admission._take(paths - reserved)

    def end(self) -> None:
        """One path is no longer sampled."""
        if not self._left:
            self._running -= 1
            self._admission._give(1)

    def __enter__(self) -> "Grant":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = True
        self._admission._leave(self._reserved + self._running, time.monotonic() - self._entered)
