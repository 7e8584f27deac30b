"""Conditional requests for the files of the pages."""

import pytest

from tests.conftest import Serve

FILES = ["/", "/page/main.js", "/docs", "/docs/swagger-ui-bundle.js", "/openapi.json"]


@pytest.mark.parametrize("path", FILES)
async def test_a_known_file_is_not_sent_again(serve: Serve, path: str) -> None:
    client = await serve()
    first = await client.get(path)
    tag = first.headers["etag"]
    assert (len(tag), first.headers["cache-control"]) == (34, "no-cache")
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*", f' W/"x" ,  {tag} '):
        for method in ("GET", "HEAD"):
            again = await client.request(method, path, headers={"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), known
            assert again.headers["cache-control"] == "no-cache"
    for other in ('"other"', tag.strip('"'), "", "W/"):
        assert (await client.get(path, headers={"If-None-Match": other})).content == first.content


async def test_different_files_have_different_tags(serve: Serve) -> None:
    client = await serve()
    assert len({(await client.get(path)).headers["etag"] for path in FILES}) == len(FILES)


@pytest.mark.parametrize("path", FILES)
async def test_a_range_is_ignored(serve: Serve, path: str) -> None:
    client = await serve()
    response = await client.get(path, headers={"Range": "bytes=0-4," + "1-2," * 1000})
    assert (response.status_code, len(response.content)) == (200, len((await client.get(path)).content))
