"""Errors as problem documents (RFC 9457), under `/v1` as OpenAI's: the only place where an exception becomes HTTP."""

import json
import logging
import math
from collections.abc import Sequence

from asgi_correlation_id import correlation_id
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from service.api.middleware import SAFE_HEADERS
from service.errors import EngineError, InputError, OverloadedError, SandboxError, UnknownModelError
from service.schemas import openai_errors
from service.schemas.problem_details import MEDIA_TYPE, UNEXPECTED, FieldError, details_of_status

logger = logging.getLogger(__name__)

_CLIENT_CLOSED_REQUEST = 499
_MAX_ERRORS = 20
_MAX_FIELD = 100


def error_response(
    request: Request,
    status: int,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """The response for one error. Always ASCII: a request may name fields that no UTF-8 can carry."""
    if _is_openai(request):
        param = errors[0].field if errors and errors[0].field != "body" else None
        return _openai(status, openai_errors.error_object(status, detail, param), headers)
    content = json.dumps(details_of_status(status, detail, errors, correlation_id.get()).model_dump())
    return Response(content, status, media_type=MEDIA_TYPE, headers=headers)


def retry_after(error: OverloadedError) -> dict[str, str]:
    """The header that says when a retry has a chance."""
    return {"Retry-After": str(math.ceil(error.retry_after_s))}


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    entries = error.errors()
    if entries[0]["type"] == "json_invalid":  # its location ends with the place in the text, which is no field
        message = f"{entries[0]['ctx']['error']} at character {entries[0]['loc'][-1]}"
        return error_response(
            request, 400, f"The body is no JSON: {message}.", [FieldError(field="body", message=message)]
        )
    if _is_openai(request):
        return _openai(400, openai_errors.invalid(entries))
    errors = [FieldError(field=_field(entry["loc"]), message=entry["msg"]) for entry in entries[:_MAX_ERRORS]]
    wrong = "; ".join(f"{entry.field}: {entry.message}" for entry in errors)
    return error_response(request, 422, f"The request does not fit: {wrong}", errors)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    errors = [FieldError(field="body", message=str(error.detail))] if error.status_code in (400, 408, 413, 415) else []
    return error_response(request, error.status_code, str(error.detail), errors, dict(error.headers or {}))


async def _input(request: Request, error: Exception) -> Response:
    assert isinstance(error, InputError)
    if _is_openai(request):
        status, code = (404, "model_not_found") if isinstance(error, UnknownModelError) else (400, "invalid_value")
        return _openai(status, openai_errors.error_object(status, str(error), error.field, code))
    return error_response(request, 422, str(error), [FieldError(field=error.field, message=str(error))])


async def _overloaded(request: Request, error: Exception) -> Response:
    assert isinstance(error, OverloadedError)
    request.app.state.components.metrics.observe_rejection("queue_full")
    return error_response(request, 429, str(error), headers=retry_after(error))


async def _unavailable(request: Request, error: Exception) -> Response:
    logger.error("cannot solve: %s", error)
    return error_response(request, 503, str(error))


async def _unexpected(request: Request, error: Exception) -> Response:
    return error_response(request, 500, UNEXPECTED, headers=SAFE_HEADERS)  # made outside of every middleware


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=_CLIENT_CLOSED_REQUEST)  # for the access log; nobody reads it


_HANDLERS = {
    RequestValidationError: _invalid,
    HTTPException: _http,
    InputError: _input,
    OverloadedError: _overloaded,
    EngineError: _unavailable,
    SandboxError: _unavailable,
    ClientDisconnect: _gone,
    Exception: _unexpected,
}


def _is_openai(request: Request) -> bool:
    return request.url.path.startswith("/v1/")


def _openai(status: int, document: openai_errors.ErrorObject, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(document.model_dump()), status, media_type=openai_errors.MEDIA_TYPE, headers=headers)


def _field(location: Sequence[str | int]) -> str:
    """The dotted name of a part of the body; what stands in the request is cut short."""
    parts = location[1:] if location[:1] == ("body",) else location
    return ".".join(str(part) for part in parts)[:_MAX_FIELD] or "body"
