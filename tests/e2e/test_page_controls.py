"""Controls of the web page in a real browser: keyboard, copies, keys, errors, print, proxies."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from service.api.api_key import KeyScope
from service.api.api_keys import new_key
from tests.support.accessibility import violations
from tests.support.engines import lines
from tests.support.page import SIZES, last_response, opened, solve, start, wait_for_end
from tests.support.page_service import page_service
from tests.support.page_states import LATE, LIKELY, TEXTS
from tests.support.served import served

pytestmark = pytest.mark.e2e

PENS = "A pen costs 3 dollars. How much do 7 pens cost?"
PENS_TEXTS = {PENS: ["3 * 7 = 21. The answer is 21", "ans = 3 * 7", "3 + 7 = 10. The answer is 10", "ans = 21"]}
UNREACHABLE = "The service does not answer. Check that it runs."


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with page_service(TEXTS | PENS_TEXTS, tokens_per_s=400) as url:
        yield url


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    permissions = ["clipboard-read", "clipboard-write"]
    with opened(browser, url, viewport=SIZES["desktop"], permissions=permissions) as page:
        yield page


def copied(page: Page, kind: str) -> str:
    """Text in the clipboard after a click on "Copy as" this kind."""
    page.locator("#toast").evaluate("toast => { toast.textContent = '' }")
    page.get_by_role("button", name=f"Copy as {kind}").click()
    expect(page.locator("#toast")).to_have_text("Copied")
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_the_page_works_with_only_a_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    page.locator("body").press("/")
    expect(page.get_by_label("A math word problem")).to_be_focused()
    page.keyboard.type(LATE)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#stop")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#state")).to_have_text("Stopped")
    expect(page.locator("#live")).to_have_text("Stopped.")
    page.keyboard.press("/")
    expect(page.get_by_label("A math word problem")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type(PENS)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#live")).to_have_text("Likely right. The answer is 21.", timeout=20_000)
    reached = []
    for _ in range(11):
        page.keyboard.press("Tab")
        name = "(one => one.id || one.parentElement.id || one.textContent)(document.activeElement)"
        reached.append(page.evaluate(name))
    assert reached == [
        "pot",
        "response",
        "expected",
        "check-button",
        "attempts",
        "details",
        "copy",
        "copy",
        "copy",
        "meaning",
        "API docs",
    ]


def test_a_problem_without_attempts_is_not_sent(page: Page) -> None:
    start(page, LIKELY, cot=0, pot=0)
    expect(page.locator("#result")).to_be_hidden()
    assert page.locator("[name=pot]").evaluate("input => input.validationMessage") == "Set at least one attempt."


def test_a_copied_link_gives_the_same_votes(page: Page) -> None:
    solve(page, LIKELY, cot=4, pot=4, policy="fixed")
    votes = page.locator("#votes").inner_text()
    link = copied(page, "link")
    assert "seed=" in link
    other = page.context.new_page()
    other.goto(link)
    expect(other.locator("#state")).to_have_text("Likely right", timeout=20_000)
    assert other.locator("#votes").inner_text() == votes


def test_the_copied_curl_command_works(page: Page) -> None:
    solve(page, LIKELY)
    run = subprocess.run(["bash", "-c", copied(page, "curl")], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout)["answer"] == "24"


def test_the_copied_python_program_uses_the_public_client_and_prints_the_answer(page: Page, url: str) -> None:
    solve(page, PENS, cot=3, pot=3, policy="fixed", temperature=1, deadline_s=20, seed=7)
    program = copied(page, "Python")
    assert program == (
        "from twinpath import Client, PathBudget, Policy\n"
        "\n"
        f'with Client("{url.removesuffix("/")}") as client:\n'
        "    solution = client.solve(\n"
        f'        "{PENS}",\n'
        "        paths=PathBudget(cot=3, pot=3), policy=Policy.FIXED, temperature=1.0, deadline_s=20.0, seed=7,\n"
        "    )\n"
        "    print(solution.answer, solution.confidence)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["21", str(last_response(page)["confidence"])]


def test_errors_are_in_plain_words_and_can_be_tried_again(browser: Browser, url: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.route("**/solve/stream", lambda route: route.abort())
    start(page, LIKELY)
    alert = page.get_by_role("alert")
    expect(alert.locator("p")).to_have_text(UNREACHABLE)
    assert violations(page) == []
    page.unroute("**/solve/stream")
    page.route("**/solve/stream", lambda route: route.fulfill(
        status=429, headers={"Retry-After": "3"}, content_type="application/problem+json", body=json.dumps({"detail": "The queue is full."}),
    ))  # fmt: skip
    alert.get_by_role("button", name="Try again").click()
    expect(alert.locator("p")).to_have_text("The queue is full. Try again in 3\u00a0s.")
    page.unroute("**/solve/stream")
    page.route("**/solve/stream", lambda route: route.fulfill(status=502, body="<html>"))
    alert.get_by_role("button", name="Try again").click()
    expect(alert.locator("p")).to_have_text("The service could not answer (status 502).")
    page.unroute("**/solve/stream")
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator("#state")).to_have_text("Likely right", timeout=20_000)
    expect(alert).to_be_hidden()
    context.close()


def test_a_result_that_is_half_there_stays_after_an_error(page: Page) -> None:
    path = {"index": 0, "kind": "cot", "text": "The answer is 24", "answer": "24", "outcome": "voted", "repaired": False,
            "stated": "24", "program": None, "detail": "", "tokens": 4, "seconds": 0.1}  # fmt: skip
    vote = {"votes": [{"answer": "24", "cot": 1, "pot": 0}], "confidence": 0.7, "decided": False}
    body = f"event: path\ndata: {json.dumps(path)}\n\nevent: vote\ndata: {json.dumps(vote)}\n\n"
    page.route("**/solve/stream", lambda route: route.fulfill(status=200, content_type="text/event-stream", body=body))
    start(page, LIKELY, cot=2, pot=2)
    expect(page.get_by_role("alert")).to_contain_text("The service stopped before the answer.")
    expect(page.locator("#state")).to_have_text("Failed")
    expect(page.locator("#reason")).to_have_text("1 attempt of 4 came in.")
    expect(page.locator("#cot")).to_have_text("The answer is 24")
    expect(page.locator("#votes .name")).to_have_text("24")
    page.locator("#attempts > summary").click()
    assert page.locator("#groups h3").all_inner_texts() == ["24\n1 attempt"]
    expect(page.locator("#unfinished")).to_have_text("3 attempts stopped.")
    assert violations(page) == []


def test_a_service_with_keys_makes_the_page_request_one(browser: Browser, tmp_path: Path) -> None:
    key, table = new_key("page", [KeyScope.SOLVE], None, None)
    with served(tmp_path, "--engine", "fake", "--api-keys-file", lines(tmp_path / "keys.toml", table)) as url:
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if "401" not in message.text else None)
        page.goto(url)
        dialog = page.locator("#key-dialog")
        page.get_by_role("button", name="Discount").click()
        expect(dialog).to_contain_text("This service requires an API key.")
        assert violations(page) == []
        dialog.get_by_role("textbox").fill("a wrong one")
        dialog.get_by_role("button", name="Use key").click()
        expect(dialog).to_contain_text("did not accept this key")
        dialog.get_by_role("textbox").fill(key)
        page.keyboard.press("Enter")
        expect(page.locator("#answer")).to_have_text("51", timeout=20_000)
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
        wait_for_end(page)
        assert sorted(page.evaluate("Object.keys(sessionStorage)")) == ["twinpath-key", "twinpath-results"]
        assert page.evaluate("Object.entries(localStorage)") == [["theme", "system"]]
        assert key not in page.evaluate("sessionStorage.getItem('twinpath-results')")
        other = context.new_page()
        other.goto(url)
        other.get_by_role("button", name="Discount").click()
        other.get_by_role("button", name="Cancel").click()
        expect(other.get_by_role("alert").locator("p")).to_have_text("This service requires an API key.")
        expect(other.get_by_role("button", name="Enter a key")).to_be_visible()
        assert "Bearer" not in other.locator("body").inner_text()
        assert [error for error in errors if "KeyError" not in error and "requires an API key" not in error] == []
        context.close()


def test_the_page_works_behind_a_proxy_with_a_path_prefix(browser: Browser) -> None:
    with page_service(TEXTS, prefix="/math/solver") as url, opened(browser, url) as page:
        solve(page, LIKELY)
        expect(page.locator("#state")).to_have_text("Likely right")
        expect(page.locator("#model")).to_have_text("Model: scripted-model")
        docs = page.get_by_role("link", name="API docs").evaluate("link => link.href")
        assert docs == f"{url}docs"


def test_the_chosen_theme_is_kept_and_the_dialog_explains_the_words(page: Page) -> None:
    button = page.get_by_role("button", name="Colours")
    button.click()
    button.click()
    expect(button).to_have_accessible_name("Colours: dark")
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.get_by_role("button", name="What does this mean?").click()
    dialog = page.get_by_role("dialog", name="What does this mean?")
    verdicts = ("Likely right", "The attempts agree", "Unsure", "Torn", "No answer")
    for word in ("Attempts", "Votes", "Confidence", *verdicts):
        expect(dialog).to_contain_text(word)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_reduced_motion_and_forced_colours(browser: Browser, url: str) -> None:
    options = {"reduced_motion": "reduce", "forced_colors": "active"}
    with opened(browser, url, viewport=SIZES["phone"], **options) as page:
        start(page, LIKELY, cot=4, pot=4, policy="fixed")
        expect(page.locator("#state")).to_have_text("Likely right", timeout=20_000)
        assert page.evaluate("document.getAnimations().length") == 0
        assert violations(page) == []


def test_paper_has_the_problem_and_the_answer_but_no_controls(page: Page) -> None:
    solve(page, LIKELY)
    expect(page.locator("#printed")).to_be_hidden()
    page.emulate_media(media="print")
    expect(page.locator("#printed")).to_have_text(LIKELY)
    expect(page.locator("#printed")).to_be_visible()
    expect(page.locator("#answer")).to_be_visible()
    expect(page.locator("#cot")).to_be_visible()
    assert page.locator("button:visible, textarea:visible, input:visible").count() == 0
