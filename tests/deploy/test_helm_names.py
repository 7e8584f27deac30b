"""Names of the objects, the ways to the service from outside, and the chart within another."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.chart import (
    CHART,
    WORKERS,
    containers,
    mounts,
    parts,
    pods,
    render,
    template,
)


def test_names_labels_and_annotations_follow_a_companys_rules() -> None:
    objects = render("renamed")
    for (kind, name), item in objects.items():
        assert name.startswith("solver"), kind
        assert item["metadata"]["labels"]["cost-center"] == "42"
        assert item["metadata"]["annotations"]["owner"] == "math-team"
    for pod in pods(objects).values():
        assert pod["metadata"]["labels"]["cost-center"] == "42"
    pod = pods(objects)["solver"]["spec"]
    assert {entry["name"]: entry.get("value") for entry in pod["containers"][0]["env"]}[
        "TWINPATH_WORKER_URLS"
    ] == "http://solver-router:30000"


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("twinpath", {}, "twinpath"),
        ("my-twinpath", {}, "my-twinpath"),
        ("prod", {}, "prod-twinpath"),
        ("prod", {"nameOverride": "math"}, "prod-math"),
        ("math-prod", {"nameOverride": "math"}, "math-prod"),
        ("prod", {"nameOverride": "math", "fullnameOverride": "solver"}, "solver"),
    ],
)
def test_objects_are_named_as_those_of_other_charts(release: str, values: dict[str, Any], name: str) -> None:
    objects = template(WORKERS | values, release=release)
    assert {object_name for kind, object_name in objects if kind == "Service"} == {
        name,
        f"{name}-worker",
        f"{name}-router",
    }


def test_a_load_balancer_has_its_annotations_and_sources() -> None:
    service = render("load-balancer")["Service", "twinpath"]
    assert service["metadata"]["annotations"] == {"service.beta.kubernetes.io/aws-load-balancer-internal": "true"}
    assert service["spec"]["loadBalancerSourceRanges"] == ["10.0.0.0/8"]
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    ranges = {"service": {"loadBalancerSourceRanges": ["10.0.0.0/8"], "nodePort": 30080}}
    plain = template(WORKERS | ranges)["Service", "twinpath"]["spec"]  # the cluster would refuse both in a ClusterIP
    assert "loadBalancerSourceRanges" not in plain
    assert "nodePort" not in plain["ports"][0]


def test_an_ingress_and_a_route_lead_to_the_service() -> None:
    ingress = render("ingress")["Ingress", "twinpath"]
    backend = {"service": {"name": "twinpath", "port": {"name": "http"}}}
    assert ingress["spec"] == {
        "ingressClassName": "nginx",
        "tls": [{"secretName": "math-tls", "hosts": ["math.example.com"]}],
        "rules": [
            {"host": "math.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
        ],
    }
    assert ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"
    route = render("gateway")["HTTPRoute", "twinpath"]
    assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
    assert route["spec"]["parentRefs"] == [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
    assert route["spec"]["hostnames"] == ["example.com"]
    (rule,) = route["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/math"}}]
    assert rule["backendRefs"] == [{"name": "twinpath", "port": 8000}]
    assert rule["timeouts"] == {"request": "620s"}
    assert rule["filters"][0]["type"] == "URLRewrite"


def test_containers_and_objects_of_the_company_are_added() -> None:
    objects = render("extended")
    for part, spec in parts(objects).items():
        assert [container["name"] for container in spec["initContainers"]] == ["copy-model"], part
        assert [container["name"] for container in spec["containers"]][1:] == (["audit"] if part == "service" else [])
        assert mounts(spec["containers"][0])["copied"]["mountPath"] == "/models"
    assert objects["ConfigMap", "twinpath-owner"]["data"] == {"team": "math"}
    assert objects["ConfigMap", "twinpath-address"]["data"] == {"url": "http://twinpath.math:8000"}


def test_the_chart_works_as_a_part_of_another(tmp_path: Path) -> None:
    shutil.copytree(CHART, tmp_path / "charts/twinpath")
    dependency = {"name": "twinpath", "version": "0.1.0", "alias": "solver"}
    parent = {"apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": [dependency]}
    (tmp_path / "Chart.yaml").write_text(json.dumps(parent))
    registry = {"imageRegistry": "r.example.com", "imagePullSecrets": ["registry"], "other": 1}
    values = {"global": registry, "solver": WORKERS | {"podSecurityContext": None}}
    objects = template(values, release="prod", chart=tmp_path)
    assert set(pods(objects)) == {"prod-solver", "prod-solver-worker", "prod-solver-router", "prod-solver-test"}
    assert {container["image"].partition("/")[0] for container in containers(objects)} == {"r.example.com"}
    assert pods(objects)["prod-solver"]["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert pods(objects)["prod-solver"]["spec"]["securityContext"] == {}
