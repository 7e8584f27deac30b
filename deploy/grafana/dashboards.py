"""Grafana's JSON of the dashboards.

`python -m deploy.generate` writes it to `dashboards/*.json`. `boards.py` has the content. `tests/deploy/test_live.py`
runs every query against a real Prometheus.
"""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import common, heatmap, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.panels import Board, Panel

_SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
_WIDTH, _HEIGHT = 8, 8


def render(board: Board) -> str:
    """The dashboard as Grafana's JSON."""
    builder = (
        dashboards.Dashboard(board.title)
        .uid(board.uid)
        .tags(["twinpath"])
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .with_variable(
            dashboards.QueryVariable("job")
            .label("Job")
            .query("label_values(twinpath_build_info, job)")
            .datasource(_SOURCE)
            .multi(True)
            .include_all(True)
            .all_value(".+")
        )
        .link(
            dashboards.DashboardLink("Twinpath")
            .tags(["twinpath"])
            .as_dropdown(False)
            .include_vars(True)
            .keep_time(True)
        )
    )
    for title, row in board.rows:
        builder = builder.with_row(dashboards.Row(title))
        for panel in row:
            builder = builder.with_panel(_build(panel))
    return str(JSONEncoder(sort_keys=True, indent=2).encode(builder.build())) + "\n"


def _build(panel: Panel) -> timeseries.Panel | heatmap.Panel | stat.Panel:
    built: timeseries.Panel | heatmap.Panel | stat.Panel
    if panel.kind == "heatmap":
        built = heatmap.Panel().calculate(False).y_axis(heatmap.YAxisConfig().unit(panel.unit))
    elif panel.kind == "stat":
        built = stat.Panel().reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    else:
        built = timeseries.Panel().legend(common.VizLegendOptions().show_legend(True)).fill_opacity(10)
        built = built.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    built = built.title(panel.title).unit(panel.unit).datasource(_SOURCE).description(panel.text)
    built = built.span(_WIDTH).height(_HEIGHT if panel.kind != "stat" else _HEIGHT // 2)
    for query in _queries(panel):
        built = built.with_target(query)
    return built


def _queries(panel: Panel) -> Sequence[Dataquery]:
    queries = []
    for number, (expression, legend) in enumerate(panel.queries):
        query = Dataquery().expr(expression).legend_format(legend).ref_id("ABCDEFGH"[number]).exemplar(panel.exemplars)
        if panel.kind == "heatmap":
            query = query.format(PromQueryFormat.HEATMAP)
        if panel.kind == "stat":
            query = query.instant()
        queries.append(query)
    return queries
