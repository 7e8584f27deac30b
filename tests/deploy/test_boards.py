"""Dashboards: their queries, limits and links."""

import json
import re
import subprocess
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from deploy.grafana.boards import BOARDS, panels
from deploy.grafana.dashboards import _ANNOTATIONS, render
from deploy.grafana.panels import COLORS, ENGINE, JOB, Board, Kind
from service.metrics import Metrics
from service.sandbox.base import Outcome
from service.types import GradeVerdict, PathKind, PathOutcome, Status
from tests.deploy.native import BIN, DEPLOY, ROOT

RULES = DEPLOY / "prometheus/rules"
QUERIES = [(uid, panel, query, legend) for uid, panel in panels() for query, legend in panel.queries]


def shown(board: Board) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(render(board))
    return content


def labels() -> dict[str, set[str]]:
    """Labels of every series that a panel may read, without those of the scrape."""
    known: dict[str, set[str]] = {"up": set(), "ALERTS": {"alertname", "alertstate"}}
    registry = CollectorRegistry()
    Metrics(registry)
    for metric in set(registry._names_to_collectors.values()):
        assert isinstance(metric, MetricWrapperBase)
        for name in (metric._name, *(f"{metric._name}_{part}" for part in ("total", "bucket", "sum", "count"))):
            known[name] = {*metric._labelnames, *({"le"} if name.endswith("_bucket") else ())}
    for group in yaml.safe_load((RULES / "recording.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            kept = re.search(r"by \(([^)]*)\)", rule["expr"])
            assert kept
            known[rule["record"]] = set(kept[1].split(", ")) - {"job", "instance", "namespace"}
    return known


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_every_panel_has_a_number_of_its_own_and_a_description(board: Board) -> None:
    rows = [panel for panel in shown(board)["panels"] if panel["type"] == "row"]
    others = [panel for panel in shown(board)["panels"] if panel["type"] != "row"]
    numbers = [panel["id"] for panel in rows + others]
    assert len(numbers) == len(set(numbers))
    assert all(1 <= panel["id"] < 100 for panel in others)
    assert len({panel["title"] for panel in others}) == len(others)
    assert all(panel["description"].endswith(".") for panel in others)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_panels_fill_the_width_of_their_row(board: Board) -> None:
    lines: dict[int, list[dict[str, int]]] = {}
    for panel in shown(board)["panels"]:
        lines.setdefault(panel["gridPos"]["y"], []).append(panel["gridPos"])
    for line in lines.values():
        assert sum(place["w"] for place in line) == 24
        assert len({place["h"] for place in line}) == 1
        assert [place["x"] for place in line] == [sum(before["w"] for before in line[:n]) for n in range(len(line))]


def test_every_query_obeys_the_lists_at_the_top() -> None:
    for uid, panel, query, _ in QUERIES:
        names = re.findall(r"\b((?:twinpath[_:]|engine:|process_|up\b)[\w:]*)(\{[^}]*\})?", query)
        for name, selector in names:
            wanted = ENGINE if name.startswith("engine:") else JOB
            assert wanted in selector, (uid, panel.title, name)
        assert names or "ALERTS" in query  # an alert of any job is shown
        assert uid == "twinpath-engine" or "$instance" not in query


def test_every_label_of_a_query_exists() -> None:
    known = labels()
    for uid, panel, query, legend in QUERIES:
        names = re.findall(r"\b(?:twinpath[_:]|engine:|up\b|ALERTS\b)[\w:]*", query)
        allowed = {"job", "instance", "namespace"}.union(*(known[name] for name in names))
        grouped = [re.split(r",\s*", found) for found in re.findall(r"(?:by|ignoring) \(([^)]+)\)", query)]
        matched = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!=|=)", query)
        for label in chain(*grouped, matched):
            assert label in allowed, (uid, panel.title, label)
        for label in re.findall(r"{{(\w+)}}", legend):
            assert label in (set(grouped[0]) if grouped else allowed), (uid, panel.title, label)
        assert panel.label in ({""} | allowed)


def test_variables_list_what_exists_and_nothing_else() -> None:
    known = labels()
    for board in BOARDS:
        source, *variables = shown(board)["templating"]["list"]
        assert (source["type"], source["query"]) == ("datasource", "prometheus")
        for variable in variables:
            # `.+` would show the processes of other programs, but a target may have no namespace.
            assert variable.get("allValue") == (".*" if variable["name"] == "namespace" else None)
            assert variable["refresh"] == 2  # read again for each time range
            assert variable["datasource"]["uid"] == "${datasource}"
            assert known.keys() & set(re.findall(r"[\w:]+", variable["query"]))
        assert [variable["name"] for variable in variables] == [name for name, _, _ in board.variables]


def alert(name: str) -> str:
    groups = yaml.safe_load((RULES / "alerts.yaml").read_text())["groups"]
    (expression,) = [rule["expr"] for group in groups for rule in group["rules"] if rule.get("alert") == name]
    return str(expression)


