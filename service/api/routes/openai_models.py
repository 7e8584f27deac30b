"""Routes of OpenAI's API for the served model: `/v1/models`."""

from fastapi import APIRouter, Request

from service.api.routes.solve import components_of
from service.errors import UnknownModelError
from service.schemas.openai_errors import ErrorObject
from service.schemas.openai_response import ModelCard, ModelList

router = APIRouter(prefix="/v1", tags=["openai"])

ALIAS = "twinpath"
"""Name of the served model, whatever the checkpoint."""


@router.get("/models")
async def models(request: Request) -> ModelList:
    """List the served model under its own name and under the alias `twinpath`."""
    return ModelList(data=[_card(request, name) for name in _names(request)])


@router.get("/models/{model:path}", responses={404: {"model": ErrorObject, "description": "The model is not served."}})
async def model(model: str, request: Request) -> ModelCard:
    """Show one name of the served model."""
    return _card(request, known_model(model, request))


def known_model(name: str, request: Request) -> str:
    """Name of the served model, as the request gives it.

    Raises:
        UnknownModelError: the model is not served.
    """
    if name not in _names(request):
        raise UnknownModelError(f"The model '{name[:100]}' is not served. GET /v1/models lists the served names.")
    return name


def _names(request: Request) -> list[str]:
    return list(dict.fromkeys([components_of(request).engine.model, ALIAS]))


def _card(request: Request, name: str) -> ModelCard:
    return ModelCard(id=name, created=request.app.state.started_at)
