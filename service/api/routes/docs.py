"""Routes of the interactive API documents.

The files of Swagger UI come from an installed package, so that nothing loads from another host.
"""

from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

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
async def docs() -> FileResponse:
    """The page."""
    return FileResponse(_FOLDER / "index.html", media_type="text/html", headers=_HEADERS)


@router.get("/docs/{name}")
async def static(name: str) -> FileResponse:
    """A file of the page."""
    if name not in _FILES:
        raise HTTPException(404, "The API documents have no such file.")
    folder, media_type = _FILES[name]
    return FileResponse(folder / name, media_type=media_type, headers=_HEADERS)
