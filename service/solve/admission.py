"""Admission control: a bounded queue in front of the engine's slots.

Whole problems are admitted, first come first served, while the engine has a free slot. An admitted problem never waits
for another slot, so every admitted problem ends.
"""

import asyncio
import math
import time
from collections import deque
from types import TracebackType

from service.errors import EngineError, OverloadedError
from service.solve.stopping import Load

_SMOOTHING = 0.2
"""Weight of the latest problem in the exponential moving average of the time per problem."""


class Admission:
    """Slots of the engine, and the queue of waiting problems.

    Args:
        slots: paths that the engine decodes at the same time.
        max_queue: maximum number of waiting problems.
        max_eager_paths: paths per problem that an idle engine may run ahead of need. Default: `slots`.
    """

    def __init__(self, slots: int = 64, max_queue: int = 256, max_eager_paths: int | None = None) -> None:
        self._slots = slots
        self._max_eager_paths = slots if max_eager_paths is None else max_eager_paths
        self._max_queue = max_queue
        self._taken = 0
        self._active = 0
        self._queue: deque[tuple[int, asyncio.Future[Slots]]] = deque()
        self._mean_problem_s = 1.0
        self._closed: EngineError | None = None

    @property
    def waiting(self) -> int:
        """Problems in the queue."""
        return len(self._queue)

    def require_room(self) -> None:
        """Check that one more problem can start or wait.

        Raises:
            OverloadedError: the queue is full.
        """
        if not self._can_admit_now() and len(self._queue) >= self._max_queue:
            raise OverloadedError(
                f"The queue is full: {len(self._queue)} problems are waiting. Retry later.", self._retry_after_s()
            )

    async def enter(self, paths: int, timeout_s: float) -> "Slots | None":
        """Wait for a free slot, then reserve slots for the first paths.

        Args:
            paths: number of slots to reserve.
            timeout_s: maximum wait in seconds.

        Returns:
            The slots, a context manager, or None if the time ran out.

        Raises:
            OverloadedError: the queue is full.
            EngineError: the admission is closed.
        """
        if self._closed:
            raise self._closed
        if self._can_admit_now():
            return self._admit(paths)
        self.require_room()
        turn: asyncio.Future[Slots] = asyncio.get_running_loop().create_future()
        place = (paths, turn)
        self._queue.append(place)
        try:
            done, _ = await asyncio.wait({turn}, timeout=timeout_s)
        except asyncio.CancelledError:
            if turn.done():  # admitted or refused in the same step of the event loop
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
        """Refuse all waiting and all further problems with `error`."""
        self._closed = error
        while self._queue:
            self._queue.popleft()[1].set_exception(error)

    def _can_admit_now(self) -> bool:
        return not self._queue and self._has_free_slot()

    def _has_free_slot(self) -> bool:
        return self._taken < self._slots or not self._active

    def _admit(self, paths: int) -> "Slots":
        self._active += 1
        self._taken += paths
        return Slots(self, paths)

    def _take(self, slots: int) -> None:
        self._taken += slots

    def _give_back(self, slots: int) -> None:
        self._taken -= slots
        while self._queue and self._has_free_slot():
            paths, turn = self._queue.popleft()
            turn.set_result(self._admit(paths))

    def _leave(self, slots: int, seconds: float) -> None:
        self._active -= 1
        self._mean_problem_s += _SMOOTHING * (seconds - self._mean_problem_s)
        self._give_back(slots)

    def _load(self, held: int, sampling: int) -> Load:
        free = max(0, self._slots - self._taken)  # 0 while problems wait: a free slot admits the next one at once
        return Load(held, sampling, free, max(self._active, 1), self._max_eager_paths)

    def _retry_after_s(self) -> float:
        """Expected time until the present queue is served, at least 1 second."""
        return max(1, math.ceil(len(self._queue) * self._mean_problem_s / max(self._active, 1)))


class Slots:
    """Slots of one admitted problem. The end of the context gives all of them back."""

    def __init__(self, admission: Admission, reserved: int) -> None:
        self._admission = admission
        self._reserved = reserved
        self._sampling = 0
        self._entered = time.monotonic()
        self._left = False

    @property
    def load(self) -> Load:
        """Load of the engine, as this problem sees it."""
        return self._admission._load(self._reserved + self._sampling, self._sampling)

    def start(self, paths: int) -> None:
        """Take slots for paths that start. Reserved slots are used first."""
        reserved = min(paths, self._reserved)
        self._reserved -= reserved
        self._sampling += paths
        self._admission._take(paths - reserved)

    def end(self) -> None:
        """Give the slot of one sampled path back."""
        if not self._left:
            self._sampling -= 1
            self._admission._give_back(1)

    def __enter__(self) -> "Slots":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = True
        self._admission._leave(self._reserved + self._sampling, time.monotonic() - self._entered)
