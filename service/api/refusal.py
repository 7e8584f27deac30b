"""Error responses of connections, for requests that do not reach the application."""

import json
import secrets
from collections.abc import Iterable
from http import HTTPStatus

from service.api.middleware import SAFE_HEADERS
from service.schemas import openai_errors
from service.schemas.problem_details import MEDIA_TYPE, details_of_status


def refusal(
    status: int,
    detail: str,
    headers: Iterable[tuple[bytes, bytes]] = (),
    *,
    is_openai: bool = False,
    retry_after_s: int | None = None,
) -> bytes:
    """Head and body of a response that closes its connection.

    Args:
        status: HTTP status.
        detail: description of the error.
        headers: further headers, such as Date.
        is_openai: whether the body is OpenAI's error object.
        retry_after_s: seconds of the header Retry-After.
    """
    request_id = secrets.token_hex(16)
    if is_openai:
        document, media_type = openai_errors.error_object(status, detail).model_dump(), openai_errors.MEDIA_TYPE
    else:
        document, media_type = details_of_status(status, detail, request_id=request_id).model_dump(), MEDIA_TYPE
    body = json.dumps(document).encode()
    named = {
        "Content-Type": media_type,
        "Content-Length": str(len(body)),
        "Connection": "close",
        "X-Request-ID": request_id,
        **SAFE_HEADERS,
    }
    if retry_after_s is not None:
        named["Retry-After"] = str(retry_after_s)
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
    lines += [name + b": " + value for name, value in headers]
    lines += [f"{name}: {value}".encode() for name, value in named.items()]
    return b"\r\n".join([*lines, b"", body])
