"""Routes of the web page: static files with a content security policy."""

from importlib.resources import files
from pathlib import PurePosixPath

from fastapi import APIRouter, HTTPException, Response

router = APIRouter(include_in_schema=False)

_FOLDER = files("service") / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FILES = {entry.name: entry for entry in _FOLDER.iterdir()}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}


@router.get("/")
async def page() -> Response:
    """The page."""
    return _file("index.html")


@router.get("/page/{name}")
async def static(name: str) -> Response:
    """A file of the page."""
    if name not in _FILES:
        raise HTTPException(404, "The page has no such file.")
    return _file(name)


def _file(name: str) -> Response:
    return Response(_FILES[name].read_bytes(), media_type=_TYPES[PurePosixPath(name).suffix], headers=_HEADERS)
