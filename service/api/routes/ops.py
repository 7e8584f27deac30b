"""Routes of operations: `/health`, `/ready`, `/metrics`."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any, cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.exposition import ALLOWUTF8
from pydantic import BaseModel, Field

from service.api.routes.solve import components_of
from service.errors import EngineDeadError, EngineError
from service.schemas.problem_details import MEDIA_TYPE, ProblemDetails

router = APIRouter(tags=["operations"])

_DOWN: dict[int | str, dict[str, Any]] = {
    503: {"model": ProblemDetails, "content": {MEDIA_TYPE: {}}, "description": "The engine cannot sample."}
}


class LockLayers(BaseModel):
    """Active layers of the kernel lock around the programs."""

    seccomp: bool = Field(description="Whether seccomp limits the system calls.", examples=[True])
    landlock: int = Field(description="ABI version of Landlock. 0 if it is off.", examples=[6])
    network_namespace: bool = Field(description="Whether programs have an empty network namespace.", examples=[True])
    unprivileged: bool = Field(
        description="Whether programs run neither as root nor with a capability.", examples=[True]
    )
    rlimits: bool = Field(description="Whether resource limits are set.", examples=[True])


class Health(BaseModel):
    """Health of the service."""

    status: str = Field(description="`ok`, or the reason why the engine cannot sample at present.", examples=["ok"])
    model: str = Field(description="Name of the model.", examples=["twinpath-gemma-3-270m"])
    sandbox: LockLayers = Field(description="Active layers of the kernel lock.")


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
    return Health(status=status, model=engine.model, sandbox=LockLayers(**asdict(sandbox.lock)))


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
    if media_type.startswith("application/openmetrics-text"):
        # For Prometheus 2, prometheus_client 0.26 writes `vllm_` instead of `vllm:`. No name here needs an escape.
        encode = partial(cast(Callable[..., bytes], encode), escaping=ALLOWUTF8)
    return Response(encode(registry), media_type=media_type, headers={"Vary": "Accept"})
