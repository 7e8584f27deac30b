"""Pictures of the dashboards."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deploy.grafana.drawing import color
from deploy.grafana.panels import COLORS
from deploy.grafana.pictures import DASHBOARDS, picture
from deploy.grafana.queries import Prometheus
from deploy.grafana.units import written

START, END = 1_000_000.0, 1_000_600.0
JOBS = ["twinpath", "twinpath.b"]


class Recorded:
    """Prometheus that gives every query the same series, and keeps what it was asked."""

    def __init__(self, values: list[str]) -> None:
        self.values = values
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get(self, url: str, params: dict[str, Any], timeout: float) -> httpx.Response:
        self.asked.append((url, params))
        assert timeout > 0
        return httpx.Response(200, json={"status": "success", "data": self.data(url, params)})

    def data(self, url: str, params: dict[str, Any]) -> Any:
        if "/label/" in url:
            return JOBS
        if url.endswith("query_exemplars"):
            return [{"exemplars": [{"timestamp": START + 30, "value": "1.5", "labels": {"trace_id": "a"}}]}]
        wanted = [{"le": edge} for edge in ("1", "0.5", "+Inf")] if "le" in params["query"] else [{"outcome": "voted"}]
        if params["query"].startswith(("histogram", "max", "count")):
            wanted = [{}]
        points = [[START + 15 * n, value] for n, value in enumerate(self.values)]
        return {"result": [{"metric": labels, "values": points} for labels in wanted] if points else []}


def source(monkeypatch: pytest.MonkeyPatch, values: list[str], **more: Any) -> tuple[Prometheus, Recorded]:
    recorded = Recorded(values)
    monkeypatch.setattr(httpx, "get", recorded.get)
    return Prometheus("http://prometheus", START, END, 15, **more), recorded


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "s", "0 s"),
        (0.00125, "s", "1.25 ms"),
        (0.35, "s", "350 ms"),
        (9.996, "s", "10 s"),
        (75.0, "s", "1.25 min"),
        (0.0049, "percentunit", "0.49%"),
        (1.0, "percentunit", "100%"),
        (1.5 * 2**30, "bytes", "1.5 GiB"),
        (0.0, "bytes", "0 B"),
        (1234.0, "short", "1.23K"),
        (0.25, "short", "0.25"),
        (2.5, "reqps", "2.5 req/s"),
        (0.0, "ops", "0 ops/s"),
        (1200.0, "suffix:tokens/s", "1.2K tokens/s"),
    ],
)
def test_values_are_written_in_their_unit(value: float, unit: str, text: str) -> None:
    assert written(value, unit) == text


@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(["s", "bytes", "percentunit", "short", "ops"]))
def test_any_value_has_a_text(value: float, unit: str) -> None:
    assert written(value, unit)


def test_variables_and_intervals_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    prometheus, recorded = source(monkeypatch, ["1"])
    variables = [
        {"name": "datasource", "label": "Data source", "query": "prometheus"},
        {"name": "job", "label": "Job", "query": "label_values(twinpath_build_info, job)"},
        {
            "name": "instance",
            "label": "Engine",
            "query": 'label_values(engine:requests_running{job=~"$job"}, instance)',
        },
    ]
    assert prometheus.choose(variables) == {"Job": JOBS, "Engine": JOBS}
    chosen = r"twinpath|twinpath\\.b"  # a regular expression in a string of PromQL
    assert [params["match[]"] for _, params in recorded.asked] == [
        "twinpath_build_info",
        f'engine:requests_running{{job=~"{chosen}"}}',
    ]
    (series,) = prometheus.series('rate(x{job=~"$job"}[$__rate_interval])', "{{outcome}} of {{missing}}")
    assert recorded.asked[-1] == (
        "http://prometheus/api/v1/query_range",
        {"query": f'rate(x{{job=~"{chosen}"}}[60s])', "start": START, "end": END, "step": 15},
    )
    assert (series.legend, series.times, series.values) == ("voted of ", [START], [1.0])
    assert prometheus.exemplars("x") == [(START + 30, 1.5)]


def test_only_chosen_jobs_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    prometheus, _ = source(monkeypatch, ["1"], jobs=["twinpath.b", "other"])
    variables = [{"name": "job", "label": "Job", "query": "label_values(twinpath_build_info, job)"}]
    assert prometheus.choose(variables) == {"Job": ["twinpath.b"]}


def test_a_refused_query_names_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = httpx.Response(400, json={"status": "error", "error": "parse error"})
    monkeypatch.setattr(httpx, "get", lambda *_, **__: refused)
    with pytest.raises(ValueError, match="parse error"):
        Prometheus("http://prometheus", START, END, 15).series("(", "")


@pytest.mark.parametrize(
    "name",
    [
        "twinpath-solve",  # every kind of panel
        pytest.param("twinpath-engine", marks=pytest.mark.slow),
        pytest.param("twinpath-paths", marks=pytest.mark.slow),
        pytest.param("twinpath-sandbox", marks=pytest.mark.slow),
    ],
)
def test_a_picture_has_every_panel(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    board = json.loads((DASHBOARDS / f"{name}.json").read_text())
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    prometheus, recorded = source(monkeypatch, ["0", "1", "NaN", "3"])
    assert picture(board, prometheus, tmp_path / "board.png") == []
    with Image.open(tmp_path / "board.png") as image:
        assert image.size == (1320, 54 + 26 * rows)
    targets = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    ranges = [params["query"] for url, params in recorded.asked if url.endswith("query_range")]
    assert len(ranges) == len(targets) + len(board["annotations"]["list"])
    assert not any("$" in query for query in ranges)


@pytest.mark.parametrize("values", [[], ["NaN", "NaN"]])
def test_panels_without_data_are_named(values: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    board = json.loads((DASHBOARDS / "twinpath-sandbox.json").read_text())
    titles = [panel["title"] for panel in board["panels"] if panel["type"] != "row"]
    prometheus, _ = source(monkeypatch, values)
    assert picture(board, prometheus, tmp_path / "board.png") == titles


def test_every_color_of_a_label_can_be_drawn() -> None:
    for names in COLORS.values():
        assert all(color(name).startswith("#") for name in names.values())
