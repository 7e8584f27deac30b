"""Grafana's JSON of the dashboards.

`python -m deploy.generate` writes it to `dashboards/*.json`. `boards/` has the content. `tests/deploy/test_live.py`
runs every query against a real Prometheus.
"""

import json
from typing import Any

from grafana_foundation_sdk.builders import common, heatmap, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import (
    GraphTresholdsStyleMode,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.panels import COLORS, JOB, Board, Kind, Panel

_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_COLUMNS = 24  # of Grafana's grid
_PER_LINE, _STATS_PER_LINE = 3, 6
_HEIGHT, _STAT_HEIGHT = 8, 4
_ROW_IDS = 100  # above the numbers of the panels
_ANNOTATIONS = (
    ("Alerts", "red", 'ALERTS{alertname=~"Twinpath.+", alertstate="firing"}', "{{alertname}}", "{{instance}}"),
    (
        "Starts",
        "blue",
        # The first scrape can be minutes after the start of the process.
        f"twinpath_build_info{{{JOB}}} unless on (job, instance) (twinpath_build_info{{{JOB}}} offset 1m "
        f"and on (job, instance) time() - process_start_time_seconds{{{JOB}}} >= 60)",
        "Start of {{instance}}",
        "version {{version}}",
    ),
)
"""Name, color, query, title and text of the events that every panel shows."""


def render(board: Board) -> str:
    """The dashboard as Grafana's JSON."""
    builder = (
        dashboards.Dashboard(board.title)
        .uid(board.uid)
        .description(board.text)
        .tags(["twinpath"])
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboards.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .link(
            dashboards.DashboardLink("Twinpath")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["twinpath"])
            .as_dropdown(False)
            .include_vars(True)
            .keep_time(True)
        )
    )
    for name, label, query in board.variables:
        builder = builder.with_variable(_variable(name, label, query))
    for number, (title, row) in enumerate(board.rows):
        builder = builder.with_row(dashboards.Row(title).id(_ROW_IDS + number))
        for panel, width in zip(row, _widths(row), strict=True):
            builder = builder.with_panel(_build(panel, width))
    content: dict[str, Any] = json.loads(JSONEncoder().encode(builder.build()))
    # The SDK's annotations have neither a title nor a text.
    content["annotations"]["list"] = [_annotation(*annotation) for annotation in _ANNOTATIONS]
    return json.dumps(content, sort_keys=True, indent=2) + "\n"


def _variable(name: str, label: str, query: str) -> dashboards.QueryVariable:
    # "All" becomes the listed values. A pattern such as `.+` would also select other programs of the Prometheus.
    built = (
        dashboards.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(_SOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current(models.VariableOption(text="All", value="$__all"))
    )
    # Outside of Kubernetes no target has a namespace.
    return built.all_value(".*") if name == "namespace" else built


def _annotation(name: str, color: str, query: str, title: str, text: str) -> dict[str, Any]:
    return {
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "enable": True,
        "expr": query,
        "iconColor": color,
        "name": name,
        "step": "60s",
        "textFormat": text,
        "titleFormat": title,
    }


def _widths(row: tuple[Panel, ...]) -> list[int]:
    """Width of each panel: full lines of almost equal length."""
    per_line = _STATS_PER_LINE if row[0].kind is Kind.STAT else _PER_LINE
    lines = -(-len(row) // per_line)
    lengths = [len(row) // lines + (line < len(row) % lines) for line in range(lines)]
    return [_COLUMNS // length for length in lengths for _ in range(length)]


def _build(panel: Panel, width: int) -> Any:
    built = _BUILDERS[panel.kind](panel).id(panel.id).title(panel.title).description(panel.text)
    built = built.datasource(_SOURCE)
    built = built.span(width).height(_STAT_HEIGHT if panel.kind is Kind.STAT else _HEIGHT)
    steps = [models.Threshold(value, color) for value, color in ((None, panel.base), *panel.limits)]
    built = built.thresholds(dashboards.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
    for name, color in COLORS.get(panel.label, {}).items():
        fixed = {"mode": "fixed", "fixedColor": color}
        built = built.override_by_name(name, [models.DynamicConfigValue(id_val="color", value=fixed)])
    for number, (expression, legend) in enumerate(panel.queries):
        query = Dataquery().expr(expression).legend_format(legend).ref_id("ABCDEFGH"[number]).range()
        if panel.kind is Kind.HEATMAP:
            query = query.format(PromQueryFormat.HEATMAP)
        built = built.with_target(query.exemplar(panel.exemplars and number == 0))  # once for all quantiles
    return built


def _lines(panel: Panel) -> timeseries.Panel:
    built = (
        timeseries.Panel()
        .unit(panel.unit)
        .min(0)
        .fill_opacity(10 if len(panel.queries) == 1 else 0)
        .show_points(VisibilityMode.NEVER)
        .legend(common.VizLegendOptions().show_legend(True).calcs(["lastNotNull"]))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    if panel.limits:
        built = built.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED))
    return built


def _stack(panel: Panel) -> timeseries.Panel:
    built = _lines(panel).fill_opacity(60).line_width(0)
    built = built.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    built = built.legend(common.VizLegendOptions().show_legend(True))
    return built.max(1) if panel.unit == "percentunit" else built


def _heatmap(panel: Panel) -> heatmap.Panel:
    color = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").exponent(0.5).steps(64)
    built = heatmap.Panel().calculate(False).color(color).y_axis(heatmap.YAxisConfig().unit(panel.unit))
    built = built.cell_values(heatmap.CellValues().unit("short").decimals(0))
    return built.show_tooltip().show_y_histogram().show_legend()


def _stat(panel: Panel) -> stat.Panel:
    return stat.Panel().unit(panel.unit).min(0).reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))


def _states(panel: Panel) -> statetimeline.Panel:
    texts = {str(value): models.ValueMappingResult(text=text) for value, text in enumerate(panel.states)}
    return (
        statetimeline.Panel()
        .mappings([models.ValueMap(options=texts)])
        .color_scheme(dashboards.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .merge_values(True)
        .show_value(VisibilityMode.AUTO)
        .row_height(0.8)
        .legend(common.VizLegendOptions().show_legend(False))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )


_BUILDERS = {
    Kind.LINES: _lines,
    Kind.STACK: _stack,
    Kind.HEATMAP: _heatmap,
    Kind.STAT: _stat,
    Kind.STATES: _states,
}
