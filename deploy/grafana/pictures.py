"""Pictures of the dashboards with the data of a running Prometheus.

    python -m deploy.grafana.pictures URL --minutes 15 --out docs

Each panel has the position, queries, unit, colors and limits of the generated JSON. The script draws it, and Grafana
has no part in it.
"""

import argparse
import io
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from deploy.grafana.drawing import FAINT, GRID, PAGE, PANEL, TEXT, Data, color, draw, legend_lines
from deploy.grafana.queries import Prometheus

DASHBOARDS = Path(__file__).parent / "dashboards"
_WIDTH, _UNIT, _HEAD = 1320, 26, 54  # pixels: page, one unit of Grafana's grid, head of the page
_DPI = 100
_COLUMNS = 24
_COLORS = 256


def main() -> None:
    """Draw every dashboard, and list the panels without data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="address of the Prometheus")
    parser.add_argument("--minutes", type=float, default=15.0, help="length of the time range")
    parser.add_argument("--end", type=float, help="end of the time range in seconds since 1970 (default: now)")
    parser.add_argument("--step", type=int, default=15, help="scrape interval in seconds")
    parser.add_argument("--job", action="append", default=[], help="only this job, can be repeated (default: all)")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="directory of the PNG files")
    options = parser.parse_args()
    end = options.end or time.time()  # noqa: TID251 - a time of day, not a duration
    for file in sorted(DASHBOARDS.glob("*.json")):
        source = Prometheus(options.url, end - 60 * options.minutes, end, options.step, options.job)
        out = options.out / f"{file.stem.replace('twinpath', 'dashboard')}.png"
        empty = picture(json.loads(file.read_text()), source, out)
        print(out, f"{out.stat().st_size // 1024} KiB", *(f"no data: {title}" for title in empty), sep="\n  ")


def picture(board: Mapping[str, Any], source: Prometheus, out: Path) -> list[str]:
    """Draw one dashboard.

    Args:
        board: JSON of the dashboard.
        source: Prometheus with the time range.
        out: PNG file.

    Returns:
        Titles of the panels without data.
    """
    chosen = source.choose(board["templating"]["list"])
    height = _HEAD + _UNIT * max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    figure = Figure(figsize=(_WIDTH / _DPI, height / _DPI), dpi=_DPI, facecolor=PAGE)
    page = figure.add_axes((0, 0, 1, 1))
    page.set(xlim=(0, _WIDTH), ylim=(height, 0))
    page.axis("off")
    page.text(12, 20, board["title"], color=TEXT, fontsize=13, va="center")
    lists = "   ".join(f"{name}: {', '.join(values)}" for name, values in chosen.items() if values)
    page.text(12, 41, lists, color=FAINT, fontsize=7.5, va="center")
    page.text(_WIDTH - 12, 20, _label(source), color=FAINT, fontsize=7.5, ha="right", va="center")
    events = [
        (color(annotation["iconColor"]), series)
        for annotation in board["annotations"]["list"]
        for series in source.series(annotation["expr"], annotation["titleFormat"])
    ]
    empty = []
    for panel in board["panels"]:
        data = [(target, source.series(target["expr"], target["legendFormat"])) for target in panel.get("targets", [])]
        if not _place(figure, page, panel, data, source, events, height) and data:
            empty.append(panel["title"])
    _save(figure, out)
    return empty


def _label(source: Prometheus) -> str:
    start, end = (time.strftime("%H:%M", time.gmtime(at)) for at in (source.start, source.end))
    drawn = f"Drawn by deploy/grafana/pictures.py from the data of the Prometheus, {start} to {end} UTC."
    return f"{drawn} This is not a screenshot of Grafana."


def _place(
    figure: Figure, page: Any, panel: Mapping[str, Any], data: Data, source: Prometheus, events: Any, height: int
) -> bool:
    """Draw one panel at its place. Returns whether it has data."""
    place = panel["gridPos"]
    unit = _WIDTH / _COLUMNS
    left, top = place["x"] * unit, _HEAD + place["y"] * _UNIT
    width, tall = place["w"] * unit, place["h"] * _UNIT
    if panel["type"] == "row":
        page.text(left + 12, top + tall / 2, panel["title"], color=TEXT, fontsize=9.5, va="center", weight="bold")
        return True
    page.add_patch(Rectangle((left + 4, top + 3), width - 8, tall - 6, facecolor=PANEL, edgecolor=GRID, linewidth=0.7))
    page.text(left + 14, top + 17, panel["title"], color=TEXT, fontsize=8.5, va="center")
    if not any(math.isfinite(value) for _, rows in data for series in rows for value in series.values):
        page.text(left + width / 2, top + tall / 2, "No data", color=FAINT, fontsize=10, ha="center", va="center")
        return False
    inner = _inner(panel, data, left, top, width, tall)
    axes = figure.add_axes(
        (inner[0] / _WIDTH, 1 - (inner[1] + inner[3]) / height, inner[2] / _WIDTH, inner[3] / height)
    )
    draw(axes, panel, data, source)
    if panel["type"] == "timeseries":
        for shade, series in events:
            axes.axvline(series.times[0] / 86_400, color=shade, linewidth=0.8, linestyle=":")
    return True


def _inner(
    panel: Mapping[str, Any], data: Data, left: float, top: float, width: float, tall: float
) -> tuple[float, ...]:
    """Left, top, width and height of the axes within a panel, with room for ticks and legend."""
    if panel["type"] == "stat":
        return left + 5, top + 26, width - 10, tall - 30
    long = panel["fieldConfig"]["defaults"].get("unit", "").startswith("suffix:")
    margin = 118 if panel["type"] == "state-timeline" else 98 if long else 74
    wide = width - margin - 16
    return left + margin, top + 34, wide, tall - 60 - 13 * legend_lines(panel, data, wide)


def _save(figure: Figure, out: Path) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor=PAGE)
    image = Image.open(buffer).convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE)
    image.save(out, optimize=True)


if __name__ == "__main__":
    main()
