"""Additions to FastAPI's OpenAPI document.

These are limits from the settings, headers, security requirements, and the items of batches and streams (`itemSchema`
of OpenAPI 3.2).
"""

import asyncio
import json
from functools import cache
from types import ModuleType
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.api.api_key import KeyScope
from service.api.api_keys import scope_of
from service.api.static_files import static_response
from service.schemas import PathEvent, SolveResponse, VoteEvent
from service.schemas.batch import BatchRow, GradeRow
from service.schemas.openai_errors import ErrorObject
from service.schemas.openai_parameters import Tolerated
from service.schemas.openai_response import Chunk
from service.schemas.openai_responses import DeltaEvent, ItemEvent, PartEvent, ResponseEvent, TextEvent
from service.schemas.problem_details import MEDIA_TYPE, ProblemDetails
from service.settings import Settings

_REF = "#/components/schemas/{model}"
_RESPONSE_EVENTS: list[type[BaseModel]] = [ResponseEvent, ItemEvent, PartEvent, DeltaEvent, TextEvent]
_STREAMED: list[type[BaseModel]] = [
    BatchRow, GradeRow, PathEvent, VoteEvent, SolveResponse, ProblemDetails, Chunk, *_RESPONSE_EVENTS,
]  # fmt: skip
_EVENTS: dict[str, type[BaseModel]] = {
    "path": PathEvent,
    "vote": VoteEvent,
    "answer": SolveResponse,
    "error": ProblemDetails,
}
_OPENAI_REQUESTS = ("ChatRequest", "CompletionRequest", "ResponseRequest")
_TOLERATED = (
    "Another parameter of OpenAI or of another server, at a value that changes nothing. Any other value is an error "
    "that names the parameter."
)
_BATCHES = (("SolveRequest", "/solve", "BatchInput", BatchRow), ("GradeRequest", "/grade", "GradeInput", GradeRow))
_REQUEST_ID = {
    "description": "Id of the request: the one that the client sent, or a new one.",
    "schema": {"type": "string"},
}
_CHALLENGE = {"description": "Authentication scheme.", "schema": {"type": "string"}}
_SCHEME = "key"
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "API key. Required if the service has keys (`api_keys_file`).",
}
_REFUSALS = {
    "401": "The API key is missing or unknown.",
    "403": "The API key lacks the scope `{scope}`.",
    "429": "The API key has reached a limit.",
}
_RETRY_AFTER = {"description": "Seconds to wait before a retry.", "schema": {"type": "integer", "minimum": 0}}


def install(app: FastAPI, settings: Settings, modules: tuple[ModuleType, ...], *, has_keys: bool) -> None:
    """Make `app.openapi()` return the complete document, and serve it at `/openapi.json`.

    Args:
        app: the application.
        settings: settings with the limits.
        modules: modules with the application's routes.
        has_keys: whether the service has API keys.
    """

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _with_integers(_document(app, settings, modules, has_keys))
        return app.openapi_schema

    turn = asyncio.Lock()

    @cache
    def content() -> bytes:
        return json.dumps(openapi(), ensure_ascii=False, separators=(",", ":")).encode()

    async def serve(request: Request) -> Response:
        async with turn:  # the document is made once, and takes longer than other requests may wait
            document = content() if content.cache_info().currsize else await asyncio.to_thread(content)
        return static_response(request, document, "application/json", {"Cache-Control": "no-cache"})

    app.openapi = openapi  # type: ignore[method-assign]
    app.add_route("/openapi.json", serve, include_in_schema=False)


@cache
def _derived(modules: tuple[ModuleType, ...]) -> str:
    """Paths and schemas of the routes as JSON text. They depend on no setting."""
    routes = [route for module in modules for route in module.router.routes]
    document = get_openapi(title="", version="", routes=routes)
    schemas = document["components"]["schemas"]
    _, streamed = models_json_schema([(model, "serialization") for model in _STREAMED], ref_template=_REF)
    for name, schema in streamed["$defs"].items():
        schemas.setdefault(name, schema)
    for unused in ("HTTPValidationError", "ValidationError"):  # models of FastAPI that no response uses
        schemas.pop(unused, None)
    return json.dumps({"paths": document["paths"], "components": document["components"]})


