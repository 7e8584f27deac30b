"""Admission control: a bounded queue in front of the engine's slots.

Whole problems are admitted while the engine has a free slot, in turn over the API keys and their requests. An admitted
problem can always run one path, so every admitted problem ends.
"""

import asyncio
import math
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType

from service.errors import EngineError, OverloadedError
from service.fair_queue import FairQueue, Owner
from service.solve.stopping import Load

_SMOOTHING = 0.2
"""Weight of the latest problem in the exponential moving average of the time per problem."""

_ANYONE = Owner()


@dataclass(eq=False, slots=True)
class _Turn:
    """Waiting problem: the number of slots to reserve, and its future slots."""

    paths: int
    slots: "asyncio.Future[Slots]"


class Admission:
    """Slots of the engine, and the queue of waiting problems.

    Args:
        slots: paths that the engine decodes at the same time.
        max_queue: maximum number of waiting problems.
        max_eager_paths: paths per problem that an idle engine may run ahead of need. Default: `slots`.
        key_share: fraction of the slots and of the queue that the problems of one API key may take.
    """

    def __init__(
        self, slots: int = 64, max_queue: int = 256, max_eager_paths: int | None = None, key_share: float = 1.0
    ) -> None:
        self._slots = slots
        self._max_eager_paths = slots if max_eager_paths is None else max_eager_paths
        self._max_queue = max_queue
        self._key_share = key_share
        self._taken: Counter[str] = Counter()  # slots by key
        self._active: dict[Slots, None] = {}
        self._queue: FairQueue[_Turn] = FairQueue()
        self._queued: Counter[str] = Counter()  # waiting problems by key
        self._mean_problem_s: float | None = None
        self._closed: EngineError | None = None

    @property
    def waiting(self) -> int:
        """Problems in the queue."""
        return len(self._queue)

    def require_room(self, key: str = "") -> None:
        """Check that one more problem of an API key can start or wait.

        Raises:
            OverloadedError: the queue is full.
        """
        if self._can_enter(key, 1):
            return
        if len(self._queue) >= self._max_queue:
            raise OverloadedError(
                f"The queue is full: {len(self._queue)} problems are waiting. Retry later.", self._retry_after_s()
            )
        if self._queued[key] >= self._share(self._max_queue, key):
            raise OverloadedError(
                f"The queue is full for this API key: {self._queued[key]} of its problems are waiting. Retry later.",
                self._retry_after_s(),
            )

    async def enter(self, paths: int, timeout_s: float, owner: Owner = _ANYONE) -> "Slots | None":
        """Wait for a free slot, then reserve slots for the first paths.

        Args:
            paths: number of slots to reserve. A problem gets no more than the share of its key.
            timeout_s: maximum wait in seconds.
            owner: owner of the problem.

        Returns:
            The slots, a context manager, or None if the time ran out.

        Raises:
            OverloadedError: the queue is full.
            EngineError: the admission is closed.
        """
        if self._closed:
            raise self._closed
        if self._can_enter(owner.key, paths):
            return self._admit(paths, owner)
        self.require_room(owner.key)
        turn = _Turn(paths, asyncio.get_running_loop().create_future())
        self._queue.push(owner, turn)
        self._queued[owner.key] += 1
        try:
            done, _ = await asyncio.wait({turn.slots}, timeout=timeout_s)
        except asyncio.CancelledError:
            if turn.slots.done():  # admitted or refused in the same step of the event loop
                if not turn.slots.exception():
                    turn.slots.result().__exit__(None, None, None)
            else:
                self._remove(owner, turn)
            raise
        if done:
            return turn.slots.result()
        self._remove(owner, turn)
        return None

    def close(self, error: EngineError) -> None:
        """Refuse all waiting and all further problems with `error`."""
        self._closed = error
        while (owner := self._queue.first()) is not None:
            self._pop(owner).slots.set_exception(error)

    def _share(self, whole: int, key: str) -> int:
        """Part of a whole that an API key may take. Without keys, all of it."""
        return min(whole, max(1, int(whole * self._key_share))) if key else whole

    def _can_enter(self, key: str, paths: int) -> bool:
        """Whether a new problem can start. It does not pass those of its key, and those of other keys cannot start."""
        return not self._queued[key] and self._has_room(key, paths)

    def _has_free_slot(self) -> bool:
        return self._taken.total() < self._slots or not self._active

    def _has_room(self, key: str, paths: int) -> bool:
        """Whether the engine has a free slot, and the share of a key has room for the first paths."""
        share = self._share(self._slots, key)
        fits = not key or self._taken[key] + min(paths, share) <= share
        return self._has_free_slot() and (fits or not self._active)

    def _admit(self, paths: int, owner: Owner) -> "Slots":
        slots = Slots(self, min(paths, self._share(self._slots, owner.key)), owner.key)
        self._active[slots] = None
        self._taken[owner.key] += slots.guaranteed
        self._queue.charge(owner, max(slots.guaranteed, 1))
        return slots

    def _pop(self, owner: Owner) -> _Turn:
        self._count_out(owner.key)
        return self._queue.pop(owner)

    def _remove(self, owner: Owner, turn: _Turn) -> None:
        if self._queue.remove(owner, turn):
            self._count_out(owner.key)

    def _count_out(self, key: str) -> None:
        self._queued[key] -= 1
        if not self._queued[key]:
            del self._queued[key]

    def _take(self, key: str, slots: int) -> None:
        self._taken[key] += slots

    def _give_back(self, key: str, slots: int) -> None:
        self._taken[key] -= slots
        if not self._taken[key]:
            del self._taken[key]
        while self._queue and self._has_free_slot():
            owner = self._queue.first(lambda owner, turn: self._has_room(owner.key, turn.paths))
            if owner is None:
                return
            turn = self._pop(owner)
            turn.slots.set_result(self._admit(turn.paths, owner))

    def _leave(self, slots: "Slots", held: int) -> None:
        del self._active[slots]
        if self._mean_problem_s is None:
            self._mean_problem_s = slots.age_s
        self._mean_problem_s += _SMOOTHING * (slots.age_s - self._mean_problem_s)
        self._give_back(slots.key, held)

    def _load(self, slots: "Slots", held: int, sampling: int) -> Load:
        free = max(0, self._slots - self._taken.total())  # 0 while problems wait: a free slot admits one at once
        free_of_key = self._share(self._slots, slots.key) - self._taken[slots.key]
        # The reserved number of paths may always run, so that a problem never waits for another one.
        room = max(slots.guaranteed - sampling, held - sampling + free_of_key, 1 - sampling)
        return Load(held, sampling, free, max(len(self._active), 1), self._max_eager_paths, room)

    def _retry_after_s(self) -> float:
        """Expected time until the present queue is served, at least 1 second.

        A full engine runs more problems at once than an idle engine, because each has fewer paths ahead of need.
        """
        ages = [slots.age_s for slots in self._active]
        mean_age_s = sum(ages) / len(ages) if ages else 0.0
        mean_problem_s = max(1.0 if self._mean_problem_s is None else self._mean_problem_s, mean_age_s)
        paths = sum(turn.paths for turn in self._queue) / max(len(self._queue), 1)
        at_once = max(len(self._active), self._slots / max(paths, 1), 1)
        return max(1, math.ceil(len(self._queue) * mean_problem_s / at_once))


class Slots:
    """Slots of one admitted problem. The end of the context gives all of them back.

    Args:
        admission: the admission control.
        reserved: number of slots that the problem may always hold.
        key: name of the API key of the problem.
    """

    def __init__(self, admission: Admission, reserved: int, key: str) -> None:
        self.guaranteed = reserved
        self.key = key
        self._admission = admission
        self._reserved = reserved
        self._sampling = 0
        self._entered = time.monotonic()
        self._left = False

    @property
    def age_s(self) -> float:
        """Seconds since the problem was admitted."""
        return time.monotonic() - self._entered

    @property
    def load(self) -> Load:
        """Load of the engine, as this problem sees it."""
        return self._admission._load(self, self._reserved + self._sampling, self._sampling)

    def start(self, paths: int) -> None:
        """Take slots for paths that start. Reserved slots are used first."""
        reserved = min(paths, self._reserved)
        self._reserved -= reserved
        self._sampling += paths
        self._admission._take(self.key, paths - reserved)

    def end(self) -> None:
        """Give the slot of one sampled path back."""
        if not self._left:
            self._sampling -= 1
            self._admission._give_back(self.key, 1)

    def __enter__(self) -> "Slots":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = True
        self._admission._leave(self, self._reserved + self._sampling)
