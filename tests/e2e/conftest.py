"""Fixtures of the end-to-end tests: a browser, and checkpoints shared with the engines' tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.engine.conftest import taught_checkpoint, tiny_checkpoint
from tests.support.browser import chromium

__all__ = ["taught_checkpoint", "tiny_checkpoint"]


@pytest.fixture(scope="module")  # Playwright holds an event loop, in which async tests of other modules cannot run
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