def _document(app: FastAPI, settings: Settings, modules: tuple[ModuleType, ...], has_keys: bool) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description="Errors are problem details (RFC 9457). Under `/v1` they are OpenAI's error object. A request may "
        "set its id in `X-Request-ID`. Every response has one. If the service has API keys, every request needs the "
        "header `Authorization: Bearer KEY`, except requests for `/health`, `/ready`, `/docs`, this document "
        "and the page.",
        license_info=app.license_info,
        routes=[],
        tags=[
            {"name": "solve", "description": "Solve math word problems."},
            {"name": "grade", "description": "Grade responses to math word problems."},
            {"name": "openai", "description": "The same vote for clients of OpenAI's API."},
            {"name": "operations", "description": "Health checks and metrics."},
        ],
    )
    document |= json.loads(_derived(modules))
    schemas = document["components"]["schemas"]
    for name, path, row, result in _BATCHES:
        schemas[name]["properties"]["problem"]["maxLength"] = settings.max_problem_chars
        schemas[row] = _row_of(schemas[name], row, path)
        batch = document["paths"][f"{path}/batch"]["post"]
        batch["requestBody"]["content"]["application/x-ndjson"] |= {"itemSchema": {"$ref": _REF.format(model=row)}}
        batch["responses"]["200"]["content"] = {"application/x-ndjson": {"itemSchema": _ref(result)}}
    for name in _OPENAI_REQUESTS:
        kept = {field: of for field, of in schemas[name]["properties"].items() if field not in Tolerated.model_fields}
        schemas[name] |= {"properties": kept, "additionalProperties": {"type": "null", "description": _TOLERATED}}
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            _add_example(field)
    paths = document["paths"]
    _stream_of(paths["/solve/stream"]["post"], _events())
    for path in ("/v1/chat/completions", "/v1/completions"):
        _stream_of(paths[path]["post"], _chunks())
    events = [_event(_ref(kind)) for kind in _RESPONSE_EVENTS] + [_event(_ref(ErrorObject))]
    _stream_of(paths["/v1/responses"]["post"], {"anyOf": events})
    document["components"]["securitySchemes"] = {_SCHEME: _BEARER}
    for path, operations in paths.items():
        for operation in operations.values():
            if scope := scope_of(path):
                _guard(path, operation, scope, has_keys=has_keys)
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]  # added by FastAPI; under /v1 the status is 400
            _complete(operation["responses"])
    return document


def _add_example(field: dict[str, Any]) -> None:
    """Add an example to a field with only one valid value except null."""
    options = field.get("anyOf", [field])
    for option in options:
        if "const" in option:
            value = option["const"]
        elif option.get("maxItems") == 0 or option.get("maxProperties") == 0:
            value = [] if option["type"] == "array" else {}
        elif options == [option] and option.get("type") == "null":
            value = None
        elif "minimum" in option and option["minimum"] == option.get("maximum"):
            value = option["minimum"]
        else:
            continue
        field.setdefault("examples", [value])


def _guard(path: str, operation: dict[str, Any], scope: KeyScope, *, has_keys: bool) -> None:
    """Add the security requirement and the refusals of an operation that needs a key."""
    operation["security"] = [{_SCHEME: []}] if has_keys else [{_SCHEME: []}, {}]
    model, media_type = (ErrorObject, "application/json") if path.startswith("/v1/") else (ProblemDetails, MEDIA_TYPE)
    for status, description in _REFUSALS.items():
        refusal = {"description": description.format(scope=scope), "content": {media_type: {"schema": _ref(model)}}}
        operation["responses"].setdefault(status, refusal)


def _row_of(request: dict[str, Any], title: str, path: str) -> dict[str, Any]:
    """Schema of a line of a batch: a request for a path with an id, whose text is `problem` or `question`."""
    row = {key: value for key, value in request.items() if key not in {"additionalProperties", "required", "examples"}}
    question = request["properties"]["problem"] | {
        "title": "Question",
        "description": "The same as `problem`.",
        "examples": ["Ann had 12 apples and gave 5 away. How many are left?"],
    }
    row_id = {
        "anyOf": [{"type": "string"}, {"type": "integer"}],
        "description": "Id of the result. Default: the line number.",
        "examples": ["a"],
    }
    return row | {
        "title": title,
        "description": f"Row of a batch: a request of `{path}` with an `id`. Other columns are ignored.",
        "properties": {"id": row_id, "question": question} | request["properties"],
        "anyOf": [
            {"required": [text, *(name for name in request["required"] if name != "problem")]}
            for text in ("problem", "question")
        ],
    }


def _stream_of(operation: dict[str, Any], item: dict[str, Any]) -> None:
    operation["responses"]["200"]["content"]["text/event-stream"] = {"itemSchema": item}


def _events() -> dict[str, Any]:
    """Schema of an event of `/solve/stream`."""
    return {"oneOf": [_event(_ref(model), event={"const": name}) for name, model in _EVENTS.items()]}


def _chunks() -> dict[str, Any]:
    """Schema of an event of a streamed completion: a chunk, an error object, or the end."""
    end = {"type": "object", "required": ["data"], "properties": {"data": {"const": "[DONE]"}}}
    return {"anyOf": [_event(_ref(Chunk)), _event({"$ref": _REF.format(model="ErrorObject")}), end]}


def _event(content: dict[str, Any], **named: dict[str, Any]) -> dict[str, Any]:
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": content}
    return {"type": "object", "required": ["data", *named], "properties": named | {"data": data}}


def _complete(responses: dict[str, Any]) -> None:
    """Add headers, and keep only the media type of problem details for errors."""
    for status, response in responses.items():
        content = response.get("content", {})
        if {MEDIA_TYPE, "application/json"} <= content.keys():  # FastAPI adds the media type of the route
            response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}
        response.setdefault("headers", {})["X-Request-ID"] = _REQUEST_ID
        if status == "401":
            response["headers"]["WWW-Authenticate"] = _CHALLENGE
        if status == "429":
            response["headers"]["Retry-After"] = _RETRY_AFTER


def _ref(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REF.format(model=model.__name__)}


def _with_integers(value: Any) -> Any:
    """Document with whole numbers as integers. As floats, limits near 2^63 are inexact."""
    if isinstance(value, dict):
        return {key: _with_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_integers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
