"""Schemathesis hook for JSON Lines bodies."""

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def json_lines(context: Any, value: Any) -> bytes:
    return value.encode(errors="replace") if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Body with a served model, so that a valid one is not refused for a name that no schema can state."""
    if isinstance(body, dict) and isinstance(body.get("model"), str) and len(body["model"]) <= 500:
        return body | {"model": "twinpath"}
    return body
