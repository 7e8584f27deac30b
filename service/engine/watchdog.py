"""Hang detection for the engine process.

An engine that made progress since the last check is working. Otherwise the watchdog requests one token. The engine
hangs if the token does not come in time and it made no other progress meanwhile. A busy engine therefore never counts
as hung.
"""

import asyncio
from collections.abc import Awaitable, Callable

_GRACE_S = 1.0
"""Extra wait after the timeout. After a stop of this process, the token may already be in its socket."""


class Watchdog:
    """Watches one engine.

    Args:
        progress: returns a count that changes with every step of the engine.
        sample_token: samples one token.
        interval_s: seconds between two checks.
        timeout_s: maximum time for one token.
    """

    def __init__(
        self,
        progress: Callable[[], int],
        sample_token: Callable[[], Awaitable[object]],
        *,
        interval_s: float,
        timeout_s: float,
    ) -> None:
        self._progress = progress
        self._sample_token = sample_token
        self._interval_s = interval_s
        self._timeout_s = timeout_s

    async def wait_for_hang(self) -> None:
        """Return when the engine hangs."""
        seen = self._progress()
        while True:
            await asyncio.sleep(self._interval_s)
            if self._progress() == seen and not await self._responds():
                return
            seen = self._progress()

    async def _responds(self) -> bool:
        before = self._progress()
        token = asyncio.ensure_future(self._sample_token())
        try:
            done, _ = await asyncio.wait({token}, timeout=self._timeout_s)
            if not done:
                await asyncio.wait({token}, timeout=_GRACE_S)
            return token.done() or self._progress() != before
        finally:
            token.cancel()
            await asyncio.gather(token, return_exceptions=True)
