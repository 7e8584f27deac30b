"""ASGI middleware: body limits and security headers."""

import asyncio
from collections.abc import Collection

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Security headers of every response. The files of the pages have their own Cache-Control."""
_LARGE_BYTES = 4096
"""Maximum size of a body that takes no turn. Its validation holds the event loop for a millisecond at most."""


class BodyLimitMiddleware:
    """Middleware that answers 413 to a body that is too large, and 408 to a body that is too slow.

    A body is too large by its declared length or by the bytes that arrive. Large bodies take turns, so that each turn
    of the event loop validates at most one of them.

    Args:
        app: next application.
        max_bytes: maximum size of a body, in bytes.
        max_s: maximum time of a body, in seconds.
        exempt: URL paths without these limits.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_s: float, exempt: Collection[str] = ()) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_s = max_s
        self._exempt = exempt
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count the bytes of its body."""
        if scope["type"] != "http" or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        received = 0
        deadline: float | None = None
        is_complete = False

        async def limited() -> Message:
            nonlocal received, deadline, is_complete
            if declared.isdecimal() and int(declared[:20]) > self._max_bytes:
                raise self._too_large()
            deadline = deadline or asyncio.get_running_loop().time() + self._max_s
            try:
                async with asyncio.timeout_at(None if is_complete else deadline):
                    message = await receive()
            except TimeoutError:
                detail = f"The body did not arrive within {self._max_s:g} s."
                raise HTTPException(408, detail, {"Connection": "close"}) from None
            received += len(message.get("body", b""))
            is_request = message["type"] == "http.request"
            is_complete = not message.get("more_body", False)
            if received > self._max_bytes:
                raise self._too_large()
            if is_request and is_complete and received > _LARGE_BYTES:
                async with self._turn:
                    await asyncio.sleep(0)
            return message

        await self._app(scope, limited, send)

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"The body is larger than {self._max_bytes} bytes.")


class SecurityHeadersMiddleware:
    """Middleware that adds `SAFE_HEADERS` to every response, unless it has its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
