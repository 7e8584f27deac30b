"""ASGI middleware for cross-origin requests (CORS)."""

from collections.abc import Collection

from fastapi import Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_EXPOSED = "X-Request-ID, Retry-After"
_METHODS = "GET, HEAD, POST"
_PREFLIGHT_S = 600
_ANY = "*"


class CorsMiddleware:
    """Middleware that lets pages of some origins read the responses. Their preflights need no key.

    Cookies play no part: a page sends its key in the header Authorization.

    Args:
        app: next application.
        origins: allowed origins, such as `https://example.org`. `*` allows all.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or pass the request on and allow its page to read the response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        allowed = self._allowed(asked.get("origin"))
        if allowed and scope["method"] == "OPTIONS" and "access-control-request-method" in asked:
            await Response(status_code=204, headers=allowed | _preflight(asked))(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(allowed)
                headers.add_vary_header("Origin")
            await send(message)

        await self._app(scope, receive, with_headers)

    def _allowed(self, origin: str | None) -> dict[str, str]:
        if origin is None or not {_ANY, origin} & set(self._origins):
            return {}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED}


def _preflight(asked: Headers) -> dict[str, str]:
    answer = {
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": asked.get("access-control-request-headers", ""),
        "Access-Control-Max-Age": str(_PREFLIGHT_S),
        "Vary": "Origin, Access-Control-Request-Headers",
    }
    if asked.get("access-control-request-private-network") == "true":
        answer["Access-Control-Allow-Private-Network"] = "true"
    return answer
