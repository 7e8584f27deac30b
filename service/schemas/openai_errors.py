"""OpenAI's error object: what a problem document is to clients of `/v1`."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

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
    """What went wrong; `param` names the parameter that is to blame."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorObject(BaseModel):
    """An error as OpenAI's clients expect it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": {
                        "message": "Twinpath does not support 'logprobs': Value error, must be false.",
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
    """The object for an error of this status."""
    kind = "requests" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    return ErrorObject(error=ErrorBody(message=message, type=kind, param=param, code=code or _CODES.get(status)))


def invalid(entries: Sequence[Any]) -> ErrorObject:
    """The object for pydantic's errors: of the first wrong parameter, the one that lies deepest.

    A value that may be of several types fails once for each; the deepest failure is of the type that was meant.
    """
    first = [entry for entry in entries if entry["loc"][:2] == entries[0]["loc"][:2]]
    entry = max(first, key=lambda entry: len(entry["loc"]))
    param = _param(entry["loc"])
    name = str(entry["loc"][1]) if len(entry["loc"]) > 1 else ""
    if entry["type"] == "extra_forbidden":
        return error_object(400, f"Unrecognized request argument supplied: {param}", param, "unknown_parameter")
    if name in _NEUTRAL:
        message = f"Twinpath does not support '{name}': {entry['msg']}."
        return error_object(400, message, name, "unsupported_parameter")
    code = "missing_required_parameter" if entry["type"] == "missing" else "invalid_value"
    return error_object(400, f"Invalid '{param}': {entry['msg']}.", param, code)


def _param(location: Sequence[str | int]) -> str:
    """The parameter's name, as in `messages[0].content`, without pydantic's names of types."""
    name = ""
    for part in location[1:]:
        if isinstance(part, int):
            name += f"[{part}]"
        elif part not in {"str", "constrained-str"} and "[" not in part:
            name += f".{part}" if name else part
    return name[:_MAX_PARAM] or "body"