@pytest.mark.parametrize(
    ("uid", "title", "limits", "name", "written"),
    [
        ("twinpath-solve", "Errors, last hour", [0.005, 0.072], "TwinpathErrorBudgetBurnsFast", "> 14.4 * 0.005"),
        ("twinpath-solve", "Slower than 10 s, last hour", [0.05, 0.25], "TwinpathSlow", "> 0.25"),
        ("twinpath-solve", "Queue filled", [0.5, 0.8], "TwinpathQueueNearlyFull", "> 0.8"),
        ("twinpath-paths", "Without an answer", [0.2], "TwinpathAbstains", "> 0.2"),
        ("twinpath-engine", "KV cache", [0.95], "TwinpathKvCacheFull", "> 0.95"),
        ("twinpath-engine", "Preemptions/s", [0.1], "TwinpathPreempts", "> 0.1"),
    ],
)
def test_limits_are_those_of_the_alerts(uid: str, title: str, limits: list[float], name: str, written: str) -> None:
    (board,) = [board for board in BOARDS if board.uid == uid]
    (panel,) = [panel for panel in shown(board)["panels"] if panel["title"] == title]
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, *limits]
    assert (steps[0]["color"], steps[-1]["color"]) == ("green", "red" if len(limits) == 2 else "orange")
    assert written in alert(name)


def test_boards_link_to_each_other_and_share_a_crosshair() -> None:
    for board in BOARDS:
        content = shown(board)
        (link,) = content["links"]
        assert (link["type"], link["tags"], link["keepTime"], link["includeVars"]) == (
            "dashboards",
            content["tags"],
            True,
            True,
        )
        assert content["graphTooltip"] == 1
        assert [annotation["name"] for annotation in content["annotations"]["list"]] == ["Alerts", "Starts"]
        heatmaps = [panel["options"]["tooltip"] for panel in content["panels"] if panel["type"] == "heatmap"]
        assert heatmaps == [{"show": True, "yHistogram": True}] * len(heatmaps)
    assert sum(panel.kind is Kind.HEATMAP for _, panel in panels()) == 3


def test_a_point_of_the_latency_leads_to_its_trace() -> None:
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    (destination,) = source["jsonData"]["exemplarTraceIdDestinations"]
    assert f'{{"{destination["name"]}": ' in (ROOT / "service/tracing.py").read_text()
    assert destination["url"] == "${TRACE_URL}$${__value.raw}"
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert compose["grafana"]["environment"]["TRACE_URL"] == "${TRACE_URL:-http://localhost:16686/trace/}"
    assert "--enable-feature=exemplar-storage" in compose["prometheus"]["command"]
    traced = [panel for _, panel in panels() if panel.exemplars]
    assert [panel.title for panel in traced] == [
        "Time to solution",
        "Time to first path",
        "Wait in the queue",
        "Run of a program",
    ]
    assert all("_bucket{" in query for panel in traced for query, _ in panel.queries)
    targets = [panel.get("targets", []) for board in BOARDS for panel in shown(board)["panels"]]
    assert sum(target["exemplar"] for each in targets for target in each) == len(traced)


@pytest.mark.parametrize(
    ("label", "values"),
    [
        ("status", {*Status, "error"}),
        ("outcome", {*PathOutcome, *Outcome}),
        ("kind", set(PathKind)),
        ("verdict", set(GradeVerdict)),
        ("decision", {"majority", "plurality", "tie", "abstain"}),
        ("result", {"ok", "aborted", "refused", "failed"}),
    ],
)
def test_every_value_of_a_label_has_a_color(label: str, values: set[str]) -> None:
    assert set(COLORS[label]) == {str(value) for value in values}


def test_a_color_is_bound_to_the_name_in_the_legend() -> None:
    for _, panel, _, legend in QUERIES:
        assert not panel.label or legend == f"{{{{{panel.label}}}}}"


def test_panels_named_in_the_runbooks_exist() -> None:
    runbooks = (ROOT / "docs/operations.md").read_text().partition("## Runbooks")[2]
    named = set(re.findall(r'"([A-Z][^"]+)"', runbooks))
    assert named >= {"Problems/s by outcome", "Wait in the queue"}
    assert named <= {panel.title for _, panel in panels()}


@pytest.mark.e2e
def test_a_start_is_marked_for_a_minute_however_long_it_took(tmp_path: Path) -> None:
    (query,) = [query for name, _, query, _, _ in _ANNOTATIONS if name == "Starts"]
    series = '{job="twinpath", instance="a"}'
    mark = [{"labels": f"twinpath_build_info{series}", "value": 1}]
    case = {
        "interval": "15s",
        "input_series": [  # started at 20 min, scraped from 23 min; started again at 40 min, and scraped at once
            {"series": f"twinpath_build_info{series}", "values": "1x20 stale _x70 1x67 1x80"},
            {"series": f"process_start_time_seconds{series}", "values": "-600x20 stale _x70 1200x67 2400x80"},
        ],
        "promql_expr_test": [
            {"expr": query.replace("$job", ".+").replace("$namespace", ".*"), "eval_time": time, "exp_samples": samples}
            for time, samples in [("3m", []), ("23m30s", mark), ("25m", []), ("40m30s", mark), ("42m", [])]
        ],
    }
    (tmp_path / "test.yaml").write_text(
        yaml.safe_dump({"rule_files": [], "evaluation_interval": "15s", "tests": [case]})
    )
    done = subprocess.run([BIN / "promtool", "test", "rules", tmp_path / "test.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
