"""The ASGI application: routes, middleware, and start and end of the components."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from service import __version__
from service.api import errors, openapi
from service.api.api_keys import PREFIX, KeyRing
from service.api.auth import ApiKeyMiddleware
from service.api.cors import EXPOSED
from service.api.load_shedding import LoadSheddingMiddleware
from service.api.middleware import BodyLimitMiddleware, SecurityHeadersMiddleware
from service.api.request_rules import RequestRulesMiddleware
from service.api.routes import batch, docs, grade, openai, openai_models, openai_responses, ops, page, solve
from service.api.spool import DiskBudget
from service.components import Components
from service.engine.base import Engine
from service.errors import EngineDeadError, EngineError
from service.metrics import Metrics
from service.tracing import TracingMiddleware

logger = logging.getLogger(__name__)

_PROBE_INTERVAL_S = 1.0
_QUEUED_PATHS = frozenset({"/solve", "/solve/stream", "/v1/chat/completions", "/v1/completions", "/v1/responses"})
"""Paths that get 429 while the queue is full. A batch waits for room instead.

`/grade` is not among them, because a grade by the expected answer needs no room. Its route refuses the others.
"""
_ROUTES = (solve, grade, batch, openai, openai_responses, openai_models, ops, page, docs)
_REQUEST_ID = re.compile(rf"(?!{PREFIX})[A-Za-z0-9._-]{{1,64}}")  # no API key, since logs hold it


def create_app(
    components: Components,
    *,
    keys: KeyRing | None = None,
    on_engine_death: Callable[[], None] = lambda: None,
) -> FastAPI:
    """Create the ASGI application. Its lifespan starts and closes the components.

    Args:
        components: engine, sandbox, settings and the rest of the service.
        keys: accepted API keys. None accepts everyone.
        on_engine_death: called once when the engine has exited. The server must exit then.
    """
    settings, metrics = components.settings, components.metrics

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(components)
            errors.prepare(app)
            metrics.observe_lock(components.sandbox.lock)
            metrics.observe_engine(True)
            watch = asyncio.create_task(_watch(components.engine, metrics, on_engine_death))
            stack.push_async_callback(_cancel, watch)
            logger.info("ready", extra={"model": components.engine.model})
            yield

    app = FastAPI(
        title="Twinpath",
        summary="Answers math word problems by a vote over chain-of-thought and program-of-thought paths.",
        version=__version__,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        redirect_slashes=False,  # a redirect would hold the Host header; `request_rules.py` ignores such slashes
        openapi_url=None,
        docs_url=None,  # `routes/docs.py` replaces them: the pages of FastAPI load scripts from a CDN
        redoc_url=None,
    )
    app.state.components = components
    app.state.batch_disk = DiskBudget(settings.max_batch_disk_bytes)
    app.state.started_at = int(time.time())  # noqa: TID251 - a date for OpenAI's list of models
    metrics.watch_queue(lambda: components.admission.waiting, settings.max_queue)
    errors.install(app)
    app.add_middleware(
        BodyLimitMiddleware, max_bytes=settings.max_body_bytes, max_s=settings.body_timeout_s, exempt=batch.PATHS
    )
    app.add_middleware(
        LoadSheddingMiddleware,
        admission=components.admission,
        paths=_QUEUED_PATHS,
        on_refusal=metrics.observe_rejection,
    )
    app.add_middleware(TracingMiddleware)  # inside the check of keys: a caller without one leaves no trace
    if keys:
        app.add_middleware(ApiKeyMiddleware, ring=keys, on_refusal=metrics.observe_rejection)
    app.add_middleware(RequestRulesMiddleware, root_path=settings.root_path)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "HEAD", "POST"),
            allow_headers=("*",),
            expose_headers=EXPOSED,
            allow_private_network="*" not in settings.cors_origins,  # not every page may reach into a private network
        )
    app.add_middleware(
        CorrelationIdMiddleware,
        header_name="X-Request-ID",
        validator=lambda value: _REQUEST_ID.fullmatch(value) is not None,
        transformer=lambda value: value,
    )
    app.add_middleware(SecurityHeadersMiddleware)
    modules = _ROUTES if settings.api_docs else _ROUTES[:-1]
    for module in modules:
        app.router.routes += module.router.routes  # `include_router` would build each of them again
    openapi.install(app, settings, modules, has_keys=keys is not None)
    return app


async def _watch(engine: Engine, metrics: Metrics, on_death: Callable[[], None]) -> None:
    """Probe the engine regularly, so that its end is noticed without a request."""
    while True:
        try:
            await engine.probe()
            metrics.observe_engine(True)
        except EngineDeadError as error:
            metrics.observe_engine(False)
            logger.critical("the engine has exited, the service exits too: %s", error)
            on_death()
            return
        except EngineError as error:
            metrics.observe_engine(False)
            logger.error("the engine cannot sample at present: %s", error)
        await asyncio.sleep(_PROBE_INTERVAL_S)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
