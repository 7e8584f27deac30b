"""Command `twinpath serve`: the application under uvicorn."""

import asyncio
import errno
import logging
import signal
import socket

import uvicorn

from service import logs
from service.api.api_keys import key_ring
from service.api.app import create_app
from service.api.protocol import http_options, raise_file_limit
from service.cli.output import build_progress
from service.components import build
from service.errors import ConfigurationError
from service.settings import EngineKind, Settings
from service.solve.solver import Solver
from service.types import DEMO

logger = logging.getLogger(__name__)

_DRAIN_S = 2
"""Seconds between the answers at the end of the grace period and the close of the connections."""


def run(settings: Settings) -> int:
    """Serve until a signal arrives or the engine exits.

    Returns:
        Exit code: 0 after SIGTERM or SIGINT, when open requests have finished. 1 if the engine has exited.

    Raises:
        ConfigurationError: the address cannot be used.
    """
    logs.configure(settings.log_level)
    keys = key_ring(settings)
    _check_address(settings.host, settings.port)
    with build_progress() as progress:
        components = build(settings, progress)
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
        host=settings.host,
        port=settings.port,
        log_config=None,
        timeout_graceful_shutdown=settings.shutdown_grace_s + _DRAIN_S,
        **http_options(settings),
    )
    server = _Server(components.solver, config, settings.shutdown_grace_s)
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises the signal again after it has shut down
        signal.signal(number, lambda *_: None)
    server.run()
    return 1 if engine_died or not server.started else 0


def _check_address(host: str, port: int) -> None:
    """Check that the port is free, before the model is loaded."""
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"{host}:{port} is in use by another process. Stop it, or choose another port with --port."
            ) from None
        if error.errno == errno.EACCES:
            raise ConfigurationError(f"{host}:{port} needs more rights. Choose a --port above 1023.") from None
        # The server reports every other failure.


class _Server(uvicorn.Server):
    """Server that answers open problems with their votes so far at the end of the grace period."""

    def __init__(self, solver: Solver, config: uvicorn.Config, grace_s: float) -> None:
        super().__init__(config)
        self._solver = solver
        self._grace_s = grace_s

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening and drain."""
        asyncio.get_running_loop().call_later(self._grace_s, self._solver.drain)
        await super().shutdown(sockets)
