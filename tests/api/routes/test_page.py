"""Files of the page and their security policy. `tests/e2e/test_page.py` opens it in a browser."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from tests.conftest import Serve

FOLDER = Path(str(files("service") / "page"))
FILES = sorted(FOLDER.iterdir())


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
    for path in ("/", *(f"/page/{file.name}" for file in FILES if file.suffix != ".svg")):
        text = (await client.get(path)).text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
        assert "http://" not in text


async def test_the_addresses_of_the_page_are_relative_and_exist(serve: Serve) -> None:
    client = await serve()
    text = (await client.get("/")).text
    addresses = re.findall(r'(?:href|src)="([^"#]+)"', text)
    assert [address for address in addresses if address.startswith(("/", "http"))] == []
    files = {address for address in addresses if address.startswith("page/")}
    assert len(files) == 7
    for address in files:
        assert (await client.get(f"/{address}")).status_code == 200
    for file in FILES:
        if file.suffix == ".js":
            imported = re.findall(r'from "\./([^"]+)"', file.read_text(encoding="utf-8"))
            assert set(imported) <= {other.name for other in FILES}
            assert not re.search(r"""fetch\(["'`]/""", file.read_text(encoding="utf-8"))


def test_the_policy_finds_no_inline_style_or_script_in_the_page() -> None:
    html = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:|<script(?! type=\"module\" src=)", html) == []


def test_the_samples_are_plain_json_with_right_answers() -> None:
    text = (FOLDER / "samples.js").read_text(encoding="utf-8")
    samples = json.loads(text.partition("SAMPLES = ")[2].rstrip().removesuffix(";"))
    assert {sample["name"]: sample["answer"] for sample in samples} == {
        "Stickers": str(58 - 27),
        "Eggs": str(432 // 12),
        "Crayons": str(24 * 8),
        "Discount": str(76 - 25),
        "Pens and change": str(50 - 3 * 7),
    }
