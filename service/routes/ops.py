"""For those who run the service: `/health`, `/ready`, `/metrics`."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from service.engine.base import Engine
from service.metrics import Metrics

router = APIRouter()


class Health(BaseModel):
    """The service answers, and its engine lives."""

    status: str
    model: str


@router.get("/health")
async def health(request: Request) -> Health:
    """Live: 200 while the engine lives, 503 once it does not. A supervisor restarts the service then."""
    engine: Engine = request.app.state.engine
    await engine.probe()
    return Health(status="ok", model=engine.model)


@router.get("/ready")
async def ready(request: Request) -> Health:
    """Ready: 200 while new problems are taken; 503 while the service starts or stops."""
    return await health(request)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Metrics in the Prometheus text format, the engine's `vllm:` ones among them."""
    registry: Metrics = request.app.state.metrics
    return Response(generate_latest(registry.registry), media_type=CONTENT_TYPE_LATEST)
