"""The service below a path, behind the shipped nginx configuration."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest
from openai import OpenAI
from playwright.sync_api import Browser, expect

from service.client import Client
from tests.deploy.native import door
from tests.support.page import opened, solve
from tests.support.served import served

pytestmark = pytest.mark.e2e
PENS = "A pen costs 3 dollars. How much do 7 pens cost?"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL below which the service answers, without a slash at its end."""
    folder = tmp_path_factory.mktemp("below")
    with served(folder, "--engine", "fake") as url, door(folder, httpx.URL(url).port or 0, below="/math") as outer:
        yield f"{outer}/math"


def test_the_clients_solve_stream_and_batch(base: str) -> None:
    with Client(base) as client:
        assert client.solve(PENS, seed=7).answer == "21"
        rows = {row.id: row.solution and row.solution.answer for row in client.solve_many([{"id": 1, "problem": PENS}])}
        assert rows == {1: "21"}
    openai = OpenAI(base_url=f"{base}/v1", api_key="none")
    model = openai.models.list().data[0]
    chunks = openai.chat.completions.create(
        model=model.id, messages=[{"role": "user", "content": PENS}], stream=True, seed=7
    )
    assert "21" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_every_file_of_the_page_is_found(base: str) -> None:
    page = httpx.get(f"{base}/")
    links = [link for link in re.findall(r'(?:src|href)="([^"#]+)"', page.text) if not link.startswith("http")]
    assert len(links) > 5
    assert {
        link: httpx.get(urljoin(f"{base}/", link), follow_redirects=True).status_code for link in links
    } == dict.fromkeys(links, 200)


def test_the_page_solves_a_problem(base: str, browser: Browser) -> None:
    with opened(browser, f"{base}/") as page:
        failed: list[str] = []
        page.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
        solve(page, PENS, seed=7)
        expect(page.locator("#result")).to_contain_text("21")
        assert failed == []


def test_the_address_without_its_slash_leads_to_the_page(base: str) -> None:
    assert httpx.get(base, follow_redirects=True).text == httpx.get(f"{base}/").text


@pytest.mark.parametrize("target", ["/metricshttp://x", "/metrics%68ttp://x", "/http:%2f%2fx/metrics", "/metrics"])
def test_no_spelling_of_a_path_passes_the_rules_of_the_proxy(base: str, target: str) -> None:
    response = httpx.get(httpx.URL(base).copy_with(raw_path=target.encode()))
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
