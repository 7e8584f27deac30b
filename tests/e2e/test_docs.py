"""Interactive API documents in a real browser, on a service with API keys behind a path prefix."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from service.api.api_key import KeyScope
from service.api.api_keys import new_key
from tests.support.engines import lines
from tests.support.served import served

pytestmark = pytest.mark.e2e

PREFIX = "/twin/path"
KEY, TABLE = new_key("ann", [KeyScope.SOLVE], None, None)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("docs")
    keys = lines(folder / "keys.toml", TABLE)
    with served(folder, "--engine", "fake", "--sandbox-workers", 1, "--api-keys-file", keys) as url:
        yield url


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The opened documents. They must report no error and request nothing outside their prefix."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)

    def proxy(route: Route) -> None:
        address = route.request.url
        if address.startswith(url + PREFIX):
            route.fulfill(response=route.fetch(url=address.replace(PREFIX, "", 1)))
        else:
            problems.append(address)
            route.abort()

    page.route("**/*", proxy)
    page.goto(f"{url}{PREFIX}/docs")
    yield page
    context.close()
    assert [text for text in problems if "401" not in text] == []


def test_a_request_is_tried_out_with_a_key_under_a_prefix(page: Page, tmp_path: Path) -> None:
    operation = page.locator("#operations-solve-solve_solve_post")
    operation.locator(".opblock-summary-control").click()
    body = operation.locator("textarea").first
    expect(body).to_have_value('{\n  "problem": "A pen costs 3 dollars. How much do 7 pens cost?"\n}')
    operation.get_by_role("button", name="Execute").click()
    status = operation.locator(".live-responses-table .response-col_status").last
    expect(status).to_contain_text("401")

    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".dialog-ux input").fill(KEY)
    page.locator(".dialog-ux").get_by_role("button", name="Apply credentials").click()
    page.locator(".dialog-ux").get_by_role("button", name="Close").click()
    operation.get_by_role("button", name="Execute").click()
    expect(status).to_contain_text("200")
    expect(operation.locator(".live-responses-table .response-col_description").last).to_contain_text('"verdict"')
    assert KEY not in str(page.evaluate("JSON.stringify([localStorage, sessionStorage, location.href])"))
    page.screenshot(path=tmp_path / "docs.png")


@pytest.mark.parametrize("path", ["/solve/stream", "/solve/batch", "/v1/chat/completions", "/health"])
def test_operations_with_streams_and_items_are_shown(page: Page, path: str) -> None:
    operation = page.locator(".opblock", has=page.locator(f'[data-path="{path}"]'))
    operation.locator(".opblock-summary-control").click()
    expect(operation.locator(".responses-wrapper")).to_contain_text("200")
    expect(page.locator(".errors-wrapper")).to_have_count(0)
