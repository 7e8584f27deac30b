"""Notices an engine that lives and gets nowhere: a kernel that hangs, a process that was stopped.

An engine that has sampled since the last look is at work, and is not asked. One that has not is asked for a single
token; it hangs only if that does not come in time and nothing else has moved meanwhile, so one that is merely busy
never does.
"""

import asyncio
from collections.abc import Awaitable, Callable

_GRACE_S = 1.0
"""A process that was itself stopped finds its time run out when it wakes, and the answer in its socket."""


class Watchdog:
    """Watches one engine.

    Args:
        progress: a count that moves whenever the engine does anything.
        ask: samples one token.
        interval_s: between two looks.
        timeout_s: how long one token may take.
    """

    def __init__(
        self,
        progress: Callable[[], int],
        ask: Callable[[], Awaitable[object]],
        *,
        interval_s: float,
        timeout_s: float,
    ) -> None:
        self._progress = progress
        self._ask = ask
        self._interval_s = interval_s
        self._timeout_s = timeout_s

    async def until_it_hangs(self) -> None:
        """Returns when the engine hangs."""
        seen = self._progress()
        while True:
            await asyncio.sleep(self._interval_s)
            if self._progress() == seen and not await self._answers():
                return
            seen = self._progress()

    async def _answers(self) -> bool:
        before = self._progress()
        asking = asyncio.ensure_future(self._ask())
        try:
            done, _ = await asyncio.wait({asking}, timeout=self._timeout_s)
            if not done:
                await asyncio.wait({asking}, timeout=_GRACE_S)
            return asking.done() or self._progress() != before
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
