"""Chromium for the tests of the page.

    python -m tests.support.browser

installs it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that can reach the tests' servers."""
    with sync_playwright() as playwright:
        # Root in a container cannot make the namespaces of Chromium's sandbox. Only our page is opened.
        browser = playwright.chromium.launch(executable_path=_installed(), args=["--no-sandbox"])
        yield browser
        browser.close()


def install() -> None:
    """Install Chromium if it is missing: Debian's package as root, otherwise playwright's build."""
    with sync_playwright() as playwright:
        if _installed() or Path(playwright.chromium.executable_path).exists():
            return
    if shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "-qq", "update"], check=True)
        packages = ["chromium", "fonts-liberation"]
        quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "-qq", "install", "--no-install-recommends", *packages]
        subprocess.run(command, check=True, env=quietly, stdout=subprocess.DEVNULL)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


def _installed() -> str | None:
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


if __name__ == "__main__":
    install()
