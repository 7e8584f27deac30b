"""Targets of requests: their paths, and whether they belong to OpenAI's API."""

import re
from urllib.parse import unquote

_ORIGIN = re.compile(rb"\Ahttps?://[^/?#]*", re.IGNORECASE)
_SLASHES = re.compile("/{2,}")
_OPENAI_PATH = re.compile(r"\A/v1(?:/|\Z)|/(?:completions|embeddings|models|responses)/?\Z")
"""Paths of OpenAI's API, also those of clients whose base URL lacks `/v1`."""


def without_origin(target: bytes) -> bytes:
    """Target in the origin form. A target in the absolute form (RFC 9112, section 3.2.2) loses its origin."""
    return _ORIGIN.sub(b"", target) or b"/"


def normalized_path(target: bytes, root_path: str) -> str:
    """Decoded path without doubled slashes, a slash at its end, and the prefix.

    Args:
        target: target without its origin and its query.
        root_path: prefix, without a slash at its end.
    """
    path = _SLASHES.sub("/", unquote(target.decode("latin-1")))
    if f"{path}/".startswith(f"{root_path}/"):
        path = path[len(root_path) :]
    return path.rstrip("/") or "/"


def is_openai(path: str) -> bool:
    """Whether errors of a normalized path are OpenAI's error objects."""
    return _OPENAI_PATH.search(path) is not None
