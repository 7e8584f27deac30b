"""Pictures of the page: an answered problem and a voting film.

    python -m tests.support.page_images URL [--folder docs] [--problem TEXT] [--seed N] [--policy fixed]

writes `page.png` and `page.gif`.
"""

import argparse
import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.support.browser import chromium
from tests.support.page import fill_in, wait_for_end
from tests.support.page_states import BAKERY

FILM_SIZE = {"width": 1000, "height": 700}
PICTURE_SIZE = {"width": 1180, "height": 860}
RUN_S, HOLD_S = 5.0, 3.0
"""Longest time of the vote in the film, and time of the answer after it."""
FRAME_S = 0.1
_COLOURS = 96


@dataclass(frozen=True, slots=True)
class Frame:
    """Picture of the page at a time in seconds."""

    at_s: float
    image: Image.Image


def main() -> None:
    """Write both pictures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--folder", type=Path, default=Path("docs"))
    parser.add_argument("--problem", default=BAKERY)
    parser.add_argument("--seed", default="")
    parser.add_argument("--policy", default="adaptive")
    given = parser.parse_args()
    fields = {"problem": given.problem, "seed": given.seed, "policy": given.policy}
    with chromium() as browser:
        frames = film(browser, given.url, fields)
        write_film(frames, given.folder / "page.gif")
        picture(browser, given.url, fields).save(given.folder / "page.png", optimize=True)


def film(browser: Browser, url: str, fields: dict[str, str]) -> list[Frame]:
    """Frames from the filled form until the answer."""
    page = _filled(browser, url, fields, viewport=FILM_SIZE)
    frames: list[Frame] = []
    session = page.context.new_cdp_session(page)

    def keep(event: dict[str, Any]) -> None:
        image = Image.open(io.BytesIO(base64.b64decode(event["data"]))).convert("RGB")
        frames.append(Frame(event["metadata"]["timestamp"], image))
        session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    session.on("Page.screencastFrame", keep)
    session.send("Page.startScreencast", {"format": "png"})
    page.wait_for_timeout(1000)
    page.get_by_role("button", name="Solve").click()
    wait_for_end(page)
    page.wait_for_timeout(1000)
    page.close()
    return frames


def picture(browser: Browser, url: str, fields: dict[str, str]) -> Image.Image:
    """Whole page with the answered problem."""
    page = _filled(browser, url, fields, viewport=PICTURE_SIZE, device_scale_factor=1.5)
    page.get_by_role("button", name="Solve").click()
    wait_for_end(page)
    page.wait_for_timeout(1000)
    image = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    return image.quantize(256, dither=Image.Dither.NONE)


def write_film(frames: Sequence[Frame], path: Path) -> None:
    """Write the frames as a GIF in one palette. A vote that is too long for a film runs faster."""
    frames = thinned(frames)
    speed = max(1.0, (frames[-1].at_s - frames[0].at_s) / RUN_S)
    ends_s = [frame.at_s for frame in frames[1:]]
    durations_ms = [
        max(20, round(1000 * (end - frame.at_s) / speed)) for frame, end in zip(frames, ends_s, strict=False)
    ]
    palette = frames[-1].image.quantize(_COLOURS, dither=Image.Dither.NONE)
    first, *rest = (frame.image.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
    durations_ms.append(round(1000 * HOLD_S))
    first.save(path, save_all=True, append_images=rest, duration=durations_ms, loop=0, optimize=True)


def thinned(frames: Sequence[Frame]) -> list[Frame]:
    """Frames at least `FRAME_S` apart, and the last one."""
    kept = [frames[0]]
    for frame in frames[1:-1]:
        if frame.at_s - kept[-1].at_s >= FRAME_S:
            kept.append(frame)
    return [*kept, frames[-1]]


def _filled(browser: Browser, url: str, fields: dict[str, str], **options: Any) -> Page:
    """Page with these values in its form."""
    page = browser.new_page(color_scheme="light", **options)
    page.goto(url)
    fill_in(page, **fields)
    return page


if __name__ == "__main__":
    main()
