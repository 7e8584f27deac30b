"""Helm chart: alerts for missing pods, and several releases that one Prometheus watches."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.chart import EXAMPLES, WORKERS, Objects, render, template
from tests.deploy.native import BIN, DEPLOY

RULES = DEPLOY / "prometheus/rules"
PARTS = {"service": 900, "worker": 1800, "router": 1800}
"""Seconds that a pod of each part may take to start."""


def targets(part: str, pods: dict[str, str], namespace: str = "math") -> list[dict[str, str]]:
    """Series `up` of a part's pods, with the labels that the Prometheus operator gives them."""
    name = "twinpath" if part == "service" else f"twinpath-{part}"
    labels = f'job="{name}", service="{name}", namespace="{namespace}"'
    return [{"series": f'up{{{labels}, instance="{pod}"}}', "values": values} for pod, values in pods.items()]


def check(folder: Path, objects: Objects, tests: list[dict[str, Any]]) -> None:
    """Run promtool's tests on the rules of a release, and on the rules of every release."""
    rules = objects["PrometheusRule", "twinpath-pods"]["spec"]
    (folder / "pods.yaml").write_text(yaml.safe_dump(rules))
    files = [str(RULES / "recording.yaml"), str(RULES / "alerts.yaml"), "pods.yaml"]
    suite = {"rule_files": files, "evaluation_interval": "1m", "tests": [{"interval": "1m"} | test for test in tests]}
    (folder / "test.yaml").write_text(yaml.safe_dump(suite))
    done = subprocess.run([BIN / "promtool", "test", "rules", "test.yaml"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def missing(part: str, minute: int, count: int | None) -> dict[str, Any]:
    """Expectation that `count` of two pods of a part are counted, or that the alert does not fire."""
    job = "twinpath" if part == "service" else f"twinpath-{part}"
    alert = {
        "exp_labels": {"severity": "ticket", "job": job, "namespace": "math"},
        "exp_annotations": {
            "summary": "Fewer pods answer than the release has",
            "description": f"{count} of 2 pods of twinpath ({part}) in namespace math answer.",
            "runbook": "docs/operations.md#twinpathpodsmissing",
        },
    }
    fired = [] if count is None else [alert]
    return {"eval_time": f"{minute}m", "alertname": "TwinpathPodsMissing", "exp_alerts": fired}


@pytest.mark.e2e
@pytest.mark.parametrize("part", PARTS)
def test_a_pod_without_a_target_is_missed(part: str, tmp_path: Path) -> None:
    wait = PARTS[part] // 60
    others = [series for other in PARTS if other != part for series in targets(other, {"a": "1x200", "b": "1x200"})]
    lost = targets(part, {"a": "1x200", "b": "1x20 stale _x59 1x120"})
    none = targets(part, {"a": "1x20 stale", "b": "1x20 stale"})
    tests = [
        {
            "input_series": [*others, *lost],
            "alert_rule_test": [
                missing(part, 20 + wait, None),
                missing(part, 21 + wait, 1),
                missing(part, 85, None),
            ],
        },
        {"input_series": [*others, *none], "alert_rule_test": [missing(part, 21 + wait, 0)]},
    ]
    check(tmp_path, render("monitored"), tests)


@pytest.mark.e2e
def test_an_autoscaler_may_remove_replicas(tmp_path: Path) -> None:
    scaled = {"enabled": True, "minReplicas": 2, "maxReplicas": 9}
    values = {"monitoring": {"prometheusRule": {"enabled": True}}, "service": {"replicas": 7, "autoscaling": scaled}}
    others = [series for part in ("worker", "router") for series in targets(part, {"a": "1x99", "b": "1x99"})]
    few = targets("service", {"a": "1x99", "b": "1x99", "c": "1x9 stale"})
    one = targets("service", {"a": "1x99", "b": "1x9 stale"})
    tests = [
        {"input_series": [*others, *few], "alert_rule_test": [missing("service", 90, None)]},
        {"input_series": [*others, *one], "alert_rule_test": [missing("service", 90, 1)]},
    ]
    check(tmp_path, template(WORKERS | values), tests)


@pytest.mark.e2e
def test_alerts_name_the_namespace_and_no_release_hides_another(tmp_path: Path) -> None:
    queue = [
        {"series": f'{metric}{{job="twinpath", namespace="{namespace}", instance="a"}}', "values": f"{value}x30"}
        for namespace, depth in (("math", 0), ("staging", 95))
        for metric, value in (("twinpath_queue_depth", depth), ("twinpath_queue_capacity", 100))
    ]
    full = {
        "exp_labels": {"severity": "page", "job": "twinpath", "namespace": "staging"},
        "exp_annotations": {
            "summary": "The queue is nearly full",
            "description": "95% of the places are taken; further problems will get 429.",
            "runbook": "docs/operations.md#twinpathqueuenearlyfull",
        },
    }
    unseen = {
        "exp_labels": {"severity": "page", "job": "twinpath", "namespace": "math", "service": "twinpath"},
        "exp_annotations": {
            "summary": "Prometheus has no target of the service",
            "description": "No target of twinpath in namespace math exists; no other alert of it can fire.",
            "runbook": "docs/operations.md#twinpathnotscraped",
        },
    }
    test = {
        "input_series": [*queue, *targets("service", {"a": "1x30"}, "staging")],
        "alert_rule_test": [
            {"eval_time": "20m", "alertname": "TwinpathQueueNearlyFull", "exp_alerts": [full]},
            {"eval_time": "25m", "alertname": "TwinpathNotScraped", "exp_alerts": [unseen]},
        ],
    }
    check(tmp_path, render("monitored"), [test])


def test_rules_aggregate_by_namespace() -> None:
    for file in ("recording", "alerts"):
        for line in (RULES / f"{file}.yaml").read_text().splitlines():
            assert "by (job" not in line
            assert "on (job" not in line


def test_each_release_counts_its_own_pods_and_one_has_the_shared_rules() -> None:
    def rules(**values: Any) -> set[str]:
        own = {"monitoring": {"prometheusRule": {"enabled": True, **values}}}
        return {name for kind, name in template(WORKERS | own) if kind == "PrometheusRule"}

    assert rules() == {"twinpath-recording", "twinpath-alerts", "twinpath-pods"}
    assert rules(shared=False) == {"twinpath-pods"}


@pytest.mark.parametrize("name", ["external", "one-worker", "no-router", "in-process", "renamed"])
def test_only_parts_of_the_release_are_counted(name: str) -> None:
    objects = template({"monitoring": {"prometheusRule": {"enabled": True}}}, "--values", EXAMPLES[name])
    (rules,) = [item for (kind, object_name), item in objects.items() if object_name.endswith("-pods")]
    counted = [rule["expr"] for rule in rules["spec"]["groups"][0]["rules"][1:]]
    services = {
        kind_name[1]
        for kind_name, item in objects.items()
        if kind_name[0] == "Service" and item["spec"]["selector"]["app.kubernetes.io/instance"]
    }
    assert len(counted) == len(services)
    for service in services:
        assert len([expression for expression in counted if f'service="{service}"' in expression]) == 1
