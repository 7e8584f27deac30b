"""ASGI middleware with the rules of HTTP (RFC 9110, RFC 9112)."""

import re
from urllib.parse import quote

from fastapi import Response
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.errors import error_response
from service.api.targets import normalized_path, without_origin

_HOST = re.compile(r"[\w.~!$&'()*+,;=%-]*(:\d*)?|\[[\da-fA-F:.]+\](:\d*)?", re.ASCII)
_ALL_METHODS = {"Allow": "GET, HEAD, OPTIONS, POST"}


class RequestRulesMiddleware:
    """Middleware that refuses what HTTP forbids, normalizes the path, and answers HEAD like GET.

    A slash at the end, doubled slashes, an origin in front and the prefix change neither the route of a path nor its
    access control.

    Args:
        app: next application.
        root_path: prefix of the paths.
    """

    def __init__(self, app: ASGIApp, root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its normalized path."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        target = scope["raw_path"] = without_origin(scope.get("raw_path") or quote(scope["path"]).encode())
        scope["path"] = normalized_path(target, self._root_path)
        if response := _exception(Request(scope), target):
            await response(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._app({**scope, "method": "GET"}, receive, send)  # the server leaves the body out
        else:
            await self._app(scope, receive, send)


def is_folder(scope: Scope) -> bool:
    """Whether the path of a request ends with a slash, which decides what relative addresses mean."""
    return bool(scope["raw_path"].endswith(b"/"))


def _exception(request: Request, target: bytes) -> Response | None:
    """Response to a request that no route answers."""
    headers: Headers = request.headers
    if not request.scope.get("http_version", "1.1").startswith("1."):
        return _refused(request, 505, "The version of HTTP must be 1.1.")
    if {"content-length", "transfer-encoding"} <= set(headers.keys()):
        return _refused(request, 400, "The request must not have both Content-Length and Transfer-Encoding.")
    if not all(_HOST.fullmatch(host) for host in headers.getlist("host")):
        return _refused(
            request, 400, "The header Host must be the name or the address of a host, with or without a port."
        )
    if target == b"*" and request.method == "OPTIONS":
        return Response(status_code=204, headers=_ALL_METHODS)
    if request.method == "CONNECT":
        return error_response(request, 405, "The service is not a proxy.", headers=_ALL_METHODS)
    if not target.startswith(b"/"):
        return _refused(request, 400, "The target of the request must be a path, such as /solve.")
    codings = {coding.strip().lower() for coding in headers.get("content-encoding", "").split(",")}
    if codings - {"", "identity"}:
        detail = "The body must not be compressed. Send it without Content-Encoding."
        return error_response(request, 415, detail, headers={"Accept-Encoding": "identity"})
    return None


def _refused(request: Request, status: int, detail: str) -> Response:
    return error_response(request, status, detail, headers={"Connection": "close"})
