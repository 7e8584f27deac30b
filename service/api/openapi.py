"""The OpenAPI document, to the letter: what FastAPI derives from the routes, and what it cannot know.

That is: the limits that are settings, the lines of a batch and the events of a stream (`itemSchema`, as OpenAPI 3.2 has
it and FastAPI writes it), the headers that every response bears, and whole numbers as whole numbers.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.api.api_keys import KeyScope, scope_of
from service.schemas import PathEvent, SolveResponse, VoteEvent
from service.schemas.batch import BatchRow
from service.schemas.openai_errors import ErrorObject
from service.schemas.openai_response import Chunk
from service.schemas.problem_details import MEDIA_TYPE, ProblemDetails
from service.settings import Settings

_REF = "#/components/schemas/{model}"
_STREAMED: list[type[BaseModel]] = [BatchRow, PathEvent, VoteEvent, SolveResponse, ProblemDetails, Chunk]
_EVENTS: dict[str, type[BaseModel]] = {
    "path": PathEvent,
    "vote": VoteEvent,
    "answer": SolveResponse,
    "error": ProblemDetails,
}
_REQUEST_ID = {"description": "The request's id: the caller's own, or one that was made.", "schema": {"type": "string"}}
_CHALLENGE = {"description": "How to send a key.", "schema": {"type": "string"}}
_SCHEME = "key"
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, where the service has any (`api_keys_file`); else none is asked for.",
}
_REFUSALS = {
    "401": "There are API keys, and none that is known was sent.",
    "403": "The API key lacks the scope `{scope}`.",
    "429": "The API key's limit is reached; Retry-After says when to come back.",
}
_RETRY_AFTER = {"description": "Seconds until a retry has a chance.", "schema": {"type": "integer", "minimum": 0}}


def install(app: FastAPI, settings: Settings, *, has_keys: bool) -> None:
    """Make `app.openapi()` the whole truth about `app` under these settings, with or without API keys."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _whole(_document(app, settings, has_keys))
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI, settings: Settings, has_keys: bool) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description="Errors are problem documents (RFC 9457); under `/v1` they are OpenAI's error object. A request "
        "may name its id in `X-Request-ID`; every response bears one. Where the service has API keys, each request but "
        "those for `/health`, `/ready` and this document sends one: `Authorization: Bearer KEY`.",
        license_info=app.license_info,
        routes=app.routes,
        tags=[
            {"name": "solve", "description": "Problems in, answers out."},
            {"name": "openai", "description": "The same vote for OpenAI's clients."},
            {"name": "operations", "description": "For those who run the service."},
        ],
    )
    schemas = document["components"]["schemas"]
    _, streamed = models_json_schema([(model, "serialization") for model in _STREAMED], ref_template=_REF)
    for name, schema in streamed["$defs"].items():
        schemas.setdefault(name, schema)
    schemas["SolveRequest"]["properties"]["problem"]["maxLength"] = settings.max_problem_chars
    schemas["BatchInput"] = _row_of(schemas["SolveRequest"])
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, which no response of ours is
        schemas.pop(unused, None)
    paths = document["paths"]
    paths["/solve/batch"]["post"]["requestBody"]["content"]["application/x-ndjson"] |= {
        "itemSchema": {"$ref": _REF.format(model="BatchInput")}
    }
    paths["/solve/batch"]["post"]["responses"]["200"]["content"] = {
        "application/x-ndjson": {"itemSchema": _ref(BatchRow)}
    }
    _stream_of(paths["/solve/stream"]["post"], _events())
    for path in ("/v1/chat/completions", "/v1/completions"):
        _stream_of(paths[path]["post"], _chunks())
    document["components"]["securitySchemes"] = {_SCHEME: _BEARER}
    for path, operations in paths.items():
        for operation in operations.values():
            if scope := scope_of(path):
                _guard(path, operation, scope, has_keys=has_keys)
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]  # FastAPI's own; under /v1 that is 400
            _complete(operation["responses"])
    return document


def _guard(path: str, operation: dict[str, Any], scope: KeyScope, *, has_keys: bool) -> None:
    """The operation asks for a key, where the service has keys."""
    operation["security"] = [{_SCHEME: []}] if has_keys else [{_SCHEME: []}, {}]
    model, media_type = (ErrorObject, "application/json") if path.startswith("/v1/") else (ProblemDetails, MEDIA_TYPE)
    for status, description in _REFUSALS.items():
        refusal = {"description": description.format(scope=scope), "content": {media_type: {"schema": _ref(model)}}}
        operation["responses"].setdefault(status, refusal)


def _row_of(request: dict[str, Any]) -> dict[str, Any]:
    """A line of a batch: a request with an id, whose text may have the name that data files give it."""
    row = {key: value for key, value in request.items() if key not in {"additionalProperties", "required", "examples"}}
    question = request["properties"]["problem"] | {
        "title": "Question",
        "description": "The same, as data files name it.",
    }
    row_id = {
        "anyOf": [{"type": "string"}, {"type": "integer"}],
        "description": "Names the result; else the line does.",
    }
    return row | {
        "title": "BatchInput",
        "description": "A row of a batch: a request of `/solve` with an `id`. Other columns are left alone.",
        "properties": {"id": row_id, "question": question} | request["properties"],
        "anyOf": [{"required": ["problem"]}, {"required": ["question"]}],
    }


def _stream_of(operation: dict[str, Any], item: dict[str, Any]) -> None:
    operation["responses"]["200"]["content"]["text/event-stream"] = {"itemSchema": item}


def _events() -> dict[str, Any]:
    """An event of `/solve/stream`: its name, and JSON that fits the name."""
    return {"oneOf": [_event(_ref(model), event={"const": name}) for name, model in _EVENTS.items()]}


def _chunks() -> dict[str, Any]:
    """An event of a streamed completion: a chunk, an error object, or the end."""
    end = {"type": "object", "required": ["data"], "properties": {"data": {"const": "[DONE]"}}}
    return {"anyOf": [_event(_ref(Chunk)), _event({"$ref": _REF.format(model="ErrorObject")}), end]}


def _event(content: dict[str, Any], **named: dict[str, Any]) -> dict[str, Any]:
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": content}
    return {"type": "object", "required": ["data", *named], "properties": named | {"data": data}}


def _complete(responses: dict[str, Any]) -> None:
    """Errors under their own media type, and the headers of all."""
    for status, response in responses.items():
        if {MEDIA_TYPE, "application/json"} <= response.get(
            "content", {}
        ).keys():  # FastAPI puts a model under the route's own type
            response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}
        response.setdefault("headers", {})["X-Request-ID"] = _REQUEST_ID
        if status == "401":
            response["headers"]["WWW-Authenticate"] = _CHALLENGE
        if status == "429":
            response["headers"]["Retry-After"] = _RETRY_AFTER


def _ref(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REF.format(model=model.__name__)}


def _whole(value: Any) -> Any:
    """The same with whole numbers as integers: as floats, limits near 2^63 are inexact."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
