"""ASGI middleware that answers 429 while the queue is full."""

from collections.abc import Callable, Collection

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.auth import key_name
from service.api.errors import error_response, retry_after
from service.errors import OverloadedError
from service.solve.admission import Admission


class LoadSheddingMiddleware:
    """Middleware that answers 429 to a problem while the queue is full, before its body is read.

    Args:
        app: next application.
        admission: admission control with the queue.
        paths: URL paths to which single problems are posted.
        on_refusal: called with the reason `queue_full`.
    """

    def __init__(
        self, app: ASGIApp, admission: Admission, paths: Collection[str], on_refusal: Callable[[str], None]
    ) -> None:
        self._app = app
        self._admission = admission
        self._paths = paths
        self._on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its problem can start or wait now."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._paths:
            try:
                self._admission.require_room(key_name(scope))
            except OverloadedError as error:
                self._on_refusal("queue_full")
                await error_response(Request(scope), 429, str(error), headers=retry_after(error))(scope, receive, send)
                return
        await self._app(scope, receive, send)
