"""Headers of CORS, for pages of other origins."""

from collections.abc import Collection

EXPOSED = ("X-Request-ID", "Retry-After")
"""Headers of a response that a page may read."""


def cors_headers(origin: str, allowed: Collection[str]) -> dict[str, str]:
    """Headers of a response that does not pass Starlette's middleware.

    Args:
        origin: header Origin of the request. Empty if it is not known.
        allowed: allowed origins, or `*`.
    """
    if "*" in allowed:
        shared = {"Access-Control-Allow-Origin": "*"}
    elif origin in allowed:
        shared = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
    else:
        return {"Vary": "Origin"} if allowed else {}
    return shared | {"Access-Control-Expose-Headers": ", ".join(EXPOSED)}
