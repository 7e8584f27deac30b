"""Browser of the end-to-end tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium


@pytest.fixture(scope="module")  # Playwright holds an event loop, in which async tests of other modules cannot run
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
