"""Command `twinpath serve`: the application under uvicorn."""

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from types import FrameType

import uvicorn

from service import logs
from service.api.api_keys import KeyRing, key_ring
from service.api.app import create_app
from service.api.connection_limits import raise_file_limit
from service.api.protocol import http_options
from service.cli.listening import bound_sockets
from service.cli.output import build_progress
from service.cli.start_screen import StartScreen, shows_screen, start_screen
from service.components import Components, build
from service.settings import EngineKind, Settings
from service.types import DEMO

logger = logging.getLogger(__name__)

_DRAIN_S = 2
"""Seconds between the answers at the end of the grace period and the close of the connections."""


def run(settings: Settings) -> int:
    """Serve until a signal arrives or the engine exits. A signal during the start ends the process at once.

    Returns:
        Exit code: 0 after SIGTERM or SIGINT, when open requests have finished. 1 if the engine has exited.

    Raises:
        TwinpathError: the address cannot be used, or the service cannot start.
    """
    _on_signals(_end_at_once)
    logs.configure(settings.log_level)
    keys = key_ring(settings)
    with ExitStack() as stack:
        sockets = [stack.enter_context(bound) for bound in bound_sockets(settings.host, settings.port)]
        address, port = sockets[0].getsockname()[:2]
        started = {"address": address, "port": port, "engine": settings.engine}
        if shows_screen(settings, is_terminal=sys.stderr.isatty()):
            screen = stack.enter_context(start_screen(settings, port))
            logger.info("starting", extra=started)
            return _serve(build(settings, screen.progress, screen.begin), keys, sockets, screen)
        logger.info("starting", extra=started)
        with build_progress() as progress:
            components = build(settings, progress)
        return _serve(components, keys, sockets)


def _serve(
    components: Components, keys: KeyRing | None, sockets: list[socket.socket], screen: StartScreen | None = None
) -> int:
    settings = components.settings
    if settings.engine is EngineKind.FAKE:
        logger.warning(DEMO)
    engine_died = False

    def on_engine_death() -> None:
        nonlocal engine_died
        engine_died, server.should_exit = True, True

    app = create_app(components, keys=keys, on_engine_death=on_engine_death)
    raise_file_limit(settings.max_connections)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=settings.shutdown_grace_s + _DRAIN_S,
        **http_options(settings),
    )
    server = _Server(components.drain, config, settings.shutdown_grace_s)
    if screen is not None:
        host, port = sockets[0].getsockname()[:2]
        server.on_listening = partial(screen.ready, components, host, port, needs_key=keys is not None)
        server.on_stop = partial(screen.write, f"\nStopping. Open requests have {settings.shutdown_grace_s} s.")

    async def serve() -> None:
        async with app.router.lifespan_context(app):  # here, because uvicorn would log its errors with a traceback
            gc.collect()  # frozen garbage is never freed
            gc.freeze()  # a full collection of what the start has made would hold the event loop for 50 ms
            await server.serve(sockets)

    # uvicorn raises the signal again after it has shut down.
    _on_signals(lambda number, frame: None if server.started else _end_at_once(number, frame))
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve())
    logger.info("stopped")
    return 1 if engine_died or not server.started else 0


def _on_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def _end_at_once(number: int, frame: FrameType | None) -> None:
    """End this process and the engine's by a signal. The kernel ends the other children with their parent."""
    for child in multiprocessing.active_children():
        child.kill()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # the first process of a container ignores the default action


class _Server(uvicorn.Server):
    """Server that answers open problems with their votes so far at the end of the grace period."""

    def __init__(self, drain: Callable[[], None], config: uvicorn.Config, grace_s: float) -> None:
        super().__init__(config)
        self._drain = drain
        self._grace_s = grace_s
        self.on_listening: Callable[[], None] = lambda: None
        self.on_stop: Callable[[], None] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        for bound in sockets or []:  # so that the next process can bind the address while closed connections hold it
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        await super().startup(sockets)
        for bound in sockets or []:
            host, port = bound.getsockname()[:2]
            logger.info(
                "listening", extra={"url": f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"}
            )
        self.on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening and drain."""
        self.on_stop()
        asyncio.get_running_loop().call_later(self._grace_s, self._drain)
        await super().shutdown(sockets)
