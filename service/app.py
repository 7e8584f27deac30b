"""The application: what is shared, started and stopped around the routes."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI

from service import __version__, openapi, problem_json
from service.admission import Admission
from service.calibration import Calibration
from service.checkpoint import Decoding
from service.engine.base import Engine
from service.errors import EngineDeadError, EngineError
from service.gate import Door, Gate
from service.keys import KeyRing
from service.metrics import Metrics
from service.middleware import BodyLimit, SafeHeaders
from service.paths.base import FormatV1, PathFormat
from service.routes import batch, openai, ops, page, solve
from service.sandbox.base import Sandbox
from service.settings import Settings
from service.solver import Solver

if TYPE_CHECKING:
    from service.tracing import Tracing  # needs the extra `otel`

logger = logging.getLogger(__name__)

_PROBE_INTERVAL_S = 1.0
_QUEUED = frozenset({"/solve", "/solve/stream", "/v1/chat/completions", "/v1/completions"})
"""Where a problem needs a place in the queue at once; a batch waits for its own."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def create_app(
    settings: Settings,
    engine: Engine,
    sandbox: Sandbox,
    *,
    keys: KeyRing | None = None,
    admission: Admission | None = None,
    path_format: PathFormat | None = None,
    decoding: Decoding | None = None,
    calibration: Calibration | None = None,
    metrics: Metrics | None = None,
    tracing: "Tracing | None" = None,
    on_engine_death: Callable[[], None] = lambda: None,
) -> FastAPI:
    """The service as an ASGI application.

    Args:
        settings: the settings.
        engine: samples the paths; started and closed with the application.
        sandbox: runs the programs; started and closed with the application.
        keys: who may ask; None lets anybody in.
        admission: the queue before the engine; None is one of the settings' size.
        path_format: how the engine's model is asked; None is format v1.
        decoding: the checkpoint's decoding; None is the default.
        calibration: what the checkpoint's votes are worth; None weighs all the same.
        metrics: None takes those of the default registry.
        tracing: None traces nothing; closed with the application.
        on_engine_death: called once when the engine is gone for good; the server must end.
    """
    if tracing:
        from service.tracing import TracedEngine, TracedSandbox

        engine, sandbox = TracedEngine(engine, tracing.tracer), TracedSandbox(sandbox, tracing.tracer)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if tracing:
                stack.push_async_callback(asyncio.to_thread, tracing.close)
            stack.push_async_callback(sandbox.close)
            await sandbox.start()
            app.state.metrics.observe_lock(sandbox.lock)
            stack.push_async_callback(engine.close)
            await engine.start()
            app.state.metrics.observe_engine(True)
            watch = asyncio.create_task(_watch(engine, app.state.metrics, on_engine_death))
            stack.push_async_callback(_end, watch)
            logger.info("ready", extra={"model": engine.model})
            yield

    app = FastAPI(
        title="Twinpath",
        summary="Math word problems, answered by chain-of-thought and program-of-thought paths in one vote.",
        version=__version__,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere; docs/api.md is the reference
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.started_at = int(time.time())
    app.state.engine = engine
    app.state.sandbox = sandbox
    app.state.decoding = decoding or Decoding()
    app.state.metrics = metrics or Metrics()
    queue = admission or Admission(settings.max_num_seqs, settings.max_queue)
    app.state.metrics.watch_queue(lambda: queue.waiting, settings.max_queue)
    app.state.solver = Solver(engine, sandbox, path_format or FormatV1(), queue, calibration)
    problem_json.install(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, max_s=settings.body_timeout_s, exempt=[batch.PATH])
    app.add_middleware(Door, admission=queue, paths=_QUEUED, on_refusal=app.state.metrics.observe_rejection)
    if keys:
        app.add_middleware(Gate, ring=keys, on_refusal=app.state.metrics.observe_rejection)
    app.add_middleware(
        CorrelationIdMiddleware,
        header_name="X-Request-ID",
        validator=lambda value: _REQUEST_ID.fullmatch(value) is not None,
        transformer=lambda value: value,
    )
    if tracing:
        from service.tracing import TracedRequests

        app.add_middleware(TracedRequests, tracer=tracing.tracer)
    app.add_middleware(SafeHeaders)
    app.include_router(solve.router, tags=["solve"])
    app.include_router(batch.router, tags=["solve"])
    app.include_router(openai.router, tags=["openai"])
    app.include_router(ops.router, tags=["operations"])
    app.include_router(page.router)
    openapi.install(app, settings, has_keys=keys is not None)
    return app


async def _watch(engine: Engine, metrics: Metrics, on_death: Callable[[], None]) -> None:
    """Notice a dead engine even when nobody asks for anything."""
    while True:
        try:
            await engine.probe()
            metrics.observe_engine(True)
        except EngineDeadError as error:
            metrics.observe_engine(False)
            logger.critical("the engine is dead, the service ends: %s", error)
            on_death()
            return
        except EngineError as error:
            metrics.observe_engine(False)
            logger.error("nothing can be sampled for now: %s", error)
        await asyncio.sleep(_PROBE_INTERVAL_S)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
