"""Check of an answer on the web page, on a scripted model."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.accessibility import violations
from tests.support.page import SIZES, opened, solve
from tests.support.page_service import page_service
from tests.support.page_states import LIKELY, TEXTS, UNSURE

pytestmark = pytest.mark.e2e

EIGHT = {"cot": 4, "pot": 4, "policy": "fixed"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with page_service(TEXTS) as url:
        yield url


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with opened(browser, url, viewport=SIZES["desktop"]) as page:
        yield page


@pytest.fixture
def stock(browser: Browser) -> Iterator[Page]:
    with page_service(TEXTS, calibrated=False) as url, opened(browser, url, viewport=SIZES["desktop"]) as page:
        yield page


@pytest.mark.parametrize(
    ("problem", "expected", "sent"),
    [(LIKELY, "", "24"), (LIKELY, "25", "25"), (UNSURE, "", None), (UNSURE, "20", "20")],
)
def test_check_sends_the_trusted_or_the_given_answer(page: Page, problem: str, expected: str, sent: str | None) -> None:
    bodies: list[dict[str, Any]] = []
    answer_grade(page, bodies, verdict="undecided", answer=None, reason="The vote is unsure.")
    solve(page, problem, seed=3, **EIGHT)
    page.get_by_label("Answer of a student").fill("92 - 68 = 26")
    page.get_by_label("Right answer").fill(expected)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator("#grade")).to_contain_text("Undecided")
    expect(page.locator("#grade")).to_contain_text("The response states 26. The vote is unsure.")
    vote = {"paths": {"cot": 4, "pot": 4}, "policy": "fixed", "seed": 3}
    assert bodies == [{"problem": problem, "response": "92 - 68 = 26", **({"expected": sent} if sent else vote)}]
    assert violations(page) == []


def test_check_names_the_false_step(page: Page, stock: Page) -> None:
    steps = [
        {"text": "92 - 68 = 26", "holds": False, "should_be": "24"},
        {"text": "26 + 1 = 27", "holds": True, "should_be": None},
    ]
    for opened_page, basis, colour in ((page, "sure", "rgb(162, 52, 52)"), (stock, "agreed", "rgb(122, 83, 0)")):
        answer_grade(opened_page, [], verdict="incorrect", answer="24", steps=steps)
        solve(opened_page, LIKELY)
        opened_page.locator("#response").fill("92 - 68 = 26")
        opened_page.locator("#response").press("Control+Enter")
        grade = opened_page.locator("#grade")
        expect(grade.locator(".word")).to_have_text("Incorrect")
        expect(grade.locator(".word")).to_have_css("color", colour)
        expect(grade).to_have_attribute("data-basis", basis)
        assert grade.locator("li").all_inner_texts()[0].split() == "92 - 68 = 26 should be 24".split()
        expect(grade.locator("li").nth(1)).to_have_text("26 + 1 = 27holds")
        assert violations(opened_page) == []


def answer_grade(page: Page, bodies: list[dict[str, Any]], **changes: object) -> None:
    """Answer requests of POST /grade, and record their bodies."""
    graded = {"given": "26", "basis": "vote", "confidence": 0.8, "steps": [], "id": "1", "model": "m", "reason": None}

    def handle(route: Route) -> None:
        bodies.append(json.loads(route.request.post_data or ""))
        route.fulfill(status=200, content_type="application/json", body=json.dumps(graded | changes))

    page.route("**/grade", handle)


GRADED = [
    ("92 - 68 = 26, so 26 more pastries", "", "Incorrect", "The response states 26. The voted answer is 24."),
    ("twenty-four", "", "Correct", "The response states 24. The voted answer is 24."),
    ("24.0", "48/2", "Correct", "The response states 24. You gave 24 as the right answer."),
    ("no idea", "", "Undecided", "No answer was read from the response: no number."),
    ("24", "apples", "", "The right answer states no answer;"),
]


def test_the_service_grades_the_answer_and_a_change_removes_the_grade(browser: Browser, url: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    solve(page, LIKELY, **EIGHT)
    grade = page.locator("#grade")
    for response, expected, *texts in GRADED:
        for field, value in (("#response", response), ("#expected", expected)):
            page.locator(field).fill("7")
            expect(grade).to_be_hidden()
            page.locator(field).fill(value)
            page.get_by_role("button", name="Check", exact=True).click()
            expect(grade).to_be_visible()
        for text in texts:
            expect(grade).to_contain_text(text)
    context.close()


def test_a_grade_that_comes_after_a_change_is_not_shown(page: Page) -> None:
    held: list[Route] = []
    page.route("**/grade", lambda route: held.append(route))
    solve(page, LIKELY)
    button = page.get_by_role("button", name="Check", exact=True)
    page.locator("#response").fill("26")
    with page.expect_request("**/grade"):
        button.click()
    expect(button).to_be_disabled()
    page.locator("#response").fill("24")
    expect(button).to_be_enabled()
    with page.expect_request_finished(lambda request: request.url.endswith("/grade")):
        held[0].continue_()
    page.evaluate("new Promise(requestAnimationFrame)")
    expect(page.locator("#grade")).to_be_hidden()


CAR = "Could 7 adults ride in a car with 5 seats?"
NO = ["7 > 5, so 2 have no seat. The answer is no", "ans = 7 <= 5", "The answer is No.", "ans = 'NO'"]


def test_a_yes_no_question_is_voted_and_checked(browser: Browser) -> None:
    with page_service({CAR: NO}) as url, opened(browser, url, viewport=SIZES["desktop"]) as page:
        solve(page, CAR, **EIGHT)
        assert page.locator("#answer .value").all_inner_texts() == ["no"]
        assert page.locator("#votes .name").all_inner_texts() == ["no"]
        page.locator("#response").fill("Yes, they could.")
        page.get_by_role("button", name="Check", exact=True).click()
        expect(page.locator("#grade .word")).to_have_text("Incorrect")
        expect(page.locator("#grade")).to_contain_text("The response states yes. The voted answer is no.")
        assert violations(page) == []
