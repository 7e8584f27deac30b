"""Wire model of OpenAI's error object, for the routes under `/v1`."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.faults import faults
from service.schemas.openai_parameters import NEUTRAL

MEDIA_TYPE = "application/json"
_CODES = {
    401: "invalid_api_key",
    403: "insufficient_permissions",
    429: "rate_limit_exceeded",
    503: "service_unavailable",
}
_MAX_PARAM = 100


class ErrorBody(BaseModel):
    """Description of an error. `param` names the invalid parameter."""

    message: str = Field(
        description="What is wrong, and what is valid.",
        examples=["Invalid 'temperature': must be a number from 0 to 2."],
    )
    type: str = Field(
        description="`invalid_request_error`, `requests` (429) or `server_error`.", examples=["invalid_request_error"]
    )
    param: str | None = Field(description="Name of the invalid parameter, if there is one.", examples=["temperature"])
    code: str | None = Field(description="Code of the error, if it has one.", examples=["invalid_value"])


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

    error: ErrorBody = Field(description="Description of the error.")


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


def invalid(entries: Sequence[Any], model: type[BaseModel]) -> ErrorObject:
    """Error object of Pydantic's errors: the deepest fault of the first invalid parameter.

    A value of a union fails once for each type. The deepest fault belongs to the type that fits best.

    Args:
        entries: elements of `ValidationError.errors()`.
        model: model of the request.
    """
    found = faults(entries, model)
    fault = max((one for one in found if one.path[:1] == found[0].path[:1]), key=lambda one: len(one.path))
    param = _param(fault.path)
    if fault.kind == "extra_forbidden":
        hint = f"; did you mean '{_param(fault.meant)}'?" if fault.meant else ""
        return error_object(400, f"Unrecognized request argument supplied: {param}{hint}", param, "unknown_parameter")
    name = str(fault.path[0]) if fault.path else ""
    if name in NEUTRAL:
        message = f"Twinpath does not support '{name}': {fault.reason}."
        return error_object(400, message, name, "unsupported_parameter")
    if fault.kind == "missing":
        return error_object(400, f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
    return error_object(400, f"Invalid '{param}': {fault.reason}.", param, "invalid_value")


def _param(path: Sequence[str | int]) -> str:
    """Name of a parameter, such as `messages[0].content`."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return name.removeprefix(".")[:_MAX_PARAM] or "body"
