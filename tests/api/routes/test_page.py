"""Files of the page and their security policy. `tests/e2e/test_page.py` opens it in a browser."""

import pytest

from tests.conftest import Serve


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/", "text/html"), ("/page/style.css", "text/css"), ("/page/main.js", "text/javascript"), ("/page/icon.svg", "image/svg+xml")],
)  # fmt: skip
async def test_every_file_has_a_strict_security_policy(serve: Serve, path: str, media_type: str) -> None:
    response = await (await serve()).get(path)
    assert response.status_code == 200
    assert response.headers["content-type"].partition(";")[0] == media_type
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/page/none.js", "/page/..%2Fapp.py", "/page/", "/page/style.css/x"])
async def test_there_are_no_other_files(serve: Serve, path: str) -> None:
    assert (await (await serve()).get(path)).status_code == 404


async def test_the_page_contains_no_external_address(serve: Serve) -> None:
    client = await serve()
    for path in ("/", "/page/style.css", "/page/main.js", "/page/lanes.js", "/page/share.js"):
        text = (await client.get(path)).text
        assert "https://" not in text
        assert "http://" not in text
