"""`twinpath serve`: the application under uvicorn, and the exit code its supervisor acts on."""

import signal

import uvicorn

from service import logs
from service.app import create_app
from service.assemble import assemble
from service.settings import Settings
from service.terminal import build_progress


def run(settings: Settings) -> int:
    """Serve until a signal or the engine's death.

    Returns:
        0 after SIGTERM or SIGINT, when open requests have ended; 1 when the engine died.
    """
    logs.configure(settings.log_level)
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
        path_format=parts.path_format,
        decoding=parts.decoding,
        calibration=parts.calibration,
        metrics=parts.metrics,
        tracing=parts.tracing,
        on_engine_death=on_engine_death,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=settings.drain_s,
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn drains, then raises the signal anew: nothing is left to do
        signal.signal(number, lambda *_: None)
    server.run()
    return 1 if died or not server.started else 0
