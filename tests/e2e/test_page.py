"""States and figures of the web page in a real browser, on a scripted model."""

import json
import re
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from service.schemas import words
from service.schemas.response import SolveResponse
from service.types import Verdict
from tests.support.accessibility import violations
from tests.support.page import SIZES, is_wider_than_the_window, last_response, opened, solve, start
from tests.support.page_service import page_service
from tests.support.page_states import EARLY, LATE, LIKELY, LONG, NONE, TEXTS, TORN, UNSURE

pytestmark = pytest.mark.e2e

EIGHT = {"cot": 4, "pot": 4, "policy": "fixed"}
ADVICE = "No attempt had a result. Rephrase the problem with one clear question, or use a larger model."
GREEN = {"light": "rgb(26, 107, 64)", "dark": "rgb(111, 211, 155)"}


@pytest.fixture(scope="module")
def calibrated() -> Iterator[str]:
    with page_service(TEXTS) as url:
        yield url


@pytest.fixture(scope="module")
def uncalibrated() -> Iterator[str]:
    with page_service(TEXTS, model="stock-model", calibrated=False) as url:
        yield url


@pytest.fixture(scope="module")
def slow() -> Iterator[str]:
    with page_service(TEXTS, tokens_per_s=60) as url:
        yield url


@pytest.fixture
def page(browser: Browser, calibrated: str) -> Iterator[Page]:
    with opened(browser, calibrated, viewport=SIZES["desktop"]) as page:
        yield page


@pytest.fixture
def stock(browser: Browser, uncalibrated: str) -> Iterator[Page]:
    with opened(browser, uncalibrated, viewport=SIZES["desktop"]) as page:
        yield page


@pytest.fixture
def slow_page(browser: Browser, slow: str) -> Iterator[Page]:
    with opened(browser, slow, viewport=SIZES["desktop"]) as page:
        yield page


def state(page: Page) -> tuple[str, str, str, list[str]]:
    """Name of the state, its words, its reason, and the answers that are shown."""
    name = page.locator("#verdict").get_attribute("data-state") or ""
    answers = page.locator("#answer .value").all_inner_texts()
    return name, page.locator("#state").inner_text(), page.locator("#reason").inner_text(), answers


def bars(page: Page) -> list[tuple[str, str, float]]:
    """Answer, count and width in percent of every vote bar."""
    rows = page.locator("#votes li").all()
    widths = "row => [...row.querySelectorAll('i')].reduce((sum, bar) => sum + parseFloat(bar.style.width), 0)"
    page.evaluate("new Promise(requestAnimationFrame)")
    return [
        (row.locator(".name").inner_text(), row.locator(".sum").inner_text(), round(row.evaluate(widths), 1))
        for row in rows
    ]


@pytest.mark.parametrize("model", ["calibrated", "uncalibrated"])
def test_page_and_terminal_use_the_same_words(browser: Browser, request: pytest.FixtureRequest, model: str) -> None:
    with opened(browser, request.getfixturevalue(model)) as page:
        for problem in (LIKELY, UNSURE, TORN, NONE):
            solve(page, problem, **EIGHT)
            response = SolveResponse.model_validate_json(json.dumps(last_response(page)))
            _, headline, reason, _ = state(page)
            assert headline == words.headline(response)
            if response.verdict is Verdict.NONE:
                assert reason == words.advice(response, 0)
            elif response.verdict is not Verdict.TORN:
                assert reason == words.meaning(response)


@pytest.mark.parametrize("size", SIZES)
def test_every_state_fits_the_window_and_has_no_axe_finding(browser: Browser, slow: str, size: str) -> None:
    with opened(browser, slow, viewport=SIZES[size]) as page:
        assert_accessible(page)
        for problem, fields, name in (
            (LIKELY, EIGHT, "likely"),
            (UNSURE, EIGHT, "unsure"),
            (TORN, EIGHT, "torn"),
            (NONE, EIGHT, "none"),
            (LATE, {"cot": 4, "pot": 4, "deadline_s": 1.5}, "unsure"),
        ):
            solve(page, problem, **{"deadline_s": "", **fields})
            assert state(page)[0] == name
            for fold in ("attempts", "details"):
                page.locator(f"#{fold}").evaluate("fold => { fold.open = true }")
            assert not is_wider_than_the_window(page)
            assert_accessible(page)
        page.get_by_role("button", name="What does this mean?").click()
        assert_accessible(page)


