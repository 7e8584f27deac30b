"""Turns of the programs in the processes of the sandbox.

Turns are fair by run time over keys, requests and problems. A program may lose its process only to an owner that has
used less time. It then waits and runs again from its start.
"""

import asyncio
import time

from service.errors import SandboxError
from service.fair_queue import FairQueue, Owner
from service.sandbox.zygote_client import Child

_MARGIN_S = 0.1
"""Run time that an owner may always use before its programs can be interrupted."""

_FACTOR = 2
"""Ratio of run times from which a program is interrupted. A program that starts again then has twice the time."""

_START_COST_S = 0.001  # what a process costs before its program runs

_Turn = asyncio.Future["Lease"]


class Lease:
    """Child in use by one program.

    Args:
        owner: owner of the program.
        child: the child.
    """

    def __init__(self, owner: Owner, child: Child) -> None:
        self.owner = owner
        self.child = child
        self.interrupted = False
        self.charged_until = time.monotonic()
        self._timer: asyncio.Timeout | None = None

    def timer(self, limit_s: float) -> asyncio.Timeout:
        """Context that raises `TimeoutError` at the time limit or at an interruption.

        Args:
            limit_s: time limit in seconds.
        """
        self._timer = asyncio.timeout(limit_s)
        return self._timer

    @property
    def can_be_interrupted(self) -> bool:
        """Whether the program runs and has not reached its time limit."""
        return self._timer is not None and not self._timer.expired()

    def interrupt(self) -> None:
        """Stop the program."""
        assert self._timer is not None
        self.interrupted = True
        self._timer.reschedule(asyncio.get_running_loop().time())


class Turns:
    """Programs that run, and programs that wait for a process.

    Args:
        workers: maximum number of running programs.
        max_queue: maximum number of waiting programs.
    """

    def __init__(self, workers: int, max_queue: int) -> None:
        self._workers = workers
        self._max_queue = max_queue
        self._queue: FairQueue[_Turn] = FairQueue()
        self._running: dict[Lease, None] = {}  # in the order of their starts

    @property
    def in_use(self) -> int:
        """Number of running programs."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Number of waiting programs."""
        return len(self._queue)

    @property
    def has_free_worker(self) -> bool:
        """Whether one more program may run."""
        return len(self._running) < self._workers

    def add(self, owner: Owner) -> _Turn:
        """Add a program to the queue. In a full queue, it takes the place of a program of the longest line.

        Args:
            owner: owner of the program.

        Raises:
            SandboxError: the queue is full, and no owner has more waiting programs.
        """
        if len(self._queue) >= self._max_queue:
            crowded = self._queue.longest()
            full = SandboxError(f"the sandbox's queue is full: {self._max_queue} programs are waiting")
            if crowded is None or self._queue.count(crowded) <= self._queue.count(owner) + 1:
                raise full
            dropped = self._queue.pop_newest(crowded)
            if not dropped.done():
                dropped.set_exception(full)
        turn: _Turn = asyncio.get_running_loop().create_future()
        self._queue.push(owner, turn)
        return turn

    def remove(self, owner: Owner, turn: _Turn) -> None:
        """Remove a program from the queue, if it still waits."""
        self._queue.remove(owner, turn)

    def start(self, owner: Owner, child: Child) -> Lease:
        """Give a child to a program that does not wait."""
        lease = Lease(owner, child)
        self._running[lease] = None
        self._queue.charge(owner, _START_COST_S)
        return lease

    def start_next(self, child: Child) -> bool:
        """Give a child to the waiting program whose owner has used the least time. False if no program waits."""
        self._charge_running()
        while (owner := self._queue.first()) is not None:
            turn = self._queue.pop(owner)
            if not turn.done():
                turn.set_result(self.start(owner, child))
                return True
        return False

    def end(self, lease: Lease) -> None:
        """End a program's use of its child."""
        self._charge_running()
        del self._running[lease]

    def fail_waiting(self, reason: str) -> None:
        """Make all waiting programs fail with a `SandboxError`."""
        while (owner := self._queue.first()) is not None:
            turn = self._queue.pop(owner)
            if not turn.done():
                turn.set_exception(SandboxError(reason))

    def interrupt_excess(self) -> None:
        """Interrupt the program whose owner has used more than twice the time of the next waiting owner.

        With two or more workers, the oldest programs, up to half of the workers, are never interrupted.
        Long programs then end.
        """
        if not self._queue or self.has_free_worker or any(lease.interrupted for lease in self._running):
            return
        self._charge_running()
        owner = self._queue.first()
        assert owner is not None
        leases = [lease for lease in list(self._running)[self._workers // 2 :] if lease.can_be_interrupted]

        def excess_s(lease: Lease) -> float:
            used_s, waiting_s = self._queue.compare(lease.owner, owner)
            return used_s - _FACTOR * waiting_s

        heaviest = max(leases, key=excess_s, default=None)
        if heaviest is not None and excess_s(heaviest) > _MARGIN_S:
            heaviest.interrupt()

    def _charge_running(self) -> None:
        """Charge the run time since the last call to the owners of the running programs."""
        now = time.monotonic()
        for lease in self._running:
            self._queue.charge(lease.owner, now - lease.charged_until)
            lease.charged_until = now
