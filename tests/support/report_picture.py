"""Picture of a training's report.

    python -m tests.support.report_picture runs/smoke/report.html docs/report.png

shows the head, the training and the filter.
"""

import io
import sys
from pathlib import Path

from PIL import Image

from tests.support.browser import chromium

SIZE = {"width": 1180, "height": 860}
_SHOWN = ("Training", "Filter")
_HIDE = """(shown) => document.querySelectorAll('.part, footer').forEach((part) => {
  const title = part.querySelector('h2');
  part.hidden = !title || !shown.includes(title.firstChild.textContent);
  if (part.hidden) part.style.display = 'none';
})"""


def main() -> None:
    """Write the picture."""
    report, out = map(Path, sys.argv[1:])
    with chromium() as browser:
        page = browser.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
        page.goto(report.resolve().as_uri())
        page.evaluate(_HIDE, list(_SHOWN))
        image = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    image.quantize(128, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main()
