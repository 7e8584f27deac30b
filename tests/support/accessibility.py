"""Violations that axe-core finds on a page at rest."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_AT_REST = """() => Promise.all(document.getAnimations()
  .filter((animation) => animation.effect.getTiming().iterations !== Infinity)
  .map((animation) => animation.finished.catch(() => null)))"""


def violations(page: Page) -> list[tuple[str, str, list[str]]]:
    """Rule, impact and elements of every violation."""
    page.evaluate(_AT_REST)  # half faded in, a text lacks contrast
    found = Axe().run(page).response["violations"]
    return [(v["id"], v["impact"], [node["html"] for node in v["nodes"]]) for v in found]
