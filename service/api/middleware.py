"""What every request passes on its way in, and every response on its way out, below the routes."""

import asyncio
from collections.abc import Collection

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
"""On every response: nothing is taken for what it is not, and no address is told to others."""


class BodyLimitMiddleware:
    """Refuses bodies that are too large with 413, by their declared length or as they arrive, and slow ones with 408.

    Starlette's own limit answers in plain text; this one raises, for `problem_json.py` to make a document of it. Paths
    in `exempt` read their bodies piece by piece and have limits of their own.

    Args:
        app: what stands behind it.
        max_bytes: of a body.
        max_s: seconds from the first look at a body to its end.
        exempt: paths without these limits.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_s: float, exempt: Collection[str] = ()) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_s = max_s
        self._exempt = exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body."""
        if scope["type"] != "http" or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        received = 0
        until: float | None = None
        is_whole = False

        async def limited() -> Message:
            nonlocal received, until, is_whole
            if declared.isdecimal() and int(declared[:20]) > self._max_bytes:
                raise self._too_large()
            until = until or asyncio.get_running_loop().time() + self._max_s
            try:
                async with asyncio.timeout_at(None if is_whole else until):
                    message = await receive()
            except TimeoutError:
                detail = f"The body was not whole within {self._max_s:g} s."
                raise HTTPException(408, detail, {"Connection": "close"}) from None
            received += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if received > self._max_bytes:
                raise self._too_large()
            return message

        await self._app(scope, limited, send)

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"The body is larger than {self._max_bytes} bytes.")


class SecurityHeadersMiddleware:
    """Adds `SAFE_HEADERS` to every response that does not bear its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
