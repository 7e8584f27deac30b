"""Web page in a browser: opening, solving and reading results."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, Request, expect

SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
_WAIT_MS = 30_000


@contextmanager
def opened(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """Opened page. It must report no error and request nothing outside of the URL."""
    context = browser.new_context(**options)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)

    def check_address(request: Request) -> None:
        if not request.url.startswith(url.partition("#")[0]):
            problems.append(request.url)

    page.on("request", check_address)
    page.goto(url)
    yield page
    context.close()
    assert problems == []


def start(page: Page, problem: str, **fields: object) -> None:
    """Send a problem with these values of other fields, by their names in the form."""
    if page.locator("#edit").is_visible():
        page.get_by_role("button", name="New problem").click()
    fill_in(page, problem=problem, **fields)
    page.get_by_role("button", name="Solve").click()


def fill_in(page: Page, **fields: object) -> None:
    """Set values of the form by their names."""
    values = {name: str(value) for name, value in fields.items()}
    page.locator("#form").evaluate(
        "(form, values) => { for (const [name, value] of Object.entries(values)) form.elements[name].value = value }",
        values,
    )


def solve(page: Page, problem: str, **fields: object) -> None:
    """Send a problem, and wait for the end."""
    start(page, problem, **fields)
    wait_for_end(page)


def wait_for_end(page: Page) -> None:
    """Wait until the page shows a result."""
    expect(page.locator("#result")).to_be_visible()
    expect(page.locator("#result")).not_to_have_attribute("aria-busy", "true", timeout=_WAIT_MS)


def last_response(page: Page) -> dict[str, Any]:
    """Response that the page shows, with its trace."""
    stored: list[dict[str, Any]] = json.loads(page.evaluate("sessionStorage.getItem('twinpath-results')"))
    response: dict[str, Any] = stored[0]["data"]
    return response


def is_wider_than_the_window(page: Page) -> bool:
    """Whether the page scrolls sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
