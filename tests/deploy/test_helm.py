"""Helm chart: the objects of the engines, of keys, of monitoring and of availability."""

import json
import tomllib
from typing import Any

import pytest
import yaml

from tests.deploy.chart import (
    CHART,
    EXAMPLES,
    PARTS,
    WORKERS,
    environment,
    helm,
    mounts,
    parts,
    pods,
    refusal,
    render,
    template,
    volumes,
)
from tests.deploy.native import DEPLOY, ROOT


@pytest.mark.parametrize("example", ["monitored", "in-process", "gateway"])
def test_the_chart_lints(example: str) -> None:
    done = helm("lint --strict", {}, "--values", EXAMPLES[example])
    assert done.returncode == 0, done.stdout


WRONG: dict[str, Any] = {
    "modle": "org/student",
    "engine": {"kind": "sglang"},
    "service": {
        "replicas": 0,
        "settings": {"MAX_TOKENS": "4"},
        "gpus": 2,  # an engine in process uses one
        "type": "ExternalName",
        "tmpSize": "",
        "image": {"digest": "1234"},
    },
    "worker": {"cacheSize": "much", "accessModes": ["rwo"], "podLabel": {"a": "b"}},
    "imagePullSecrets": ["registry"],
    "extraEnv": {"HF_HUB_OFFLINE": "1"},
    "extraVolumeMounts": [{"name": "ca"}],
    "serviceAccount": {"create": "yes"},
    "nameOverride": "Two Paths",
    "ingress": {"hosts": []},
    "podDisruptionBudget": {"maxUnavailable": "half"},
}
INCOMPLETE: dict[str, Any] = {
    "engine": {"kind": "external"},
    "httpRoute": {"enabled": True},
    "extraEnv": [{"name": "X", "value": 1}],
}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            WRONG,
            {
                "": "additional properties 'modle' not allowed",
                "/engine/kind": "value must be one of 'workers', 'external', 'vllm', 'fake'",
                "/service/replicas": "minimum: got 0, want 1",
                "/service/settings": "additional properties 'MAX_TOKENS' not allowed",
                "/service/gpus": "maximum: got 2, want 1",
                "/service/type": "value must be one of 'ClusterIP', 'NodePort', 'LoadBalancer'",
                "/service/tmpSize": "'' does not match",
                "/service/image/digest": "'1234' does not match",
                "/worker/cacheSize": "'much' does not match",
                "/worker/accessModes/0": "value must be one of 'ReadWriteOnce'",
                "/worker": "additional properties 'podLabel' not allowed",
                "/imagePullSecrets/0": "got string, want object",
                "/extraEnv": "got object, want array",
                "/extraVolumeMounts/0": "missing property 'mountPath'",
                "/serviceAccount/create": "got string, want boolean",
                "/nameOverride": "'Two Paths' does not match",
                "/ingress/hosts": "minItems: got 0, want 1",
                "/podDisruptionBudget/maxUnavailable": "'half' does not match",
            },
        ),
        (
            INCOMPLETE,
            {
                "/engine/urls": "minItems: got 0, want 1",
                "/httpRoute/parentRefs": "minItems: got 0, want 1",
                "/extraEnv/0/value": "got number, want string",
            },
        ),
    ],
)
def test_wrong_values_are_refused_by_their_place(values: dict[str, Any], expected: dict[str, str]) -> None:
    reason = refusal(WORKERS | values)
    for place, fault in expected.items():
        assert f"at '{place}': {fault}" in reason


@pytest.mark.parametrize("kind", ["workers", "external"])
def test_an_engine_of_workers_needs_a_model(kind: str) -> None:
    engine = {"kind": kind, "urls": ["http://one:8000"]}
    assert "Set `model`: " in refusal({"allowAnonymous": True, "engine": engine})


def test_without_keys_nothing_is_rendered_unless_that_is_meant() -> None:
    assert "Set `apiKeysSecret`, or `allowAnonymous` where that is meant." in refusal({"model": "org/student"})
    assert environment(render("fake"))["TWINPATH_ALLOW_ANONYMOUS"] == "true"


def test_keys_come_from_a_secret_and_prometheus_has_its_own() -> None:
    objects = render("keys")
    assert environment(objects)["TWINPATH_API_KEYS_FILE"] == "/run/secrets/api/api-keys.toml"
    assert "TWINPATH_ALLOW_ANONYMOUS" not in environment(objects)
    pod = parts(objects)["service"]
    item = {"key": "api-keys.toml", "path": "api-keys.toml"}
    assert volumes(pod)["api-keys"]["secret"] == {"secretName": "callers", "items": [item]}
    mount = {"name": "api-keys", "mountPath": "/run/secrets/api", "readOnly": True}
    assert mounts(pod["containers"][0])["api-keys"] == mount
    for (kind, name), monitor in objects.items():
        if kind == "ServiceMonitor":
            authorization = monitor["spec"]["endpoints"][0].get("authorization")
            expected = {"credentials": {"name": "callers", "key": "metrics-key"}} if name == "twinpath" else None
            assert authorization == expected


