"""Interactive API documents: their files, their security policy, and the setting that turns them off."""

import hashlib

import pytest

from service.settings import Settings
from tests.conftest import Serve

OFFICIAL = {  # SHA-256 of the files of swagger-ui-dist 5.34.0
    "swagger-ui-bundle.js": "3f6abf70480db7e07914df4c98a77385f22ea585eaf457a3e6415ba0eae2d167",
    "swagger-ui.css": "c3cfe8248c4b0b89673600fb829924eafbac6de4bc4b2b06f5f5243483074d0a",
}


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/docs", "text/html"), ("/docs/start.js", "text/javascript"), ("/docs/style.css", "text/css"),
     ("/docs/swagger-ui-bundle.js", "text/javascript"), ("/docs/swagger-ui.css", "text/css")],
)  # fmt: skip
async def test_every_file_has_a_strict_security_policy(serve: Serve, path: str, media_type: str) -> None:
    response = await (await serve()).get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert response.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", OFFICIAL)
async def test_swagger_ui_is_the_official_build(serve: Serve, name: str) -> None:
    content = (await (await serve()).get(f"/docs/{name}")).content
    assert hashlib.sha256(content).hexdigest() == OFFICIAL[name]


@pytest.mark.parametrize(
    "path", ["/docs/none.js", "/docs/index.html", "/docs/..%2Fapp.py", "/docs/start.js/x", "/redoc"]
)
async def test_there_are_no_other_files(serve: Serve, path: str) -> None:
    assert (await (await serve()).get(path)).status_code == 404


async def test_the_page_has_only_relative_addresses(serve: Serve) -> None:
    client = await serve()
    page = (await client.get("/docs")).text
    assert 'href="page/icon.svg"' in page
    assert 'src="docs/start.js"' in page
    for text in (page, (await client.get("/docs/start.js")).text):
        assert "://" not in text
        assert 'href="/' not in text
        assert 'src="/' not in text


async def test_a_setting_turns_them_off(serve: Serve) -> None:
    client = await serve(settings=Settings(api_docs=False))
    for path in ("/docs", "/docs/start.js"):
        assert (await client.get(path)).status_code == 404
    assert (await client.get("/openapi.json")).status_code == 200
