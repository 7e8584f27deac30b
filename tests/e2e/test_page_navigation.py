"""Ways between the results of the web page: composer, list of results, Back and Forward, links."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.accessibility import violations
from tests.support.page import SIZES, is_wider_than_the_window, last_response, opened, solve, start, wait_for_end
from tests.support.page_service import page_service
from tests.support.page_states import LATE, LIKELY, NONE, TEXTS, TORN, UNSURE

pytestmark = pytest.mark.e2e

EIGHT = {"cot": 4, "pot": 4, "policy": "fixed"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with page_service(TEXTS, tokens_per_s=400) as url:
        yield url


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with opened(browser, url, viewport=SIZES["desktop"]) as page:
        yield page


def shown(page: Page) -> tuple[str, str]:
    """Problem of the folded composer and verdict of the result."""
    expect(page.locator("#form")).to_have_class(re.compile("folded"))
    return page.locator("#folded-problem").inner_text(), page.locator("#state").inner_text()


def test_the_composer_folds_to_one_line_and_unfolds(page: Page) -> None:
    solve(page, LIKELY)
    expect(page.get_by_label("A math word problem")).to_be_hidden()
    expect(page.locator("#folded-problem")).to_have_text(LIKELY)
    page.get_by_role("button", name="Edit the problem").click()
    expect(page.get_by_label("A math word problem")).to_be_focused()
    expect(page.get_by_label("A math word problem")).to_have_value(LIKELY)
    page.get_by_role("button", name="Solve").click()
    wait_for_end(page)
    page.get_by_role("button", name="New problem").click()
    expect(page.get_by_label("A math word problem")).to_have_value("")
    expect(page.locator("#result")).to_be_hidden()
    expect(page.get_by_role("button", name="Copy as curl")).to_be_visible()
    page.get_by_role("button", name="Solve").click()  # an empty problem is not sent
    expect(page.locator("#result")).to_be_hidden()


def test_an_edit_hides_the_check_and_escape_leaves_the_edit(page: Page) -> None:
    solve(page, LIKELY, **EIGHT)
    page.locator("#response").fill("24")
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator("#grade")).to_be_visible()
    expect(page.locator("#printed")).to_be_hidden()
    page.get_by_role("button", name="Edit the problem").click()
    page.get_by_label("A math word problem").fill(UNSURE)
    expect(page.locator("#check")).to_be_hidden()
    expect(page.locator(".solved")).to_have_text(f"Result of this problem: {LIKELY}")
    expect(page.locator(".solved")).to_be_visible()
    expect(page.locator("#composer-copy")).to_contain_text("Copy as")  # it copies the edited problem
    assert violations(page) == []
    page.keyboard.press("Escape")
    assert shown(page) == (LIKELY, "Likely right")
    expect(page.get_by_role("button", name="Edit the problem")).to_be_focused()
    expect(page.locator("#grade .word")).to_have_text("Correct")
    expect(page.locator("#problem")).to_have_value(LIKELY)
    assert page.locator("#form").get_attribute("data-seed") == str(last_response(page)["seed"])


def test_a_result_that_arrives_during_an_edit_keeps_the_edit(page: Page) -> None:
    start(page, LATE, cot=4, pot=4, deadline_s=0.6)
    page.get_by_role("button", name="Edit the problem").click()
    page.get_by_label("A math word problem").fill(LIKELY)
    wait_for_end(page)
    expect(page.locator("#check")).to_be_hidden()
    expect(page.locator("#printed")).to_have_text(LATE)
    expect(page.locator("#problem")).to_have_value(LIKELY)
    assert page.locator("#form").get_attribute("data-seed") is None
    page.get_by_role("button", name="Give it a minute").click()  # about the result, not the edit
    expect(page.locator("#stop")).to_be_visible()
    expect(page.locator("#folded-problem")).to_have_text(LATE)
    expect(page.locator("#problem")).to_have_value(LATE)
    page.keyboard.press("Escape")
    expect(page.locator("#state")).to_have_text("Stopped")


def test_back_and_forward_show_the_results_of_the_tab(page: Page) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if request.method == "POST" else None)
    solve(page, LIKELY, **EIGHT)
    solve(page, TORN)  # by "New problem"
    page.get_by_role("button", name="Edit the problem").click()
    page.get_by_label("A math word problem").fill(UNSURE)
    page.get_by_role("button", name="Solve").click()
    wait_for_end(page)
    results = [(LIKELY, "Likely right"), (TORN, "Torn: 180 or 30?"), (UNSURE, "Unsure: check it")]
    for step, result in (("back", results[1]), ("back", results[0]), ("forward", results[1]), ("back", results[0])):
        getattr(page, f"go_{step}")()
        assert shown(page) == result
        assert quote(result[0].split()[1]) in page.url
        expect(page.locator("#results [aria-current=true]")).to_contain_text(result[0])
    page.go_back()  # the empty page that the user opened
    expect(page.locator("#result")).to_be_hidden()
    expect(page.get_by_label("A math word problem")).to_have_value("")
    assert "#" not in page.url
    page.go_forward()
    assert shown(page) == results[0]
    assert len(requests) == 3
    page.locator("#results button", has_text=UNSURE).click()
    page.go_back()
    assert shown(page) == results[0]


def test_back_during_a_problem_shows_the_result_before_it(page: Page) -> None:
    solve(page, LIKELY)
    page.get_by_role("button", name="Edit the problem").click()
    page.get_by_label("A math word problem").fill(LATE)
    page.get_by_role("button", name="Solve").click()
    expect(page.locator("#stop")).to_be_visible()
    page.go_back()
    assert shown(page) == (LIKELY, "Likely right")
    expect(page.locator("#stop")).to_be_hidden()


def test_a_new_link_in_the_address_is_solved(page: Page) -> None:
    solve(page, LIKELY, deadline_s=20)
    page.goto(f"{page.url.partition('#')[0]}#problem={quote(TORN)}&cot=4&pot=4&policy=fixed")
    expect(page.locator("#state")).to_have_text("Torn: 180 or 30?", timeout=20_000)
    expect(page.locator("[name=deadline_s]")).to_have_value("")
    page.go_back()
    assert shown(page) == (LIKELY, "Likely right")


def test_a_new_problem_replaces_one_that_is_still_running(page: Page) -> None:
    start(page, LATE)
    expect(page.locator("#stop")).to_be_visible()
    solve(page, LIKELY)
    expect(page.locator("#state")).to_have_text("Likely right")
    assert page.locator("#answer .value").all_inner_texts() == ["24"]


def test_the_list_shows_earlier_results_again(page: Page) -> None:
    for problem in (LIKELY, TORN, NONE):
        solve(page, problem, **EIGHT)
    seed = last_response(page)["seed"]
    rows = [row.split("\n") for row in page.locator("#results button").all_inner_texts()]
    assert rows == [["No answer", "–", NONE], ["Torn: 180 or 30?", "180 or 30", TORN], ["Likely right", "24", LIKELY]]
    page.locator("#results button", has_text=TORN).click()
    expect(page.locator("#state")).to_have_text("Torn: 180 or 30?")
    expect(page.locator("#folded-problem")).to_have_text(TORN)
    expect(page.locator("#results [aria-current=true]")).to_contain_text(TORN)
    assert violations(page) == []
    assert str(seed) not in page.url
    page.reload()  # the tab still has the result
    assert shown(page) == (TORN, "Torn: 180 or 30?")
    expect(page.locator("#results li")).to_have_count(3)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#history")).to_be_hidden()
    assert page.evaluate("sessionStorage.length") == 0
    page.reload()  # the address has the problem, so that the page solves it again
    wait_for_end(page)
    assert shown(page) == (TORN, "Torn: 180 or 30?")
    assert len(page.evaluate("JSON.parse(sessionStorage.getItem('twinpath-results'))")) == 1


def test_a_phone_shows_the_whole_problem_of_a_link(browser: Browser, url: str) -> None:
    link = f"{url}#problem={quote(LIKELY)}&cot=4&pot=4&policy=fixed"
    with opened(browser, link, viewport={"width": 380, "height": 800}) as page:
        expect(page.locator("#state")).to_have_text("Likely right", timeout=20_000)
        problem = page.locator("#folded-problem")
        expect(problem).to_have_text(LIKELY)
        cut = "one => [one.scrollWidth > one.clientWidth, one.scrollHeight > one.clientHeight]"
        assert problem.evaluate(cut) == [False, False]
        assert problem.evaluate("one => one.clientHeight / parseFloat(getComputedStyle(one).lineHeight)") <= 4.1
        assert not is_wider_than_the_window(page)
        assert violations(page) == []
