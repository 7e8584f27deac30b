"""Health checks and load balancing over remote workers.

A probe runs every second. A worker is down after a refused connection or two failed probes, and up after a passed
one, if its model is right. A slow probe passes if a path on the worker progresses. The next path goes to the
worker with the fewest of this service.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress

import aiohttp

from service.credentials import is_url, without_password
from service.engine.worker_model import WorkerModel, WrongWorkerError
from service.errors import ConfigurationError, EngineError

logger = logging.getLogger(__name__)

PATIENCE_S = 15.0
"""Seconds that paths wait for a worker: enough for a router's restart or a busy machine, not for a model's loading."""

_PROBE_INTERVAL_S = 1.0
_PROBE_TIMEOUT_S = 2.0
_MAX_FAILED_PROBES = 2


class Worker:
    """One OpenAI-compatible server, or a router in front of several.

    Args:
        url: its address, with or without `/v1`.

    Raises:
        ConfigurationError: the address is not an HTTP URL.
    """

    def __init__(self, url: str) -> None:
        scheme, separator, rest = url.strip().rstrip("/").removesuffix("/v1").partition("://")
        if not is_url(f"{scheme}{separator}{rest}"):
            raise ConfigurationError(f"{without_password(url)!r} is not a worker address; write http://HOST:PORT.")
        self.url = f"{scheme}://{rest}"
        self.name = rest.rpartition("@")[2]
        self.up = False
        self.model: WorkerModel | None = None  # since it was up for the first time
        self.refusal: EngineError | None = None  # reason for which it stays down
        self.running = 0
        self.failed_probes = 0
        self.progressed_at = -math.inf  # monotonic time of the last chunk of any path


class Workers:
    """All workers of one engine.

    Args:
        urls: addresses of at least one worker.
        read_model: reads the model of a worker that comes up. `EngineError` keeps the worker down.
        on_change: called with a worker's name and whether it is up, at the start and at each change.
    """

    def __init__(
        self,
        urls: Sequence[str],
        read_model: Callable[[Worker], Awaitable[WorkerModel]],
        on_change: Callable[[str, bool], None],
    ) -> None:
        if not urls:
            raise ConfigurationError("The remote engine needs at least one worker; set `worker_urls`.")
        self._workers = [Worker(url) for url in urls]
        self._read_model = read_model
        self._on_change = on_change
        self._probes: asyncio.Task[None] | None = None
        self._some_up = asyncio.Event()
        self._started = asyncio.Event()
        self._all_down_at = -math.inf  # monotonic time

    @property
    def names(self) -> list[str]:
        """Names of all workers."""
        return [worker.name for worker in self._workers]

    @property
    def models(self) -> list[WorkerModel]:
        """Models of all workers that are or were up."""
        return [worker.model for worker in self._workers if worker.model]

    @property
    def any_up(self) -> bool:
        """Whether at least one worker is up."""
        return any(worker.up for worker in self._workers)

    def choose(self, avoid: Collection[Worker]) -> Worker | None:
        """Worker with the fewest running paths that is up, preferably not one of `avoid`. None if all are down."""
        up = [worker for worker in self._workers if worker.up]
        return min(up, key=lambda worker: (worker in avoid, worker.running), default=None)

    async def choose_patiently(self, avoid: Collection[Worker]) -> Worker | None:
        """Result of `choose`, which waits for a worker in the first 15 s after all went down."""
        while not self.any_up and (left_s := self._all_down_at + PATIENCE_S - time.monotonic()) > 0:
            await _wait(self._some_up, left_s)
        return self.choose(avoid)

    async def start(self, session: aiohttp.ClientSession, timeout_s: float) -> bool:
        """Start the probes. Returns whether a worker was up within the timeout.

        Raises:
            EngineError: a worker that answered does not serve the right model, or the only ones do not list theirs.
        """
        for worker in self._workers:
            self._on_change(worker.name, False)
        self._probes = asyncio.create_task(self._probe_repeatedly(session))
        await _wait(self._started, timeout_s)
        for refusal in (worker.refusal for worker in self._workers if worker.refusal):
            if isinstance(refusal, WrongWorkerError) or not self.any_up:
                raise refusal
        return self.any_up

    async def close(self) -> None:
        """Stop the probes."""
        if self._probes is not None:
            self._probes.cancel()
            await asyncio.gather(self._probes, return_exceptions=True)

    def mark_down(self, worker: Worker) -> None:
        """Mark a worker that refused a connection as down until it passes a probe."""
        worker.failed_probes = _MAX_FAILED_PROBES
        self._set_up(worker, up=False)

    async def _probe_repeatedly(self, session: aiohttp.ClientSession) -> None:
        while True:
            await asyncio.gather(*(self._probe(worker, session) for worker in self._workers))
            if any(worker.up or worker.refusal for worker in self._workers):
                self._started.set()
            await asyncio.sleep(_PROBE_INTERVAL_S)

    async def _probe(self, worker: Worker, session: aiohttp.ClientSession) -> None:
        timeout = aiohttp.ClientTimeout(total=_PROBE_TIMEOUT_S)
        began = time.monotonic()
        try:
            async with session.get(f"{worker.url}/health", timeout=timeout) as response:
                healthy = response.status < 500
        except aiohttp.ClientConnectorError:
            self.mark_down(worker)
            return
        except TimeoutError:
            healthy = worker.progressed_at >= began
        except aiohttp.ClientError:
            healthy = False
        if healthy and not worker.up:
            healthy = await self._has_model(worker)
        worker.failed_probes = 0 if healthy else worker.failed_probes + 1
        if healthy or worker.failed_probes >= _MAX_FAILED_PROBES:
            self._set_up(worker, up=healthy)

    async def _has_model(self, worker: Worker) -> bool:
        """Whether a worker that comes up has the right model. It can be another one than before."""
        try:
            worker.model, worker.refusal = await self._read_model(worker), None
        except EngineError as error:
            if str(error) != str(worker.refusal):
                logger.warning("worker %s stays down: %s", worker.name, error)
            worker.refusal = error
        return worker.refusal is None

    def _set_up(self, worker: Worker, *, up: bool) -> None:
        if worker.up != up:
            worker.up = up
            logger.log(logging.INFO if up else logging.WARNING, "worker %s is %s", worker.name, "up" if up else "down")
            self._on_change(worker.name, up)
            if self.any_up:
                self._some_up.set()
            else:
                self._some_up.clear()
                self._all_down_at = time.monotonic()


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
