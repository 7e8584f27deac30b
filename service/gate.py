"""Who comes in: the API key of a request, and whether there is room, before anything else of it is looked at.

Both stand outside every route and every limit on bodies, so that a request without a key costs one hash, and one too
many not even the reading of its body.
"""

import math
from collections.abc import Callable, Collection

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.admission import Admission
from service.errors import OverloadedError
from service.keys import Holder, KeyRing, scope_of
from service.problem_json import problem, retry_after

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="twinpath"'}
_RETRY_S = 1


class Gate:
    """Lets in who holds a key that is good for the path and not used up: else 401, 403 or 429.

    Args:
        app: what stands behind it.
        ring: the keys.
        on_refusal: told the reason: `unauthorized`, `forbidden`, `rate_limited` or `concurrency_limited`.
    """

    def __init__(self, app: ASGIApp, ring: KeyRing, on_refusal: Callable[[str], None]) -> None:
        self._app = app
        self._ring = ring
        self._on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, holding one of its key's places until its response has ended."""
        needed = scope_of(scope["path"]) if scope["type"] == "http" else None
        if needed is None:
            await self._app(scope, receive, send)
            return
        holder = self._ring.find(_token(scope))

        async def refuse(status: int, reason: str, detail: str, headers: dict[str, str]) -> None:
            self._on_refusal(reason)
            await problem(Request(scope), status, detail, headers=headers)(scope, receive, send)

        if holder is None:
            await refuse(401, "unauthorized", "Send an API key that is known: Authorization: Bearer KEY.", _CHALLENGE)
        elif needed not in holder.table.scopes:
            await refuse(403, "forbidden", f"This API key lacks the scope {needed}.", {})
        elif holder.is_full:
            detail = f"This API key has {holder.active} requests open, and may have no more at the same time."
            await refuse(429, "concurrency_limited", detail, {"Retry-After": str(_RETRY_S)})
        elif wait_s := holder.take_turn():
            detail = f"This API key may send {holder.table.requests_per_minute} requests a minute."
            await refuse(429, "rate_limited", detail, {"Retry-After": str(math.ceil(wait_s))})
        else:
            await self._enter(holder, scope, receive, send)

    async def _enter(self, holder: Holder, scope: Scope, receive: Receive, send: Send) -> None:
        holder.active += 1
        try:
            await self._app(scope, receive, send)
        finally:
            holder.active -= 1


class Door:
    """Turns problems away with 429 while the queue is full.

    Args:
        app: what stands behind it.
        admission: the queue.
        paths: where problems are posted, one at a time.
        on_refusal: told the reason: `queue_full`.
    """

    def __init__(
        self, app: ASGIApp, admission: Admission, paths: Collection[str], on_refusal: Callable[[str], None]
    ) -> None:
        self._app = app
        self._admission = admission
        self._paths = paths
        self._on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, if its problem could start or wait now."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._paths:
            try:
                self._admission.require_room()
            except OverloadedError as error:
                self._on_refusal("queue_full")
                await problem(Request(scope), 429, str(error), headers=retry_after(error))(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _token(scope: Scope) -> str:
    scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
