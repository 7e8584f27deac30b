"""Problem details (RFC 9457): the error document of the HTTP API."""

from collections.abc import Sequence
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, Field

from service.errors import EngineError, InputError, OverloadedError, SandboxError, TwinpathError

MEDIA_TYPE = "application/problem+json"
UNEXPECTED = "The service failed. Its log has the reason under this request id."
_STATUSES = ((EngineError | SandboxError, 503), (InputError, 422), (OverloadedError, 429))


class FieldError(BaseModel):
    """Error of one field of the request."""

    field: str = Field(
        description="Dotted name of the field, such as `paths.cot`. `body` for the whole body.",
        examples=["temperature"],
    )
    message: str = Field(
        description="What is wrong, and what is valid.",
        examples=["`temperature` must be a number from 0 to 2."],
    )


class ProblemDetails(BaseModel):
    """Error in the form of RFC 9457, with the id of the request and the invalid fields."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Unprocessable Entity",
                    "status": 422,
                    "detail": "`temperature` must be a number from 0 to 2.",
                    "request_id": "76889b74b4e7422fa6d55071d000db11",
                    "errors": [{"field": "temperature", "message": "`temperature` must be a number from 0 to 2."}],
                }
            ]
        }
    )

    type: str = Field(
        default="about:blank", description="Always `about:blank`: the status is the type.", examples=["about:blank"]
    )
    title: str = Field(description="Phrase of the HTTP status.", examples=["Unprocessable Entity"])
    status: int = Field(description="HTTP status.", examples=[422])
    detail: str = Field(
        description="What is wrong, and what to do. With invalid fields: the message of the first one.",
        examples=["`temperature` must be a number from 0 to 2."],
    )
    request_id: str | None = Field(
        description="Id of the request, also in `X-Request-ID` and the log.",
        examples=["76889b74b4e7422fa6d55071d000db11"],
    )
    errors: list[FieldError] = Field(description="Invalid fields, at most 20. Empty for other errors.")


def problem_details(error: BaseException, request_id: str | None = None) -> ProblemDetails:
    """Problem details for an error inside a response whose status was already sent.

    Args:
        error: the error. The text of an unexpected error is not shown.
        request_id: id of the request.
    """
    status = next((status for kinds, status in _STATUSES if isinstance(error, kinds)), 500)
    detail = str(error) if isinstance(error, TwinpathError) else UNEXPECTED
    wrong = [FieldError(field=error.field, message=str(error))] if isinstance(error, InputError) else []
    return details_of_status(status, detail, wrong, request_id)


def details_of_status(
    status: int, detail: str, errors: Sequence[FieldError] = (), request_id: str | None = None
) -> ProblemDetails:
    """Problem details with the title of an HTTP status."""
    return ProblemDetails(
        title=HTTPStatus(status).phrase, status=status, detail=detail, request_id=request_id, errors=list(errors)
    )
