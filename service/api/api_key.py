"""One API key: its scopes, its limits, and what counts against them."""

import asyncio
import math
import time
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_PERIOD_NS = 60 * 10**9
_SMOOTHING = 0.2  # weight of the latest problem in the moving average of their duration
_MAX_RETRY_S = 60


class KeyScope(StrEnum):
    """Scope of a key."""

    SOLVE = "solve"
    METRICS = "metrics"


class KeyTable(BaseModel):
    """Table `[[keys]]` of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    scopes: Annotated[frozenset[KeyScope], Field(min_length=1)] = frozenset({KeyScope.SOLVE})
    requests_per_minute: Annotated[int | None, Field(ge=1)] = None
    concurrency: Annotated[int | None, Field(ge=1)] = None


class ApiKey:
    """Key with its limits, and the requests and problems that count against them."""

    def __init__(self, table: KeyTable) -> None:
        self.table = table
        self.active = 0
        self._due = 0
        self._mean_s = 1.0
        self._waiting: set[asyncio.Future[None]] = set()

    def acquire_rate(self) -> float:
        """Count one request or problem against the rate limit.

        This is the generic cell rate algorithm: a burst of one minute's requests, then one every 60 / rate seconds.

        Returns:
            0 if the request is accepted, else the seconds until one is.
        """
        # Monotonic, because the wall clock may be set. Whole nanoseconds, because sums of floats are rounded.
        if self.table.requests_per_minute is None:
            return 0.0
        now = time.monotonic_ns()
        due = max(self._due, now) + _PERIOD_NS // self.table.requests_per_minute
        if due - now > _PERIOD_NS:
            return (due - now - _PERIOD_NS) / 1e9
        self._due = due
        return 0.0

    def acquire_more(self, problems: int) -> float:
        """Count further problems of a request that was counted as one.

        A request with more problems than the rate allows at once is accepted if nothing else counts.

        Args:
            problems: number of further problems.

        Returns:
            0 if they are accepted, else the seconds until they are. Then the request is not counted either.
        """
        if self.table.requests_per_minute is None:
            return 0.0
        step = _PERIOD_NS // self.table.requests_per_minute
        now = time.monotonic_ns()
        others, due = self._due - step, self._due + problems * step
        wait_ns = min(due - _PERIOD_NS, others) - now
        self._due = due if wait_ns <= 0 else others
        return max(0, wait_ns) / 1e9

    def refund(self, problems: int = 1) -> None:
        """Take back the count of problems."""
        if self.table.requests_per_minute is not None:
            self._due -= problems * (_PERIOD_NS // self.table.requests_per_minute)

    async def wait_for_rate(self) -> None:
        """Wait until the rate limit accepts one more problem, and count it."""
        while wait_s := self.acquire_rate():  # noqa: ASYNC110 - the length of the wait is known
            await asyncio.sleep(wait_s)

    @property
    def rate_text(self) -> str:
        """Message of a request that the rate limit refuses."""
        return f"This API key has reached its limit of {self.table.requests_per_minute} requests a minute."

    @property
    def is_full(self) -> bool:
        """Whether the number of open problems has reached the limit."""
        return self.table.concurrency is not None and self.active >= self.table.concurrency

    @property
    def retry_after_s(self) -> int:
        """Expected seconds until one of the open problems ends, from 1 to 60."""
        return min(max(1, math.ceil(self._mean_s / max(self.active, 1))), _MAX_RETRY_S)

    def open_place(self) -> None:
        """Count one more open problem."""
        self.active += 1

    def close_place(self, seconds: float) -> None:
        """Count one open problem less, which was open for `seconds`."""
        self.active -= 1
        self._mean_s += _SMOOTHING * (seconds - self._mean_s)
        self.wake_waiting()

    async def wait_for_place(self) -> None:
        """Wait until a problem of the key ends. Another caller may take its place first."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(turn)
        try:
            await turn
        finally:
            self._waiting.discard(turn)

    def wake_waiting(self) -> None:
        """Wake all calls of `wait_for_place`."""
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)
