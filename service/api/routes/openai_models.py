"""Routes of OpenAI's API for the served models: `/v1/models`."""

from fastapi import APIRouter, Request

from service.api.routes.solve import components_of
from service.model.served import ALIAS
from service.schemas.openai_errors import ErrorObject
from service.schemas.openai_response import ModelCard, ModelList

router = APIRouter(prefix="/v1", tags=["openai"])


@router.get("/models")
async def models(request: Request) -> ModelList:
    """List the base model under its own name and under the alias `twinpath`, and each adapter."""
    base, *adapters = components_of(request).served
    names = dict.fromkeys([base, ALIAS, *adapters])
    return ModelList(data=[_card(request, name) for name in names])


@router.get("/models/{model:path}", responses={404: {"model": ErrorObject, "description": "The model is not served."}})
async def model(model: str, request: Request) -> ModelCard:
    """Show one name of a served model."""
    return _card(request, known_model(model, request))


def known_model(name: str, request: Request) -> str:
    """Name of a served model, as the request gives it.

    Raises:
        UnknownModelError: the model is not served.
    """
    components_of(request).model(name)
    return name


def _card(request: Request, name: str) -> ModelCard:
    components = components_of(request)
    served = components.model(name)
    return ModelCard(
        id=name,
        created=request.app.state.started_at,
        calibrated=components.is_calibrated(served.name),
        parent=components.engine.model if served.adapter else None,
    )
