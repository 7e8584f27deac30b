"""The page in a real browser on the scripted engine."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from service.api.api_keys import KeyScope, new_key
from tests.support.accessibility import violations
from tests.support.browser import chromium
from tests.support.engines import lines
from tests.support.served import served

pytestmark = pytest.mark.e2e

SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
PENS = "A pen costs 3 dollars. How much do 7 pens cost?"
WRITTEN = [
    ("cot", "3 + 7 = 10. The answer is 10"), ("pot", "import os\nans = os.listdir('/')"),
    ("cot", "3 * 7 = 20. The answer is 20"), ("pot", "price = 3  # dollars\nans = price * 7"),
    ("cot", "I do not know."), ("pot", "ans = 1 / 0"),
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("page")
    script = lines(
        folder / "script", *(json.dumps({"problem": PENS, "kind": kind, "text": text}) for kind, text in WRITTEN)
    )
    flags = ["--engine", "fake", "--fake-script", script, "--fake-tokens-per-s", 80, "--max-num-seqs", 4]
    with served(folder, *flags) as url:
        yield url


@pytest.fixture(params=[(scheme, size) for scheme in ("light", "dark") for size in SIZES], ids="-".join)
def page(request: pytest.FixtureRequest, browser: Browser, url: str) -> Iterator[Page]:
    scheme, size = request.param
    yield from opened(browser, url, color_scheme=scheme, viewport=SIZES[size])


@pytest.fixture
def desktop(browser: Browser, url: str) -> Iterator[Page]:
    yield from opened(browser, url, viewport=SIZES["desktop"], permissions=["clipboard-read", "clipboard-write"])


def opened(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """The page; nothing may fail in it, and nothing may be asked of anybody else."""
    context = browser.new_context(**options)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)

    def asked(request: Request) -> None:
        if not request.url.startswith(url):
            problems.append(request.url)

    page.on("request", asked)
    page.goto(url)
    yield page
    context.close()
    assert problems == []


def solve(page: Page, **fields: str) -> None:
    page.get_by_label("A math word problem").fill(PENS)
    page.get_by_text("Settings").click()
    for label, value in {"Reasoning paths": "3", "Program paths": "3"}.items():
        page.get_by_label(label).fill(value)
    page.get_by_label("Stop").first.select_option("fixed")
    page.get_by_role("button", name="Solve").click()
    expect(page.locator("#result")).not_to_have_attribute("aria-busy", "true", timeout=20_000)


def test_lanes_bars_and_answer_in_every_scheme_and_size(page: Page, tmp_path: Path) -> None:
    assert violations(page) == []
    solve(page)
    expect(page.locator("#state")).to_have_text("Answer")
    expect(page.locator("#answer")).to_have_text("21")
    cards = page.locator("#pot details")
    expect(cards).to_have_count(3)
    denied = cards.filter(has_text="refused")
    denied.locator("summary").click()
    expect(denied.locator("pre")).to_contain_text("import os")
    expect(denied.locator(".outcome")).to_contain_text("refused")
    expect(cards.filter(has_text="raised")).to_have_count(1)
    expect(cards.filter(has_text="price").locator(".outcome")).to_have_text("→ 21")
    expect(page.locator("#cot details").filter(has_text="calculator corrected")).to_have_count(1)
    expect(page.locator("#votes li").first.locator(".name")).to_have_text("21")
    assert page.locator("#votes li").count() == 2
    ring = page.locator("#ring")
    assert int(ring.get_attribute("aria-valuenow") or 0) > 0
    wide, seen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= seen
    assert violations(page) == []
    page.screenshot(path=tmp_path / "page.png", full_page=True)


def test_stopping_early_says_what_it_spared(desktop: Page) -> None:
    desktop.get_by_role("button", name="Discount").click()
    expect(desktop.locator("#state")).to_have_text("Answer", timeout=20_000)
    expect(desktop.locator("#answer")).to_have_text("51")
    expect(desktop.locator("#facts b")).to_contain_text("Stopping early spared")


def test_nothing_moves_without_end_while_paths_are_awaited(desktop: Page) -> None:
    desktop.get_by_role("button", name="Discount").click()
    expect(desktop.locator(".waiting").first).to_be_visible()
    endless = "document.getAnimations().filter(a => a.effect.getTiming().iterations === Infinity).length"
    moving = desktop.evaluate(endless)
    expect(desktop.locator("#state")).to_have_text("Answer", timeout=20_000)
    assert moving == 0


def test_a_new_problem_takes_the_place_of_one_still_open(desktop: Page) -> None:
    desktop.get_by_role("button", name="Crayons").click()
    expect(desktop.locator("#stop")).to_be_visible()
    desktop.get_by_role("button", name="Discount").click()
    expect(desktop.locator("#state")).to_have_text("Answer", timeout=20_000)
    expect(desktop.locator("#answer")).to_have_text("51")
    expect(desktop.locator(".spare-note").filter(has_text="stopped")).to_have_count(0)


def test_it_works_by_keyboard_alone(desktop: Page) -> None:
    desktop.keyboard.press("Tab")
    desktop.locator("body").press("/")
    expect(desktop.get_by_label("A math word problem")).to_be_focused()
    desktop.keyboard.type(PENS)
    desktop.keyboard.press("Control+Enter")
    expect(desktop.locator("#stop")).to_be_visible()
    desktop.keyboard.press("Escape")
    expect(desktop.locator("#state")).to_have_text("Stopped")
    expect(desktop.locator("#live")).to_have_text("Stopped.")
    desktop.keyboard.press("Control+Enter")
    expect(desktop.locator("#live")).to_contain_text("The answer is", timeout=20_000)


def test_a_link_solves_the_same_again(desktop: Page) -> None:
    desktop.get_by_role("button", name="Discount").click()
    expect(desktop.locator("#state")).to_have_text("Answer", timeout=20_000)
    facts = desktop.locator("#votes").inner_text()
    desktop.get_by_role("button", name="Copy as link").click()
    link = desktop.evaluate("navigator.clipboard.readText()")
    assert "seed=" in link
    other = desktop.context.new_page()
    other.goto(link)
    expect(other.locator("#state")).to_have_text("Answer", timeout=20_000)
    assert other.locator("#votes").inner_text() == facts


def test_the_copied_commands_work(desktop: Page, url: str) -> None:
    desktop.get_by_role("button", name="Discount").click()
    expect(desktop.locator("#state")).to_have_text("Answer", timeout=20_000)
    answers = []
    for kind, command in (("curl", ["bash", "-c"]), ("Python", [sys.executable, "-c"])):
        desktop.get_by_role("button", name=f"Copy as {kind}").click()
        expect(desktop.locator("#toast")).to_have_text("Copied")
        text = desktop.evaluate("navigator.clipboard.readText()")
        answers.append(subprocess.run([*command, text], capture_output=True, text=True, check=True).stdout)
    assert json.loads(answers[0])["answer"] == "51"
    assert answers[1].startswith("51 ")


def test_an_error_is_told(browser: Browser, url: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/solve/stream", lambda route: route.fulfill(
        status=429, headers={"Retry-After": "3"}, content_type="application/problem+json", body=json.dumps({"detail": "The queue is full."}),
    ))  # fmt: skip
    page.goto(url)
    page.get_by_role("button", name="Discount").click()
    expect(page.get_by_role("alert")).to_have_text("The queue is full. Try again in 3 s.")
    context.close()


def test_a_service_with_keys_is_asked_with_one(browser: Browser, tmp_path: Path) -> None:
    key, table = new_key("page", [KeyScope.SOLVE], None, None)
    with served(tmp_path, "--engine", "fake", "--api-keys-file", lines(tmp_path / "keys.toml", table)) as url:
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if "401" not in message.text else None)
        page.goto(url)
        dialog = page.get_by_role("dialog")
        page.get_by_role("button", name="Discount").click()
        expect(dialog).to_contain_text("This service asks for an API key.")
        assert violations(page) == []
        dialog.get_by_role("textbox").fill("a wrong one")
        dialog.get_by_role("button", name="Use it").click()
        expect(dialog).to_contain_text("does not know this key")
        dialog.get_by_role("textbox").fill(key)
        page.keyboard.press("Enter")
        expect(page.locator("#state")).to_have_text("Answer", timeout=20_000)
        expect(dialog).to_be_hidden()
        page.get_by_role("button", name="Copy as curl").click()
        command = page.evaluate("navigator.clipboard.readText()")
        assert key not in command + page.content()
        run = subprocess.run(
            ["bash", "-c", command], env={**os.environ, "API_KEY": key}, capture_output=True, text=True
        )
        assert json.loads(run.stdout)["answer"] == "51"
        page.reload()
        page.get_by_role("button", name="Discount").click()
        expect(page.locator("#state")).to_have_text("Answer", timeout=20_000)
        assert page.evaluate("[sessionStorage.length, Object.values(localStorage).join()]") == [1, "system"]
        other = context.new_page()
        other.goto(url)
        other.get_by_role("button", name="Discount").click()
        other.get_by_role("button", name="Cancel").click()
        expect(other.get_by_role("alert")).to_contain_text("Send an API key")
        assert [error for error in errors if "KeyError" not in error and "Send an API" not in error] == []
        context.close()


def test_the_theme_is_chosen_and_kept(desktop: Page) -> None:
    button = desktop.get_by_role("button", name="Colours")
    button.click()
    button.click()
    expect(button).to_have_accessible_name("Colours: dark")
    desktop.reload()
    assert desktop.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
