"""A thinking model on the web page: folded thoughts, and attempts that a token limit cut off."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.accessibility import violations
from tests.support.page import SIZES, last_response, opened, solve
from tests.support.page_service import page_service
from tests.support.thinking import THOUGHT_CHARS

pytestmark = pytest.mark.e2e

PENS = "A pen costs 3 dollars. How much do 7 pens cost?"
CUT = "A box holds 12 pens. How many pens do 9 boxes hold?"
_THOUGHT = "<think>😀 Perhaps 9. " + "Reconsider everything. " * (THOUGHT_CHARS // 23) + "</think>\n"
_ANSWER = "7 * 3 = 21. The answer is 21"
TEXTS = {PENS: [_THOUGHT + _ANSWER, _THOUGHT + "ans = 7 * 3"], CUT: [_THOUGHT * 3 + _ANSWER, _THOUGHT * 3]}
FOUR = {"cot": 2, "pot": 2, "policy": "fixed"}


@pytest.fixture(scope="module")
def thinking() -> Iterator[str]:
    with page_service(TEXTS, max_tokens=6000) as url:
        yield url


@pytest.fixture
def page(browser: Browser, thinking: str) -> Iterator[Page]:
    with opened(browser, thinking, viewport=SIZES["desktop"]) as page:
        yield page


def test_a_thought_is_folded(page: Page) -> None:
    solve(page, PENS, **FOUR)
    expect(page.locator("#state")).to_have_text("Likely right")
    expect(page.locator("#cot .text")).to_have_text(_ANSWER)
    page.locator("#attempts > summary").click()
    attempt = page.locator(".attempt.cot").first
    expect(attempt.locator("> .text")).to_have_text(_ANSWER)
    fold = attempt.locator("details")
    assert fold.locator("summary").inner_text().startswith("Thought, ")
    assert fold.locator(".thought").count() == 0
    fold.locator("summary").click()
    expect(fold.locator(".thought")).to_have_text(_THOUGHT.strip())
    assert violations(page) == []
    fold.locator("summary").click()
    expect(fold.locator(".thought")).to_have_count(0)
    page.locator("#details > summary").click()
    expect(page.locator("#facts")).to_contain_text("of them in thoughts")


def test_stored_results_lack_the_thoughts(page: Page) -> None:
    solve(page, PENS, **FOUR)
    response = last_response(page)
    assert {path["text"].strip() for path in response["trace"]} == {_ANSWER, "ans = 7 * 3"}
    assert len(page.evaluate("sessionStorage.getItem('twinpath-results')")) < THOUGHT_CHARS


def test_attempts_that_a_limit_cut_off_are_said(page: Page) -> None:
    solve(page, CUT, **FOUR)
    expect(page.locator("#state")).to_have_text("No answer")
    expect(page.locator("#reason")).to_have_text("No attempt had a result.")
    expect(page.locator("#cut")).to_be_visible()
    expect(page.locator("#cut-text")).to_have_text(
        "4 of 4 paths reached the limit of 6,000 tokens; raise `max_tokens`."
    )
    expect(page.locator("#live")).to_contain_text("reached the limit of 6,000 tokens")
    assert violations(page) == []
    solve(page, PENS, **FOUR)
    expect(page.locator("#cut")).to_be_hidden()
