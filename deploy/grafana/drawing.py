"""Panels of a dashboard's JSON as matplotlib axes."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, PowerNorm

from deploy.grafana.queries import Prometheus, Series
from deploy.grafana.units import written

mpl.use("Agg")
from matplotlib import dates, ticker
from matplotlib.lines import Line2D

PAGE, PANEL, TEXT, FAINT, GRID = "#111217", "#181b1f", "#d8d9dd", "#9a9ba3", "#2c2f36"
_COLORS = {
    "green": "#73bf69",
    "yellow": "#fade2a",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
    "purple": "#b877d9",
    "dark-purple": "#8f3bb8",
    "dark-yellow": "#e0b400",
    "dark-orange": "#fa6400",
}
_PALETTE = ["green", "yellow", "blue", "orange", "red", "purple", "dark-yellow", "dark-orange", "dark-purple"]
_HEAT = LinearSegmentedColormap.from_list("heat", ["#3a2614", "#fd8d3c", "#fff5eb"])

_LEGEND: dict[str, Any] = {
    "frameon": False,
    "fontsize": 6.3,
    "labelcolor": TEXT,
    "borderaxespad": 0,
    "borderpad": 0,
    "handlelength": 1,
    "columnspacing": 1.2,
    "labelspacing": 0.25,
}

Data = Sequence[tuple[Mapping[str, Any], Sequence[Series]]]
"""Each query of a panel with its series."""


def color(name: str) -> str:
    """RGB of a color of Grafana."""
    return _COLORS[name]


def draw(axes: Any, panel: Mapping[str, Any], data: Data, source: Prometheus) -> None:
    """Draw one panel.

    Args:
        axes: matplotlib axes of the panel's size.
        panel: panel of the JSON.
        data: queries and series of the panel.
        source: time range, and exemplars.
    """
    _DRAWN[panel["type"]](axes, panel, data, source)


def legend_lines(panel: Mapping[str, Any], data: Data, width: float) -> int:
    """Number of lines of a panel's legend.

    Args:
        panel: panel of the JSON.
        data: queries and series of the panel.
        width: width of the axes in pixels.
    """
    if panel["type"] != "timeseries":
        return 0
    names = _names(panel, data)
    return math.ceil(len(names) / _columns(names, width))


def _lines(axes: Any, panel: Mapping[str, Any], data: Data, source: Prometheus) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    unit, custom = defaults["unit"], defaults["custom"]
    series = [each for _, rows in data for each in rows]
    colors = _series_colors(panel, series)
    opacity = custom["fillOpacity"] / 100
    if custom.get("stacking", {}).get("mode") == "normal":
        times = sorted({at for each in series for at in each.times})
        stacked = [[value if math.isfinite(value) else 0.0 for value in _on(each, times)] for each in series]
        axes.stackplot(_dates(times), stacked, colors=colors, alpha=0.25 + opacity)
    else:
        times = source.times()
        for each, shade in zip(series, colors, strict=True):
            values = _on(each, times)
            axes.plot(_dates(times), values, color=shade, linewidth=1.2)
            axes.fill_between(_dates(times), values, color=shade, alpha=opacity, linewidth=0)
    for target, _ in data:
        points = source.exemplars(target["expr"]) if target["exemplar"] else []
        places = _dates([at for at, _ in points]), [value for _, value in points]
        axes.scatter(*places, marker="D", s=7, color=color("blue"), alpha=0.6, linewidths=0)
    high = axes.get_ylim()[1] if any(value > 0 for each in series for value in each.values) else 1
    if custom.get("thresholdsStyle", {}).get("mode") == "dashed":
        for step in defaults["thresholds"]["steps"][1:]:
            axes.axhline(step["value"], color=color(step["color"]), linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set_ylim(defaults["min"], defaults.get("max", high))
    _time_axis(axes, source)
    axes.yaxis.set_major_locator(ticker.MaxNLocator(5))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: written(value, unit)))
    extent = axes.get_window_extent()
    names = _names(panel, data)
    axes.legend(
        [Line2D([], [], color=shade, linewidth=3) for shade in colors],
        names,
        loc="upper left",
        bbox_to_anchor=(0, -17 / extent.height),
        ncols=_columns(names, extent.width),
        **_LEGEND,
    )


def _heatmap(axes: Any, panel: Mapping[str, Any], data: Data, source: Prometheus) -> None:
    unit = panel["options"]["yAxis"]["unit"]
    rows = sorted((each for _, rows in data for each in rows), key=lambda each: float(each.labels["le"]))
    times = sorted({at for each in rows for at in each.times})
    cumulative = np.array([np.nan_to_num(_on(each, times)) for each in rows])
    counts = np.diff(cumulative, axis=0, prepend=0)
    cells = np.where(counts > 1e-9, counts, np.nan)
    axes.pcolormesh(_dates(times), range(len(rows)), cells, cmap=_HEAT, shading="nearest", norm=PowerNorm(0.5))
    ticks = range(0, len(rows), 1 + len(rows) // 9)
    edges = [float(rows[tick].labels["le"]) for tick in ticks]
    axes.set_yticks([tick + 0.5 for tick in ticks], [written(e, unit) if math.isfinite(e) else "+Inf" for e in edges])
    axes.set_ylim(-0.5, len(rows) - 0.5)
    _time_axis(axes, source)


def _stat(axes: Any, panel: Mapping[str, Any], data: Data, source: Prometheus) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    (each,) = [each for _, rows in data for each in rows]
    shade = color(_step(defaults["thresholds"]["steps"], _last(each)))
    axes.plot(_dates(each.times), each.values, color=shade, linewidth=1)
    axes.fill_between(_dates(each.times), each.values, color=shade, alpha=0.2, linewidth=0)
    peak = max((value for value in each.values if math.isfinite(value)), default=0)
    axes.set_ylim(0, 2.4 * peak or 1)
    axes.set_xlim(*_dates([source.start, source.end]))
    axes.axis("off")
    text = written(_last(each), defaults["unit"])
    axes.text(0.5, 0.6, text, transform=axes.transAxes, color=shade, fontsize=19, ha="center", va="center")


def _states(axes: Any, panel: Mapping[str, Any], data: Data, source: Prometheus) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    texts = defaults["mappings"][0]["options"]
    series = [each for _, rows in data for each in rows]
    for row, each in enumerate(series):
        for start, end, value in _runs(each, source.step_s):
            left, right = _dates([start, end])
            shade = color(_step(defaults["thresholds"]["steps"], value))
            axes.barh(row, right - left, left=left, height=0.8, color=shade, alpha=0.75)
            if end - start > (source.end - source.start) / 12:
                text = texts.get(f"{value:g}", {}).get("text", f"{value:g}")
                axes.text((left + right) / 2, row, text, color=PAGE, fontsize=7, ha="center", va="center")
    axes.set_yticks(range(len(series)), [each.legend for each in series])
    axes.set_ylim(len(series) - 0.4, -0.6)
    _time_axis(axes, source)
    axes.grid(visible=False)


_DRAWN: dict[str, Callable[[Any, Mapping[str, Any], Data, Prometheus], None]] = {
    "timeseries": _lines,
    "heatmap": _heatmap,
    "stat": _stat,
    "state-timeline": _states,
}


def _series_colors(panel: Mapping[str, Any], series: Sequence[Series]) -> list[str]:
    fixed = {
        override["matcher"]["options"]: override["properties"][0]["value"]["fixedColor"]
        for override in panel["fieldConfig"]["overrides"]
    }
    return [color(fixed.get(each.legend, _PALETTE[n % len(_PALETTE)])) for n, each in enumerate(series)]


def _step(steps: Sequence[Mapping[str, Any]], value: float) -> str:
    """Color of the highest threshold that the value reaches."""
    return str([step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1])


def _last(series: Series) -> float:
    return next((value for value in reversed(series.values) if math.isfinite(value)), math.nan)


def _on(series: Series, times: Sequence[float]) -> list[float]:
    known = {round(at, 3): value for at, value in zip(series.times, series.values, strict=True)}
    return [known.get(round(at, 3), math.nan) for at in times]


def _runs(series: Series, step_s: float) -> list[tuple[float, float, float]]:
    """Start, end and value of each run of equal values without a gap."""
    runs: list[tuple[float, float, float]] = []
    for at, value in zip(series.times, series.values, strict=True):
        if runs and runs[-1][2] == value and at <= runs[-1][1]:
            runs[-1] = (runs[-1][0], at + step_s, value)
        else:
            runs.append((at, at + step_s, value))
    return runs


def _names(panel: Mapping[str, Any], data: Data) -> list[str]:
    unit, calculated = panel["fieldConfig"]["defaults"]["unit"], panel["options"]["legend"]["calcs"]
    series = [each for _, rows in data for each in rows]
    return [f"{each.legend}  {written(_last(each), unit)}" if calculated else each.legend for each in series]


def _columns(names: Sequence[str], width: float) -> int:
    return max(1, min(len(names), int(width / (5.2 * max(map(len, names), default=1) + 24))))


def _time_axis(axes: Any, source: Prometheus) -> None:
    axes.set_xlim(*_dates([source.start, source.end]))
    axes.xaxis.set_major_locator(dates.AutoDateLocator(maxticks=6))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    axes.tick_params(colors=FAINT, labelsize=6.5, length=0, pad=4)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_facecolor(PANEL)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _dates(times: Sequence[float]) -> list[float]:
    return [at / 86_400 for at in times]  # matplotlib counts days since 1970