def test_services_find_the_workers() -> None:
    routed = render("workers")
    assert environment(routed)["TWINPATH_WORKER_URLS"] == "http://twinpath-router:30000"
    arguments = parts(routed)["router"]["containers"][0]["args"]
    workers = [f"http://twinpath-worker-{number}.twinpath-worker:8000" for number in range(3)]
    assert arguments[-3:] == ["--worker-urls", *workers[:2]]
    assert environment(routed, "router") == {"RUST_LOG": "warn"}  # by default it logs a line a path
    assert environment(render("no-router"))["TWINPATH_WORKER_URLS"] == ",".join(workers)
    alone = render("one-worker")
    assert environment(alone)["TWINPATH_WORKER_URLS"] == workers[0]
    assert ("Deployment", "twinpath-router") not in alone  # it refuses to balance over one
    external = environment(render("external"))
    assert external["TWINPATH_WORKER_URLS"] == "http://one:8000,http://two:8000"
    assert external["TWINPATH_WORKER_API_KEY_FILE"] == "/run/secrets/worker/api-key"


@pytest.mark.parametrize(("name", "seconds"), [("workers", 1800), ("large-model", 3600)])
def test_the_router_waits_as_long_as_a_worker_may_start(name: str, seconds: int) -> None:
    for part in ("worker", "router"):
        probe = parts(render(name))[part]["containers"][0]["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] == seconds
    assert f"--worker-startup-timeout-secs={seconds}" in parts(render(name))["router"]["containers"][0]["args"]


def test_workers_share_a_model_over_their_gpus() -> None:
    arguments = parts(render("large-model"))["worker"]["containers"][0]["args"]
    assert arguments[-2:] == ["--tensor-parallel-size=2", "--enable-expert-parallel"]
    own = ["--tensor-parallel-size=2", "--data-parallel-size=2"]
    chosen = parts(template(WORKERS | {"worker": {"gpus": 4, "args": own}}))["worker"]["containers"][0]["args"]
    assert chosen[-3:] == ["--shutdown-timeout=30", *own]
    one = parts(render("workers"))["worker"]["containers"][0]["args"]
    assert not [argument for argument in one if "tensor" in argument]


def test_the_chart_installs_the_version_of_the_project() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert chart["appVersion"] == project["version"]
    images = [spec["containers"][0]["image"] for spec in parts(render("workers")).values()]
    version = project["version"]
    assert images == [f"twinpath/service:{version}-slim", "vllm/vllm-openai:v0.32.0", f"twinpath/router:{version}"]


def test_clusters_without_the_sleep_of_the_chart_are_refused() -> None:
    assert template(WORKERS, "--kube-version", "1.30.0")
    assert "chart requires kubeVersion: >=1.30.0-0" in refusal(WORKERS, "--kube-version", "1.29.9")


def test_a_disk_that_callers_fill_has_a_size() -> None:
    for part, size in (("service", "2Gi"), ("router", "64Mi")):
        assert volumes(parts(render("workers"))[part])["tmp"]["emptyDir"] == {"sizeLimit": size}


def test_the_drain_fits_into_the_grace_period() -> None:
    pod = parts(render("workers"))["service"]
    drain = int(environment(render("workers"))["TWINPATH_SHUTDOWN_GRACE_S"])
    leave = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > drain + leave


def test_rules_and_dashboards_are_those_of_the_repository() -> None:
    objects = render("monitored")
    for file in ("recording", "alerts"):
        shipped = yaml.safe_load((DEPLOY / f"prometheus/rules/{file}.yaml").read_text())
        assert objects["PrometheusRule", f"twinpath-{file}"]["spec"] == shipped
    for path in (DEPLOY / "grafana/dashboards").glob("*.json"):
        config_map = objects["ConfigMap", path.stem]
        assert config_map["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert config_map["metadata"]["annotations"] == {"grafana_folder": "Twinpath"}
        assert json.loads(config_map["data"][path.name]) == json.loads(path.read_text())


@pytest.mark.parametrize("name", ["monitored", "renamed"])
def test_scrapes_carry_the_jobs_that_the_rules_know(name: str) -> None:
    objects = render(name)
    monitors = [item for (kind, _), item in objects.items() if kind == "ServiceMonitor"]
    jobs = set()
    for monitor in monitors:
        selected = monitor["spec"]["selector"]["matchLabels"]
        endpoint = monitor["spec"]["endpoints"][0]
        (service,) = [
            item
            for (kind, _), item in objects.items()
            if kind == "Service" and selected.items() <= item["metadata"]["labels"].items()
        ]
        assert endpoint["port"] in [entry["name"] for entry in service["spec"]["ports"]]
        job = endpoint["relabelings"][0]
        assert (job["action"], job["targetLabel"]) == ("replace", "job")
        jobs.add(job["replacement"])
    assert jobs == {"twinpath", "twinpath-worker", "twinpath-router"}


def test_a_scrape_takes_more_rules() -> None:
    more = {"action": "labeldrop", "regex": "pod"}
    metrics = {"action": "drop", "sourceLabels": ["__name__"], "regex": "python_.*"}
    monitor = {"enabled": True, "scrapeTimeout": "10s", "relabelings": [more], "metricRelabelings": [metrics]}
    endpoint = template(WORKERS | {"monitoring": {"serviceMonitor": monitor}})["ServiceMonitor", "twinpath"]["spec"][
        "endpoints"
    ][0]
    assert endpoint["relabelings"][1:] == [more]
    assert endpoint["metricRelabelings"] == [metrics]
    assert endpoint["scrapeTimeout"] == "10s"


def test_replicas_scale_on_their_queue() -> None:
    objects = render("scaled")
    assert "replicas" not in objects["Deployment", "twinpath"]["spec"]
    spec = objects["HorizontalPodAutoscaler", "twinpath"]["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "twinpath"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 12)
    metric = spec["metrics"][0]["pods"]
    assert metric["metric"]["name"] == "twinpath_queue_depth"
    assert metric["target"] == {"type": "AverageValue", "averageValue": "4"}
    own = {"engine": {"kind": "vllm"}, "service": {"autoscaling": {"enabled": True}}}
    stateful = template(WORKERS | own)["HorizontalPodAutoscaler", "twinpath"]["spec"]["scaleTargetRef"]
    assert stateful["kind"] == "StatefulSet"


def test_every_part_has_a_disruption_budget_and_the_router_a_second_pod() -> None:
    objects = render("workers")
    for part, name in PARTS.items():
        spec = objects["PodDisruptionBudget", name]["spec"]
        assert (spec["maxUnavailable"], spec["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
        assert spec["selector"]["matchLabels"].items() <= pods(objects)[name]["metadata"]["labels"].items(), part
    assert objects["Deployment", "twinpath-router"]["spec"]["replicas"] == 2
    without = [name for kind, name in render("one-worker") if kind == "PodDisruptionBudget"]
    assert without == ["twinpath", "twinpath-worker"]
    share = template(WORKERS | {"podDisruptionBudget": {"maxUnavailable": "25%"}})
    assert share["PodDisruptionBudget", "twinpath"]["spec"]["maxUnavailable"] == "25%"
    assert not [
        kind
        for kind, _ in template(WORKERS | {"podDisruptionBudget": {"enabled": False}})
        if kind == "PodDisruptionBudget"
    ]


def test_only_services_router_and_monitoring_reach_a_worker() -> None:
    policy = render("workers")["NetworkPolicy", "twinpath-worker"]["spec"]
    (rule,) = policy["ingress"]
    names = [peer.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/name") for peer in rule["from"]]
    assert names == ["twinpath", "twinpath-router", None]
    assert rule["from"][2] == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    assert ("NetworkPolicy", "twinpath") not in render("workers")


def test_the_service_is_reached_by_chosen_peers_monitoring_and_the_test() -> None:
    (rule,) = render("ingress")["NetworkPolicy", "twinpath"]["spec"]["ingress"]
    names = [peer.get("namespaceSelector", {}).get("matchLabels") for peer in rule["from"]]
    assert [next(iter(labels.values())) for labels in names[:2]] == ["ingress-nginx", "monitoring"]
    tester = pods(render("ingress"))["twinpath-test"]
    assert rule["from"][2]["podSelector"]["matchLabels"].items() <= tester["metadata"]["labels"].items()
    assert rule["ports"] == [{"port": "http"}]


def test_a_test_of_the_release_requests_readiness() -> None:
    pod = render("load-balancer")["Pod", "twinpath-test"]
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    (container,) = pod["spec"]["containers"]
    assert container["command"][:3] == ["twinpath", "health", "--ready"]
    assert container["command"][-1] == "http://twinpath:80"
    assert container["image"] == parts(render("load-balancer"))["service"]["containers"][0]["image"]
    assert pod["spec"]["restartPolicy"] == "Never"


def test_the_notes_name_the_address_and_the_open_door() -> None:
    done = helm("install twinpath --dry-run=client", {}, "--values", str(EXAMPLES["ingress"]))
    assert "Outside: https://math.example.com" in done.stdout
    assert "Authorization: Bearer $API_KEY" in done.stdout
    open_door = helm("install twinpath --dry-run=client", {}, "--values", str(EXAMPLES["fake"]))
    assert "WARNING: everyone who reaches the service may use it" in open_door.stdout
    assert "Authorization" not in open_door.stdout.partition("NOTES:")[2]
