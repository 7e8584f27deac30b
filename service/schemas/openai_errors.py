"""Wire model of OpenAI's error object, for the routes under `/v1`."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from service.errors import field_reason
from service.schemas.openai_request import ChatNeutral, TextNeutral

MEDIA_TYPE = "application/json"
_NEUTRAL = ChatNeutral.model_fields.keys() | TextNeutral.model_fields.keys()
_CODES = {
    401: "invalid_api_key",
    403: "insufficient_permissions",
    429: "rate_limit_exceeded",
    503: "service_unavailable",
}
_MAX_PARAM = 100


class ErrorBody(BaseModel):
    """Description of an error. `param` names the invalid parameter."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorObject(BaseModel):
    """Error in the form of OpenAI's API."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": {
                        "message": "Twinpath does not support 'logprobs': must be false.",
                        "type": "invalid_request_error",
                        "param": "logprobs",
                        "code": "unsupported_parameter",
                    }
                }
            ]
        }
    )

    error: ErrorBody


def error_object(status: int, message: str, param: str | None = None, code: str | None = None) -> ErrorObject:
    """Error object.

    Args:
        status: HTTP status.
        message: description of the error.
        param: name of the invalid parameter.
        code: code of the error. Default: by the status.
    """
    kind = "requests" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    return ErrorObject(error=ErrorBody(message=message, type=kind, param=param, code=code or _CODES.get(status)))


def invalid(entries: Sequence[Any]) -> ErrorObject:
    """Error object of pydantic's errors: the deepest error of the first invalid parameter.

    A value of a union fails once for each type. The deepest error belongs to the type that fits best.
    """
    first = [entry for entry in entries if entry["loc"][:2] == entries[0]["loc"][:2]]
    entry = max(first, key=lambda entry: len(entry["loc"]))
    param = _param(entry["loc"])
    name = str(entry["loc"][1]) if len(entry["loc"]) > 1 else ""
    if entry["type"] == "extra_forbidden":
        return error_object(400, f"Unrecognized request argument supplied: {param}", param, "unknown_parameter")
    if name in _NEUTRAL:
        message = f"Twinpath does not support '{name}': {field_reason(entry)}."
        return error_object(400, message, name, "unsupported_parameter")
    code = "missing_required_parameter" if entry["type"] == "missing" else "invalid_value"
    return error_object(400, f"Invalid '{param}': {field_reason(entry)}.", param, code)


def _param(location: Sequence[str | int]) -> str:
    """Name of a parameter, such as `messages[0].content`, without the names of types that pydantic adds."""
    name = ""
    for part in location[1:]:
        if isinstance(part, int):
            name += f"[{part}]"
        elif part not in {"str", "constrained-str"} and "[" not in part:
            name += f".{part}" if name else part
    return name[:_MAX_PARAM] or "body"
