"""The remote engine's workers: which of them answer, and which of them takes the next path.

A worker is probed every second. It is down when it refuses a connection or fails two probes, and up again at the
first probe that it passes. The next path goes to the worker with the fewest paths of this service on it.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

import aiohttp

from service.errors import ConfigurationError

logger = logging.getLogger(__name__)

_PROBE_INTERVAL_S = 1.0
_PROBE_TIMEOUT_S = 2.0
_FAILED_PROBES = 2


class Worker:
    """One OpenAI-compatible server, or a router in front of many.

    Args:
        url: its address, with or without `/v1`.
    """

    def __init__(self, url: str) -> None:
        scheme, separator, rest = url.strip().rstrip("/").removesuffix("/v1").partition("://")
        if scheme not in ("http", "https") or not separator or not rest:
            raise ConfigurationError(f"{url!r} is no worker's address; write http://HOST:PORT.")
        self.url = f"{scheme}://{rest}"
        self.name = rest.rpartition("@")[2]
        self.up = False
        self.running = 0
        self.failed_probes = 0


class Workers:
    """All workers of one engine.

    Args:
        urls: their addresses; one at least.
        on_change: told of a worker's name and whether it answers, at the start and whenever that changes.
    """

    def __init__(self, urls: Sequence[str], on_change: Callable[[str, bool], None]) -> None:
        if not urls:
            raise ConfigurationError("The remote engine needs workers: give --worker-urls.")
        self._workers = [Worker(url) for url in urls]
        self._on_change = on_change
        self._watch: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    @property
    def any_up(self) -> bool:
        """Whether a path could be sampled now."""
        return any(worker.up for worker in self._workers)

    def choose(self, avoid: Collection[Worker]) -> Worker | None:
        """The least busy worker that answers; one of `avoid` only where there is no other."""
        up = [worker for worker in self._workers if worker.up]
        return min(up, key=lambda worker: (worker in avoid, worker.running), default=None)

    async def start(self, session: aiohttp.ClientSession, timeout_s: float) -> bool:
        """Begin to watch; returns whether a worker answered within the time."""
        for worker in self._workers:
            self._on_change(worker.name, False)
        self._watch = asyncio.create_task(self._probe_for_ever(session))
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not self.any_up:
                    self._changed.clear()
                    await self._changed.wait()
        return self.any_up

    async def close(self) -> None:
        """End the watch."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    def refused(self, worker: Worker) -> None:
        """It took no connection: it is down until a probe says otherwise."""
        worker.failed_probes = _FAILED_PROBES
        self._set(worker, up=False)

    async def _probe_for_ever(self, session: aiohttp.ClientSession) -> None:
        while True:
            await asyncio.gather(*(self._probe(worker, session) for worker in self._workers))
            await asyncio.sleep(_PROBE_INTERVAL_S)

    async def _probe(self, worker: Worker, session: aiohttp.ClientSession) -> None:
        timeout = aiohttp.ClientTimeout(total=_PROBE_TIMEOUT_S)
        try:
            async with session.get(f"{worker.url}/health", timeout=timeout) as response:
                healthy = response.status < 500
        except aiohttp.ClientConnectorError:
            self.refused(worker)
            return
        except (aiohttp.ClientError, TimeoutError):
            healthy = False
        worker.failed_probes = 0 if healthy else worker.failed_probes + 1
        if healthy or worker.failed_probes >= _FAILED_PROBES:
            self._set(worker, up=healthy)

    def _set(self, worker: Worker, *, up: bool) -> None:
        if worker.up != up:
            worker.up = up
            logger.log(logging.INFO if up else logging.WARNING, "worker %s is %s", worker.name, "up" if up else "down")
            self._on_change(worker.name, up)
            self._changed.set()
