"""Static files with conditional requests by entity tag (RFC 9110)."""

import hashlib
from collections.abc import Mapping
from functools import cache

from fastapi import Request, Response


@cache
def _tag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def static_response(request: Request, content: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    """Response with a file, or 304 if the client has it.

    Args:
        request: the HTTP request.
        content: content of the file.
        media_type: media type of the file.
        headers: headers of the response.
    """
    tag = _tag(content)
    known = request.headers.get("if-none-match", "")
    tagged = {**headers, "ETag": tag}
    if known.strip() == "*" or tag in {part.strip().removeprefix("W/") for part in known.split(",")}:
        return Response(status_code=304, headers=tagged)
    return Response(content, media_type=media_type, headers=tagged)
