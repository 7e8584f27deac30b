"""ASGI middleware that checks API keys."""

import math
import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.allowance import Allowance
from service.api.api_key import ApiKey
from service.api.api_keys import KeyRing, scope_of
from service.api.errors import error_response

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="twinpath"'}


class ApiKeyMiddleware:
    """Middleware that answers 401, 403 or 429 to a request without a valid key, its scope, or room in its limits.

    Args:
        app: next application.
        ring: accepted keys.
        on_refusal: called with the reason: `unauthorized`, `forbidden`, `rate_limited` or `concurrency_limited`.
    """

    def __init__(self, app: ASGIApp, ring: KeyRing, on_refusal: Callable[[str], None]) -> None:
        self._app = app
        self._ring = ring
        self._on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the key, and count a POST as an open problem until its response has ended.

        A request that the queue refuses does not count against the rate.
        """
        needed = scope_of(scope["path"]) if scope["type"] == "http" else None
        if needed is None:
            await self._app(scope, receive, send)
            return
        key = self._ring.find(_token(scope))

        async def refuse(status: int, reason: str, detail: str, headers: dict[str, str]) -> None:
            self._on_refusal(reason)
            await error_response(Request(scope), status, detail, headers=headers)(scope, receive, send)

        if key is None:
            await refuse(
                401,
                "unauthorized",
                "The API key is missing or unknown. Send the header `Authorization: Bearer KEY`.",
                _CHALLENGE,
            )
        elif needed not in key.table.scopes:
            await refuse(403, "forbidden", f"This API key lacks the scope {needed}.", {})
        elif scope["method"] == "POST" and key.is_full:
            detail = f"This API key has reached its limit of {key.table.concurrency} open problems."
            await refuse(429, "concurrency_limited", detail, {"Retry-After": str(key.retry_after_s)})
        elif wait_s := key.acquire_rate():
            await refuse(429, "rate_limited", key.rate_text, {"Retry-After": str(math.ceil(wait_s))})
        else:
            await self._enter(key, scope, receive, send)

    async def _enter(self, key: ApiKey, scope: Scope, receive: Receive, send: Send) -> None:
        scope["twinpath.key"] = key
        scope["twinpath.allowance"] = allowance = Allowance(key)
        if scope["method"] != "POST":  # it opens no problem
            await self._app(scope, receive, send)
            return

        async def send_and_refund(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 429:
                allowance.refund()
            await send(message)

        key.open_place()
        began = time.monotonic()
        try:
            await self._app(scope, receive, send_and_refund)
        finally:
            key.close_place(time.monotonic() - began)


def key_name(scope: Scope) -> str:
    """Name of the API key of a request. Empty without keys."""
    key: ApiKey | None = scope.get("twinpath.key")
    return key.table.name if key else ""


def _token(scope: Scope) -> str:
    scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
