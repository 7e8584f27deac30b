"""Errors as problem documents (RFC 9457): the only place where an exception becomes HTTP."""

import json
import logging
import math
from collections.abc import Sequence
from http import HTTPStatus

from asgi_correlation_id import correlation_id
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from service.errors import EngineError, InputError, OverloadedError, SandboxError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_MAX_ERRORS = 20
_MAX_FIELD = 100


class FieldError(BaseModel):
    """What is wrong with one part of the request."""

    field: str
    message: str


class ProblemDocument(BaseModel):
    """An error, as RFC 9457 has it, with the request's id and the fields that are wrong."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str | None
    errors: list[FieldError]


def problem(
    status: int, detail: str, errors: Sequence[FieldError] = (), headers: dict[str, str] | None = None
) -> Response:
    """The response for one error. Always ASCII: a request may name fields that no UTF-8 can carry."""
    document = ProblemDocument(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        request_id=correlation_id.get(),
        errors=list(errors),
    )
    return Response(json.dumps(document.model_dump()), status, media_type=MEDIA_TYPE, headers=headers)


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [FieldError(field=_field(entry["loc"]), message=entry["msg"]) for entry in error.errors()[:_MAX_ERRORS]]
    syntax = error.errors()[0]["type"] == "json_invalid"
    detail = (
        "The body is no JSON."
        if syntax
        else "The request does not fit: " + "; ".join(f"{entry.field}: {entry.message}" for entry in errors)
    )
    return problem(400 if syntax else 422, detail, errors)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    errors = [FieldError(field="body", message=str(error.detail))] if error.status_code in (400, 413, 415) else []
    return problem(error.status_code, str(error.detail), errors, dict(error.headers or {}))


async def _input(request: Request, error: Exception) -> Response:
    assert isinstance(error, InputError)
    return problem(422, str(error), [FieldError(field=error.field, message=str(error))])


async def _overloaded(request: Request, error: Exception) -> Response:
    assert isinstance(error, OverloadedError)
    return problem(429, str(error), headers={"Retry-After": str(math.ceil(error.retry_after_s))})


async def _unavailable(request: Request, error: Exception) -> Response:
    logger.error("cannot solve: %s", error)
    return problem(503, str(error))


async def _unexpected(request: Request, error: Exception) -> Response:
    return problem(500, "The service failed; its log says why under this request id.")


_HANDLERS = {
    RequestValidationError: _invalid,
    HTTPException: _http,
    InputError: _input,
    OverloadedError: _overloaded,
    EngineError: _unavailable,
    SandboxError: _unavailable,
    Exception: _unexpected,
}


def _field(location: Sequence[str | int]) -> str:
    """The dotted name of a part of the body; what stands in the request is cut short."""
    parts = [str(part) for part in location if part != "body"]
    return ".".join(parts)[:_MAX_FIELD] or "body"