def assert_accessible(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []


def test_a_likely_answer_is_green_with_the_measured_share_and_the_working_side_by_side(page: Page) -> None:
    solve(page, LIKELY)
    response = last_response(page)
    assert (response["verdict"], response["confidence"]) == ("likely", 0.8333)
    reason = "83 of 100 answers with such a vote were right on problems that the model had not seen."
    assert state(page) == ("likely", "Likely right", reason, ["24"])
    expect(page.locator("#state")).to_have_css("color", GREEN["light"])
    expect(page.locator("#symbol use")).to_have_attribute("href", "#icon-likely")
    expect(page.locator("#live")).to_have_text("Likely right. The answer is 24.")
    expect(page.locator("#known")).to_be_hidden()
    explanation = response["explanation"]
    expect(page.locator("#cot .text")).to_have_text(explanation["cot"]["text"])
    expect(page.locator("#pot pre")).to_have_text(explanation["program"]["code"])
    expect(page.locator("#pot .output")).to_have_text("→ 24")
    expect(page.locator("#pot .note")).to_have_text("No program behind this answer uses 54 or 143.")
    boxes = [page.locator(f"#{kind}").evaluate("one => one.getBoundingClientRect().top") for kind in ("cot", "pot")]
    assert boxes[0] == boxes[1]


def test_an_unsure_answer_is_amber(page: Page) -> None:
    solve(page, UNSURE, **EIGHT)
    reason = "50 of 100 answers with such a vote were right on problems that the model had not seen."
    assert state(page) == ("unsure", "Unsure: check it", reason, ["20"])
    expect(page.locator("#state")).to_have_css("color", "rgb(122, 83, 0)")


def test_a_tie_shows_both_answers_at_one_size(page: Page) -> None:
    solve(page, TORN, **EIGHT)
    assert state(page) == ("torn", "Torn: 180 or 30?", "Of 8 votes, 4 are for 180 and 4 for 30.", ["180", "30"])
    sizes = page.locator("#answer .value").evaluate_all("all => all.map(one => getComputedStyle(one).fontSize)")
    assert sizes[0] == sizes[1]
    expect(page.locator("#state")).to_have_css("color", "rgb(122, 83, 0)")
    expect(page.locator("#cot-note")).to_have_text("for 180")
    expect(page.locator("#attempts")).to_have_attribute("open", "")  # the other answer's working is there


def test_a_model_without_calibration_is_never_green(stock: Page) -> None:
    solve(stock, LIKELY)
    reason = "4 of 4 attempts agree. This confidence was never measured."
    assert state(stock) == ("agreed", "The attempts agree", reason, ["24"])
    assert_not_green(stock)
    solve(stock, UNSURE, **EIGHT)
    assert state(stock) == ("unsure", "Unsure: check it", "This confidence was never measured.", ["20"])
    assert_not_green(stock)
    solve(stock, TORN, **EIGHT)
    assert state(stock)[:2] == ("torn", "Torn: 180 or 30?")
    assert_not_green(stock)


def assert_not_green(page: Page) -> None:
    colours = page.locator("#verdict").evaluate(
        "card => [card, ...card.querySelectorAll('*')].flatMap(one => { const style = getComputedStyle(one); "
        "return [style.color, style.backgroundColor, style.borderColor] })"
    )
    assert not {GREEN["light"], "rgb(230, 244, 236)"} & set(colours)


def test_without_an_answer_there_is_advice_and_another_try_and_refusals_are_calm(page: Page) -> None:
    solve(page, NONE, **EIGHT)
    assert state(page) == ("none", "No answer", ADVICE, [])
    expect(page.locator("#body")).to_be_hidden()
    reasons = page.locator("#groups .reason")
    texts = ["no answer in the text", "not run: wanted import os", "not run: wanted open()"]
    assert set(texts) < set(reasons.all_inner_texts())
    refused = page.locator("#groups .reason", has_text="import os")
    expect(refused).to_have_css("color", "rgb(90, 100, 114)")
    expect(refused.locator("code")).to_have_text("import os")
    first = last_response(page)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#results li")).to_have_count(2)
    assert last_response(page)["seed"] != first["seed"]


def test_at_the_deadline_the_page_counts_the_attempts_that_were_cut_off(slow_page: Page) -> None:
    solve(slow_page, LATE, cot=4, pot=4, deadline_s=1.5)
    response = last_response(slow_page)
    ended = [path for path in response["trace"] if path["outcome"] != "aborted"]
    assert (response["status"], len(ended), response["usage"]["saved_tokens"]) == ("deadline", 4, 0)
    assert state(slow_page)[2] == words.meaning(SolveResponse.model_validate_json(json.dumps(response)))
    assert "complete" in state(slow_page)[2]
    expect(slow_page.locator("#late-text")).to_have_text("Time ran out after 1.5\u00a0s: 4 attempts were cut off.")
    assert slow_page.locator("#late-text").inner_text().replace("\u00a0", " ") == (
        words.cut_off(SolveResponse.model_validate_json(json.dumps(response)), 1.5)
    )
    expect(slow_page.locator("#unfinished")).to_have_text("4 attempts cut off.")
    slow_page.locator("#details > summary").click()
    text = slow_page.locator("main").inner_text()
    assert "4 cut off" in text
    assert not re.search("saved|not needed|spared", text, re.IGNORECASE)
    slow_page.get_by_role("button", name="Give it a minute").click()
    expect(slow_page.get_by_role("button", name="Stop")).to_be_visible()
    assert "deadline_s" in slow_page.evaluate("[...new FormData(form).keys()]")
    assert slow_page.locator("[name=deadline_s]").input_value() == "60"


def test_savings_are_those_of_the_trace_and_only_in_the_details(browser: Browser) -> None:
    # Even if every path in a slot ran to its limit before the decision, it would save tokens.
    cot, pot = f"{'Word ' * 120}{TEXTS[EARLY][0]}", f"{TEXTS[EARLY][1]}  # {'word ' * 120}"
    texts = {EARLY: [cot, pot, cot, pot, *TEXTS[EARLY][4:]]}
    with page_service(texts, tokens_per_s=400, slots=4) as url, opened(browser, url) as page:
        solve(page, EARLY, cot=10, pot=10)
        response = last_response(page)
        lengths = {True: [0], False: [0]}
        for path in response["trace"]:
            lengths[path["outcome"] == "aborted"].append(path["tokens"])
        ended = lengths[False][1:]
        saved = round((20 - len(ended)) * sum(ended) / len(ended)) - sum(lengths[True])
        assert saved > 0
        expect(page.locator("#facts")).to_be_hidden()
        page.locator("#details > summary").click()
        expect(page.locator("#facts")).to_contain_text(f"Stopping early saved about {saved:,} tokens")
        expect(page.locator("#facts")).to_contain_text(f"Seed\n{response['seed']}", use_inner_text=True)


@pytest.mark.parametrize("problem", [LIKELY, UNSURE, TORN])
def test_bars_are_shares_of_all_counted_votes(page: Page, calibrated: str, problem: str) -> None:
    solve(page, problem, seed=11, **EIGHT)
    request = {"problem": problem, "paths": {"cot": 4, "pot": 4}, "policy": "fixed", "seed": 11, "trace": True}
    trace = httpx.post(f"{calibrated}solve", json=request).json()["trace"]
    votes = Counter(path["vote"] for path in trace if path["vote"] is not None)
    total = sum(votes.values())
    expected = {(answer, f"{count} of {total}", round(100 * count / total, 1)) for answer, count in votes.items()}
    assert set(bars(page)) == expected


def test_every_attempt_is_in_the_group_of_its_answer(page: Page) -> None:
    solve(page, LIKELY, **EIGHT)
    trace = last_response(page)["trace"]
    page.locator("#attempts > summary").click()
    groups = page.locator("#groups > li")
    expect(groups).to_have_count(2)
    assert groups.nth(0).locator("h3").inner_text().split("\n") == ["24", "7 votes"]
    assert groups.nth(1).locator("h3").inner_text().split("\n") == ["89", "1 vote"]
    expect(groups.nth(0).locator("article")).to_have_count(2)
    groups.nth(0).get_by_text("and 5 more like it").click()
    expect(groups.nth(0).locator("article")).to_have_count(7)
    shown = groups.nth(0).locator("article .text, article pre").all_text_contents()
    written = [path["program"] or path["text"].strip() for path in trace if path["vote"] == "24"]
    assert set(shown) == set(written)


def test_the_demo_has_a_banner(browser: Browser) -> None:
    with page_service({}, model="demo", calibrated=False) as url, opened(browser, url) as page:
        banner = page.get_by_role("note")
        expect(banner).to_have_text("Demo: scripted answers, many of them wrong. No model is running.")
        solve(page, LIKELY)
        expect(banner).to_be_visible()
        assert_not_green(page)
        page.locator("#response").fill("24")
        page.get_by_role("button", name="Check", exact=True).click()
        expect(page.locator("#grade")).to_contain_text(words.DEMO)
        assert violations(page) == []


def test_while_it_waits_one_line_moves_and_no_figure_is_invented(slow_page: Page) -> None:
    start(slow_page, LATE, cot=6, pot=6)
    line = re.compile(r"^\d+ of 12 attempts in, \d+\.\d\s?s$")
    expect(slow_page.locator("#reason")).to_have_text(line)
    expect(slow_page.locator("#race")).to_be_hidden()
    first = slow_page.locator("#reason").inner_text()
    expect(slow_page.locator("#reason")).not_to_have_text(first)
    assert "%" not in slow_page.locator("main").inner_text()
    assert violations(slow_page) == []
    endless = "document.getAnimations().filter(a => a.effect.getTiming().iterations === Infinity).length"
    assert slow_page.evaluate(endless) == 0
    expect(slow_page.locator("#state")).to_have_text("In front so far", timeout=10_000)
    slow_page.keyboard.press("Escape")
    expect(slow_page.locator("#state")).to_have_text("Stopped")
    expect(slow_page.locator("#attempts-title")).to_be_visible()  # what came in stays


def test_a_sample_shows_its_right_answer(page: Page) -> None:
    page.get_by_role("button", name="Discount").click()
    expect(page.locator("#known")).to_have_text("The right answer of this sample is 51.")


def test_long_problems_and_answers_fit_a_narrow_phone(browser: Browser, calibrated: str) -> None:
    with opened(browser, calibrated, viewport={"width": 320, "height": 640}) as page:
        solve(page, LONG)
        assert state(page)[3] == ["123456789012345678901234"]
        for fold in ("attempts", "details"):
            page.locator(f"#{fold} > summary").click()
        assert not is_wider_than_the_window(page)
        assert page.locator("#form").evaluate("form => form.getBoundingClientRect().height") < 150
        assert violations(page) == []
