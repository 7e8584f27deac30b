"""Routes of operations: `/health`, `/ready`, `/metrics`. The first two also answer HEAD."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel

from service.api.routes.solve import components_of
from service.errors import EngineDeadError, EngineError
from service.sandbox.base import LockState
from service.schemas.problem_details import MEDIA_TYPE, ProblemDetails

router = APIRouter()

_DOWN: dict[int | str, dict[str, Any]] = {
    503: {"model": ProblemDetails, "content": {MEDIA_TYPE: {}}, "description": "The engine cannot sample."}
}


class Health(BaseModel):
    """Health of the service. `sandbox` holds the active layers of the kernel lock."""

    status: str
    model: str
    sandbox: LockState


@router.head("/health", include_in_schema=False)
@router.get("/health", responses=_DOWN)
async def health(request: Request) -> Health:
    """Liveness: 200 while the engine runs, 503 after it has exited. A supervisor must restart the service then."""
    components = components_of(request)
    engine, sandbox = components.engine, components.sandbox
    status = "ok"
    try:
        await engine.probe()
    except EngineDeadError:
        raise
    except EngineError as error:  # workers may come back, and a restart of this service would not help
        status = str(error)
    return Health(status=status, model=engine.model, sandbox=sandbox.lock)


@router.head("/ready", include_in_schema=False)
@router.get("/ready", responses=_DOWN)
async def ready(request: Request) -> Health:
    """Readiness: 200 while the service accepts problems, 503 while it starts or stops or no worker can sample."""
    await components_of(request).engine.probe()
    return await health(request)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Metrics in the Prometheus text format, with the `vllm:` metrics of the engine. OpenMetrics has exemplars."""
    registry = components_of(request).metrics.registry
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), media_type=media_type)
