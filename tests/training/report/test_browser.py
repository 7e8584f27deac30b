"""Report of a run in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.accessibility import violations
from tests.support.browser import chromium
from tests.support.training_report import SMALL, write_run
from training.report.page import write_report

pytestmark = pytest.mark.e2e

SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report of a run with every stage. Some texts of its teacher are hostile."""
    return write_report(write_run(tmp_path_factory.mktemp("runs") / "scripted", SMALL))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_report_is_harmless_accessible_and_fits(scheme: str, size: str, browser: Browser, report: Path) -> None:
    context = browser.new_context(color_scheme=scheme, viewport=SIZES[size])  # type: ignore[arg-type]
    page = context.new_page()
    seen: list[str] = []
    page.on("console", lambda message: seen.append(message.text))
    page.on("request", lambda request: seen.append(request.url))
    page.goto(report.as_uri())
    page.get_by_text("Inputs and settings").click()
    page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
    expect(page.locator("svg.chart")).to_have_count(10)
    assert page.title() == "Training of scripted"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tables = "[...document.querySelectorAll('.kept')].map((e) => e.parentElement)"
    if size == "desktop":
        assert page.evaluate(f"{tables}.filter((e) => e.scrollWidth > e.clientWidth).length") == 0
    assert page.locator("script, img").count() == 0
    assert violations(page) == []
    assert seen == [report.as_uri()]
    page.get_by_role("link", name="measure").click()
    assert page.locator("#measure").evaluate("e => e.getBoundingClientRect().top < innerHeight")
    context.close()


def test_the_printed_report_shows_what_was_dropped(browser: Browser, report: Path) -> None:
    page = browser.new_page()
    page.goto(report.as_uri())
    page.emulate_media(media="print")
    expect(page.get_by_text("ans = total / 0")).to_be_visible()
    expect(page.get_by_text("Inputs and settings")).to_be_hidden()
    page.close()
