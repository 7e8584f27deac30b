"""Routes of the web page: static files with a content security policy."""

from importlib.resources import files
from pathlib import PurePosixPath

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from service.api.request_rules import is_folder
from service.api.static_files import static_response

router = APIRouter(include_in_schema=False)

_FOLDER = files("service") / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FILES = {entry.name: entry.read_bytes() for entry in _FOLDER.iterdir()}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}


@router.get("/")
async def page(request: Request) -> Response:
    """The page."""
    if not is_folder(request.scope):  # the prefix without its slash, where relative addresses would lack the prefix
        return RedirectResponse(f"./{_last_segment(request)}/", 308)
    return _file(request, "index.html")


@router.get("/page/{name}")
async def static(name: str, request: Request) -> Response:
    """A file of the page."""
    if name not in _FILES:
        raise HTTPException(404, "The page has no such file.")
    return _file(request, name)


def _file(request: Request, name: str) -> Response:
    return static_response(request, _FILES[name], _TYPES[PurePosixPath(name).suffix], _HEADERS)


def _last_segment(request: Request) -> str:
    segment: bytes = request.scope["raw_path"].rpartition(b"/")[2]
    return segment.decode("ascii")
