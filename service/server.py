"""`twinpath serve`: the application under uvicorn, and the exit code its supervisor acts on."""

import asyncio
import signal
import socket

import uvicorn

from service import logs
from service.app import create_app
from service.assemble import assemble
from service.connections import allow_files, impatient_protocol
from service.keys import key_ring
from service.settings import Settings
from service.solver import Solver
from service.terminal import build_progress

_LAST_S = 2
"""From the end of the drain, when all that is open is answered as it stands, to the end."""


def run(settings: Settings) -> int:
    """Serve until a signal or the engine's death.

    Returns:
        0 after SIGTERM or SIGINT, when open requests have ended; 1 when the engine died.
    """
    logs.configure(settings.log_level)
    keys = key_ring(settings)
    with build_progress() as progress:
        parts = assemble(settings, progress)
    died = False

    def on_engine_death() -> None:
        nonlocal died
        died, server.should_exit = True, True

    app = create_app(
        settings,
        parts.engine,
        parts.sandbox,
        keys=keys,
        admission=parts.admission(settings),
        path_format=parts.path_format,
        decoding=parts.decoding,
        calibration=parts.calibration,
        metrics=parts.metrics,
        tracing=parts.tracing,
        on_engine_death=on_engine_death,
    )
    allow_files(settings.max_connections)
    server = _Server(
        app.state.solver,
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            http=impatient_protocol(
                head_s=settings.head_timeout_s, stall_s=settings.stall_timeout_s, most=settings.max_connections
            ),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=settings.drain_s + _LAST_S,
        ),
        settings.drain_s,
    )
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn drains, then raises the signal anew: nothing is left to do
        signal.signal(number, lambda *_: None)
    server.run()
    return 1 if died or not server.started else 0


class _Server(uvicorn.Server):
    """Gives open requests their time to end; then answers them as they stand, and only then cuts them off."""

    def __init__(self, solver: Solver, config: uvicorn.Config, drain_s: float) -> None:
        super().__init__(config)
        self._solver = solver
        self._drain_s = drain_s

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the door and drain."""
        asyncio.get_running_loop().call_later(self._drain_s, self._solver.hurry)
        await super().shutdown(sockets)
