"""Web page in a real browser, on the scripted engine."""

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
    """Opened page. It must report no error and request nothing from another host."""
    context = browser.new_context(**options)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)

    def check_host(request: Request) -> None:
        if not request.url.startswith(url):
            problems.append(request.url)

    page.on("request", check_host)
    page.goto(url)
    yield page
    context.close()
    assert problems == []


def copied(page: Page, kind: str) -> str:
    """Text in the clipboard after a click on "Copy as" this kind."""
    page.locator("#toast").evaluate("toast => { toast.textContent = '' }")
    page.get_by_role("button", name=f"Copy as {kind}").click()
    expect(page.locator("#toast")).to_have_text("Copied")
    return str(page.evaluate("navigator.clipboard.readText()"))


def solve(page: Page, **fields: str) -> None:
    """Solve the problem with three paths of each kind and these values of other fields."""
    page.get_by_label("A math word problem").fill(PENS)
    page.get_by_text("Settings").click()
    for label, value in {"Reasoning paths": "3", "Program paths": "3", **fields}.items():
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


def test_the_page_shows_what_early_stopping_saved(desktop: Page) -> None:
    desktop.get_by_role("button", name="Discount").click()
    expect(desktop.locator("#state")).to_have_text("Answer", timeout=20_000)
    expect(desktop.locator("#answer")).to_have_text("51")
    expect(desktop.locator("#facts b")).to_contain_text("Early stopping saved")


def test_no_animation_is_endless_while_paths_are_running(desktop: Page) -> None:
    desktop.get_by_role("button", name="Discount").click()
    expect(desktop.locator(".waiting").first).to_be_visible()
    endless = "document.getAnimations().filter(a => a.effect.getTiming().iterations === Infinity).length"
    moving = desktop.evaluate(endless)
    expect(desktop.locator("#state")).to_have_text("Answer", timeout=20_000)
    assert moving == 0


def test_a_new_problem_replaces_one_that_is_still_running(desktop: Page) -> None:
    desktop.get_by_role("button", name="Crayons").click()
    expect(desktop.locator("#stop")).to_be_visible()
    desktop.get_by_role("button", name="Discount").click()
    expect(desktop.locator("#state")).to_have_text("Answer", timeout=20_000)
    expect(desktop.locator("#answer")).to_have_text("51")
    expect(desktop.locator(".spare-note").filter(has_text="stopped")).to_have_count(0)


def test_the_page_works_with_only_a_keyboard(desktop: Page) -> None:
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


def test_a_copied_link_gives_the_same_votes(desktop: Page) -> None:
    desktop.get_by_role("button", name="Discount").click()
    expect(desktop.locator("#state")).to_have_text("Answer", timeout=20_000)
    facts = desktop.locator("#votes").inner_text()
    link = copied(desktop, "link")
    assert "seed=" in link
    other = desktop.context.new_page()
    other.goto(link)
    expect(other.locator("#state")).to_have_text("Answer", timeout=20_000)
    assert other.locator("#votes").inner_text() == facts


def test_the_copied_curl_command_works(desktop: Page) -> None:
    desktop.get_by_role("button", name="Discount").click()
    expect(desktop.locator("#state")).to_have_text("Answer", timeout=20_000)
    command = copied(desktop, "curl")
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout)["answer"] == "51"


def test_the_copied_python_program_uses_the_public_client_and_prints_the_answer(desktop: Page, url: str) -> None:
    solve(desktop, Temperature="1", Seed="7")
    expect(desktop.locator("#answer")).to_have_text("21")
    share = desktop.locator("#ring").get_attribute("aria-valuenow")
    program = copied(desktop, "Python")
    assert program == (
        "from twinpath import Client, PathBudget, Policy\n"
        "\n"
        f'with Client("{url}") as client:\n'
        "    solution = client.solve(\n"
        f'        "{PENS}",\n'
        "        paths=PathBudget(cot=3, pot=3), policy=Policy.FIXED, temperature=1.0, seed=7,\n"
        "    )\n"
        "    print(solution.answer, solution.confidence)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    answer, confidence = run.stdout.split()
    assert (answer, f"{100 * float(confidence):.0f}") == ("21", share)


def test_the_page_shows_an_error(browser: Browser, url: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/solve/stream", lambda route: route.fulfill(
        status=429, headers={"Retry-After": "3"}, content_type="application/problem+json", body=json.dumps({"detail": "The queue is full."}),
    ))  # fmt: skip
    page.goto(url)
    page.get_by_role("button", name="Discount").click()
    expect(page.get_by_role("alert")).to_have_text("The queue is full. Try again in 3 s.")
    context.close()


def test_a_service_with_keys_makes_the_page_request_one(browser: Browser, tmp_path: Path) -> None:
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
        expect(dialog).to_contain_text("This service requires an API key.")
        assert violations(page) == []
        dialog.get_by_role("textbox").fill("a wrong one")
        dialog.get_by_role("button", name="Use key").click()
        expect(dialog).to_contain_text("did not accept this key")
        dialog.get_by_role("textbox").fill(key)
        page.keyboard.press("Enter")
        expect(page.locator("#state")).to_have_text("Answer", timeout=20_000)
        expect(dialog).to_be_hidden()
        outputs = []
        for kind, command in (("curl", ["bash", "-c"]), ("Python", [sys.executable, "-c"])):
            text = copied(page, kind)
            assert key not in text + page.content()
            run = subprocess.run(
                [*command, text], env={**os.environ, "API_KEY": key}, capture_output=True, text=True, check=True
            )
            outputs.append(run.stdout)
        assert json.loads(outputs[0])["answer"] == "51"
        assert outputs[1].split()[0] == "51"
        page.reload()
        page.get_by_role("button", name="Discount").click()
        expect(page.locator("#state")).to_have_text("Answer", timeout=20_000)
        assert page.evaluate("[sessionStorage.length, Object.values(localStorage).join()]") == [1, "system"]
        other = context.new_page()
        other.goto(url)
        other.get_by_role("button", name="Discount").click()
        other.get_by_role("button", name="Cancel").click()
        expect(other.get_by_role("alert")).to_contain_text("The API key is missing or unknown.")
        assert [error for error in errors if "KeyError" not in error and "The API key is missing" not in error] == []
        context.close()


def test_the_chosen_theme_is_kept(desktop: Page) -> None:
    button = desktop.get_by_role("button", name="Colours")
    button.click()
    button.click()
    expect(button).to_have_accessible_name("Colours: dark")
    desktop.reload()
    assert desktop.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
