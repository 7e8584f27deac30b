"""Screenshot of the page for the README.

python -m tests.support.screenshot URL FILE PROBLEM [--dark] [--seed N]
"""

import argparse

from playwright.sync_api import expect

from tests.support.browser import chromium


def main() -> None:
    """Open the page, solve the problem and take the screenshot."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("file")
    parser.add_argument("problem")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--seed", default="")
    given = parser.parse_args()
    with chromium() as browser:
        page = browser.new_page(
            color_scheme="dark" if given.dark else "light",
            viewport={"width": 1180, "height": 860},
            device_scale_factor=1.5,
        )
        page.goto(given.url)
        page.get_by_label("A math word problem").fill(given.problem)
        page.locator("[name=seed]").evaluate("(input, seed) => { input.value = seed }", given.seed)
        page.get_by_role("button", name="Solve").click()
        expect(page.locator("#result")).not_to_have_attribute("aria-busy", "true", timeout=120_000)
        page.wait_for_timeout(1000)
        page.screenshot(path=given.file, full_page=True)


if __name__ == "__main__":
    main()
