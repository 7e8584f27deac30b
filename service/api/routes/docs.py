"""Routes of the interactive API documents.

The files of Swagger UI come from an installed package, so that nothing loads from another host.
"""

from functools import cache
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from service.api.request_rules import is_folder
from service.api.static_files import static_response

router = APIRouter(include_in_schema=False)

_FOLDER = Path(str(files("service") / "api_docs"))
_SWAGGER_UI = Path(str(distribution("fastapi-swagger").locate_file("fastapi_swagger/resources")))
_FILES = {
    "style.css": (_FOLDER, "text/css"),
    "start.js": (_FOLDER, "text/javascript"),
    "swagger-ui.css": (_SWAGGER_UI, "text/css"),
    "swagger-ui-bundle.js": (_SWAGGER_UI, "text/javascript"),
}
_HEADERS = {
    # Images of the style sheet of Swagger UI are data URLs.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The page."""
    if is_folder(request.scope):  # relative addresses would have `docs` twice
        return RedirectResponse("../docs", 308)
    return static_response(request, _content(_FOLDER / "index.html"), "text/html", _HEADERS)


@router.get("/docs/{name}")
async def static(name: str, request: Request) -> Response:
    """A file of the page."""
    if name not in _FILES:
        raise HTTPException(404, "The API documents have no such file.")
    folder, media_type = _FILES[name]
    return static_response(request, _content(folder / name), media_type, _HEADERS)


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes()
