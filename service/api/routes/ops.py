"""For those who run the service: `/health`, `/ready`, `/metrics`. Load balancers may ask the first two by HEAD."""

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
    """The service answers, and its engine lives. `sandbox` tells which layers of the kernel lock hold programs."""

    status: str
    model: str
    sandbox: LockState


@router.head("/health", include_in_schema=False)
@router.get("/health", responses=_DOWN)
async def health(request: Request) -> Health:
    """Live: 200 while the engine lives, 503 once it is gone for good. A supervisor restarts the service then."""
    components = components_of(request)
    engine, sandbox = components.engine, components.sandbox
    status = "ok"
    try:
        await engine.probe()
    except EngineDeadError:
        raise
    except EngineError as error:  # its workers are gone and may come back; restarting this service would not help
        status = str(error)
    return Health(status=status, model=engine.model, sandbox=sandbox.lock)


@router.head("/ready", include_in_schema=False)
@router.get("/ready", responses=_DOWN)
async def ready(request: Request) -> Health:
    """Ready: 200 while new problems are taken; 503 while it starts or stops, or no worker can sample."""
    await components_of(request).engine.probe()
    return await health(request)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Metrics in the Prometheus text format, the engine's `vllm:` ones among them; exemplars for who asks for
    OpenMetrics.
    """
    registry = components_of(request).metrics.registry
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), media_type=media_type)
