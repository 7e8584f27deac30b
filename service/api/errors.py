"""Errors as HTTP responses: problem details (RFC 9457), or OpenAI's error object."""

import json
import logging
import math
from collections.abc import Sequence

from asgi_correlation_id import correlation_id
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from service.api.cors import cors_headers
from service.api.middleware import SAFE_HEADERS
from service.api.targets import is_openai
from service.errors import (
    EngineError,
    InputError,
    OverloadedError,
    SandboxError,
    UnknownModelError,
)
from service.faults import faults, json_schema
from service.schemas import openai_errors
from service.schemas.problem_details import MEDIA_TYPE, UNEXPECTED, FieldError, details_of_status

logger = logging.getLogger(__name__)

_CLIENT_CLOSED_REQUEST = 499
_MAX_ERRORS = 20
_MAX_PATH = 100


def error_response(
    request: Request,
    status: int,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """Response of an error.

    Args:
        request: the request.
        status: HTTP status.
        detail: description of the error.
        errors: invalid fields.
        headers: headers of the response.
    """
    # JSON in ASCII, because a request may name fields with lone surrogates, which UTF-8 cannot encode.
    if _is_openai(request):
        param = errors[0].field if errors and errors[0].field != "body" else None
        return _openai(status, openai_errors.error_object(status, detail, param), headers)
    content = json.dumps(details_of_status(status, detail, errors, correlation_id.get()).model_dump())
    return Response(content, status, media_type=MEDIA_TYPE, headers=headers)


def retry_after(error: OverloadedError) -> dict[str, str]:
    """Header Retry-After of an error."""
    return {"Retry-After": str(math.ceil(error.retry_after_s))}


def install(app: FastAPI) -> None:
    """Install the handlers that turn exceptions of `app` into responses."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


def prepare(app: FastAPI) -> None:
    """Make the schemas that name valid values, so that the first invalid request takes no longer than the next."""
    for route in app.routes:
        model = route.body_field.field_info.annotation if isinstance(route, APIRoute) and route.body_field else None
        if isinstance(model, type) and issubclass(model, BaseModel):
            json_schema(model)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    entries = error.errors()
    if entries[0]["type"] == "json_invalid":  # its location ends with a position in the text
        message = f"{entries[0]['ctx']['error'].removesuffix(' at')} at character {entries[0]['loc'][-1]}"
        return error_response(
            request, 400, f"The body is not valid JSON: {message}.", [FieldError(field="body", message=message)]
        )
    model = request.scope["route"].body_field.field_info.annotation
    entries = [{**entry, "loc": entry["loc"][1:]} for entry in entries[:_MAX_ERRORS]]  # without the first part, `body`
    if _is_openai(request):
        return _openai(400, openai_errors.invalid(entries, model))
    errors = [FieldError(field=fault.field or "body", message=fault.sentence()) for fault in faults(entries, model)]
    return error_response(request, 422, errors[0].message, errors)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return _not_allowed(request)
    if error.status_code == 404 and _is_openai(request):
        return error_response(request, 404, _served_routes(request))
    errors = [FieldError(field="body", message=str(error.detail))] if error.status_code in (400, 408, 413, 415) else []
    return error_response(request, error.status_code, str(error.detail), errors, dict(error.headers or {}))


def _not_allowed(request: Request) -> Response:
    """Response to a method that no route of the path has. OPTIONS is answered."""
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    methods = {"OPTIONS"}.union(*(route.methods for route in routes))
    allow = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": allow})
    return error_response(request, 405, f"This path accepts only {allow}.", headers={"Allow": allow})


async def _input(request: Request, error: Exception) -> Response:
    assert isinstance(error, InputError)
    if _is_openai(request):
        status, code = (404, "model_not_found") if isinstance(error, UnknownModelError) else (400, "invalid_value")
        return _openai(status, openai_errors.error_object(status, str(error), error.field, code))
    return error_response(request, 422, str(error), [FieldError(field=error.field, message=str(error))])


async def _overloaded(request: Request, error: Exception) -> Response:
    assert isinstance(error, OverloadedError)
    request.app.state.components.metrics.observe_rejection(error.reason)
    return error_response(request, 429, str(error), headers=retry_after(error))


async def _unavailable(request: Request, error: Exception) -> Response:
    logger.error("cannot solve: %s", error)
    return error_response(request, 503, str(error))


async def _unexpected(request: Request, error: Exception) -> Response:
    allowed = request.app.state.components.settings.cors_origins
    headers = SAFE_HEADERS | {"X-Request-ID": correlation_id.get() or ""}  # this response passes no middleware
    headers |= cors_headers(request.headers.get("origin", ""), allowed)
    return error_response(request, 500, UNEXPECTED, headers=headers)


async def _disconnected(request: Request, error: Exception) -> Response:
    return Response(status_code=_CLIENT_CLOSED_REQUEST)  # only for the access log


_HANDLERS = {
    RequestValidationError: _invalid,
    HTTPException: _http,
    InputError: _input,
    OverloadedError: _overloaded,
    EngineError: _unavailable,
    SandboxError: _unavailable,
    ClientDisconnect: _disconnected,
    Exception: _unexpected,
}


def _is_openai(request: Request) -> bool:
    return is_openai(request.scope["path"])


def _served_routes(request: Request) -> str:
    """Sentences for a client of OpenAI's API whose route is missing."""
    routes = [route for route in request.app.routes if isinstance(route, APIRoute) and route.path.startswith("/v1/")]
    served = ", ".join(f"{method} {route.path_format}" for route in routes for method in sorted(route.methods))
    return f"There is no {request.method} {request.scope['path'][:_MAX_PATH]}. The service has {served}."


def _openai(status: int, document: openai_errors.ErrorObject, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(document.model_dump()), status, media_type=openai_errors.MEDIA_TYPE, headers=headers)
