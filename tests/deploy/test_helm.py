"""Helm chart: lint, rendering, and Kubernetes schemas of every object."""

import functools
import json
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.native import BIN, DEPLOY

CHART = DEPLOY / "helm/twinpath"
MONITORED = {
    "monitoring": {
        "serviceMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True},
        "dashboards": {"enabled": True},
    }
}
VALUES: dict[str, dict[str, Any]] = {
    "workers": {"model": "org/student"},
    "monitored": {"model": "org/student", **MONITORED},
    "one worker": {"model": "org/student", "worker": {"replicas": 1}},
    "no router": {"model": "org/student", "router": {"enabled": False}, "worker": {"replicas": 3}},
    "scaled": {"model": "org/student", "service": {"autoscaling": {"enabled": True}}},
    "in process": {"engine": {"kind": "vllm"}, "service": {"gpus": 1}, **MONITORED},
    "external": {
        "model": "/models/student",
        "modelClaim": "models",
        "engine": {"kind": "external", "urls": ["http://one:8000", "http://two:8000"], "servedModel": "student"},
        "workerKeySecret": "key",
        "networkPolicy": {"enabled": False},
        "podDisruptionBudget": {"enabled": False},
    },
    "fake": {"engine": {"kind": "fake"}, "service": {"settings": {"TWINPATH_POLICY": "lossless"}}},
    "keys": {
        "model": "org/student",
        "apiKeysSecret": "callers",
        "workerKeySecret": "key",
        "huggingfaceSecret": "token",
        **MONITORED,
        "worker": {"args": ["--dtype=bfloat16"], "cacheSize": "", "nodeSelector": {"gpu": "h100"}},
    },
}
PLACED: dict[str, Any] = {
    "podLabels": {"team": "math"},
    "podAnnotations": {"mesh/inject": "false"},
    "priorityClassName": "high",
    "nodeSelector": {"zone": "a"},
    "affinity": {"nodeAffinity": {}},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "extraEnv": [{"name": "HF_HUB_OFFLINE", "value": "1"}],
}
VALUES["placed"] = {
    "model": "org/student",
    "imagePullSecrets": [{"name": "registry"}],
    "serviceAccount": {"create": True, "annotations": {"cloud/role": "reader"}},
    **PLACED,
    "worker": {
        "podLabels": {"size": "large"},
        "podAnnotations": {"mesh/inject": "true"},
        "priorityClassName": "higher",
        "nodeSelector": {"gpu": "h100"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "extraEnv": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
    },
}
for values in VALUES.values():
    if "apiKeysSecret" not in values:
        values["allowAnonymous"] = True
OPERATORS = {"ServiceMonitor", "PrometheusRule"}  # the Prometheus operator's own kinds, in no Kubernetes schema


def helm(command: str, values: dict[str, Any], *options: str) -> subprocess.CompletedProcess[str]:
    arguments: list[str | Path] = [
        BIN / "helm",
        *command.split(),
        CHART,
        "--namespace",
        "math",
        "--values",
        "-",
        *options,
    ]
    return subprocess.run(arguments, input=json.dumps(values), capture_output=True, text=True)


@functools.cache
def render(name: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The objects that one set of values makes, by kind and name."""
    done = helm("template twinpath", VALUES[name])
    assert done.returncode == 0, done.stderr
    objects = [document for document in yaml.safe_load_all(done.stdout) if document]
    return {(item["kind"], item["metadata"]["name"]): item for item in objects}


@pytest.mark.parametrize("name", VALUES)
def test_every_object_fits_its_schema(name: str) -> None:
    objects = render(name)
    assert objects
    for (kind, _), item in objects.items():
        if kind not in OPERATORS:
            kubernetes_validate.validate(item, "1.37", strict=True)


def test_the_chart_lints() -> None:
    done = helm("lint --strict", VALUES["monitored"])
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        {"modle": "org/student"},
        {"model": "org/student", "service": {"replicas": 0}},
        {"model": "org/student", "engine": {"kind": "sglang"}},
        {"model": "org/student", "engine": {"kind": "external", "urls": []}},
        {"model": "org/student", "service": {"settings": {"MAX_TOKENS": "4"}}},
        {"model": "org/student", "worker": {"cacheSize": "much"}},
        {"model": "org/student", "service": {"tmpSize": ""}},
        {"model": "org/student", "imagePullSecrets": ["registry"]},
        {"model": "org/student", "extraEnv": {"HF_HUB_OFFLINE": "1"}},
        {"model": "org/student", "extraEnv": [{"name": "X", "value": 1}]},
        {"model": "org/student", "serviceAccount": {"create": "yes"}},
        {},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, Any]) -> None:
    assert helm("template twinpath", {"allowAnonymous": True} | wrong).returncode != 0


def test_without_keys_nothing_is_rendered_unless_that_is_meant() -> None:
    done = helm("template twinpath", {"model": "org/student"})
    assert done.returncode != 0
    assert "Set `apiKeysSecret`, or `allowAnonymous` where that is meant." in done.stderr
    assert environment(render("workers"))["TWINPATH_ALLOW_ANONYMOUS"] == "true"


def test_keys_come_from_a_secret_and_prometheus_has_its_own() -> None:
    objects = render("keys")
    assert environment(objects)["TWINPATH_API_KEYS_FILE"] == "/run/secrets/api/api-keys.toml"
    assert "TWINPATH_ALLOW_ANONYMOUS" not in environment(objects)
    pod = objects["Deployment", "twinpath"]["spec"]["template"]["spec"]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "api-keys"]
    item = {"key": "api-keys.toml", "path": "api-keys.toml"}
    assert volume["secret"] == {"secretName": "callers", "items": [item]}
    assert {"name": "api-keys", "mountPath": "/run/secrets/api", "readOnly": True} in pod["containers"][0][
        "volumeMounts"
    ]
    for (kind, name), monitor in objects.items():
        if kind == "ServiceMonitor":
            authorization = monitor["spec"]["endpoints"][0].get("authorization")
            expected = {"credentials": {"name": "callers", "key": "metrics-key"}} if name == "twinpath" else None
            assert authorization == expected


def environment(objects: dict[tuple[str, str], dict[str, Any]]) -> dict[str, str]:
    container = objects["Deployment", "twinpath"]["spec"]["template"]["spec"]["containers"][0]
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


def test_services_find_the_workers() -> None:
    routed = render("workers")
    assert environment(routed)["TWINPATH_WORKER_URLS"] == "http://twinpath-router:30000"
    arguments = routed["Deployment", "twinpath-router"]["spec"]["template"]["spec"]["containers"][0]["args"]
    workers = [f"http://twinpath-worker-{number}.twinpath-worker:8000" for number in range(3)]
    assert arguments[-2:] == workers[:2]
    assert environment(render("no router"))["TWINPATH_WORKER_URLS"] == ",".join(workers)
    alone = render("one worker")
    assert environment(alone)["TWINPATH_WORKER_URLS"] == workers[0]
    assert ("Deployment", "twinpath-router") not in alone  # it refuses to balance over one
    external = environment(render("external"))
    assert external["TWINPATH_WORKER_URLS"] == "http://one:8000,http://two:8000"
    assert external["TWINPATH_WORKER_API_KEY_FILE"] == "/run/secrets/worker/api-key"


def test_pods_may_do_little() -> None:
    for (kind, _), item in render("monitored").items():
        if kind in ("Deployment", "StatefulSet"):
            pod = item["spec"]["template"]["spec"]
            assert pod["automountServiceAccountToken"] is False
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            for container in pod["containers"]:
                assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
                assert container["securityContext"]["allowPrivilegeEscalation"] is False
                assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
            if kind == "Deployment":
                assert pod["securityContext"]["runAsUser"] == 10001
                assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def pods(objects: dict[tuple[str, str], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Pod templates, by the name of their object."""
    return {name: item["spec"]["template"] for (_, name), item in objects.items() if "template" in item.get("spec", {})}


@pytest.mark.parametrize("name", VALUES)
def test_no_pod_gets_variables_of_the_clusters_services(name: str) -> None:
    found = pods(render(name))
    assert found
    assert {pod["spec"].get("enableServiceLinks") for pod in found.values()} == {False}


def test_all_pods_are_placed_by_the_values() -> None:
    found = pods(render("placed"))
    assert set(found) == {"twinpath", "twinpath-router", "twinpath-worker"}
    for name in ("twinpath", "twinpath-router"):
        spec = found[name]["spec"]
        assert {key: spec[key] for key in ("priorityClassName", "nodeSelector", "affinity", "tolerations")} == {
            key: PLACED[key] for key in ("priorityClassName", "nodeSelector", "affinity", "tolerations")
        }
        assert found[name]["metadata"]["annotations"] == {"mesh/inject": "false"}
        assert PLACED["extraEnv"][0] in spec["containers"][0]["env"]
    worker = found["twinpath-worker"]
    assert worker["metadata"]["annotations"] == {"mesh/inject": "true"}
    assert {"team": "math", "size": "large"}.items() <= worker["metadata"]["labels"].items()
    assert worker["spec"]["priorityClassName"] == "higher"
    assert worker["spec"]["nodeSelector"] == {"zone": "a", "gpu": "h100"}
    assert [toleration["key"] for toleration in worker["spec"]["tolerations"]] == ["gpu", "spot"]
    assert [entry["name"] for entry in worker["spec"]["containers"][0]["env"]][-2:] == ["KEY", "HF_HUB_OFFLINE"]
    for pod in found.values():
        assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
        assert pod["spec"]["serviceAccountName"] == "twinpath"
    account = render("placed")["ServiceAccount", "twinpath"]
    assert account["metadata"]["annotations"] == {"cloud/role": "reader"}
    assert account["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pods(render("workers"))["twinpath"]["spec"]


@pytest.mark.parametrize(
    ("context", "options", "left"),
    [
        ({}, (), {"runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup", "seccompProfile"}),
        ({"runAsUser": None}, (), {"runAsNonRoot", "runAsGroup", "fsGroup", "seccompProfile"}),
        (None, (), set()),
        ({}, ("--api-versions", "security.openshift.io/v1"), {"runAsNonRoot", "seccompProfile"}),
    ],
)
def test_the_cluster_may_choose_user_and_groups(
    context: dict[str, Any] | None, options: tuple[str, ...], left: set[str]
) -> None:
    done = helm("template twinpath", VALUES["workers"] | {"podSecurityContext": context}, *options)
    documents = [document for document in yaml.safe_load_all(done.stdout) if document]
    deployments = [item for item in documents if item["kind"] == "Deployment"]
    assert len(deployments) == 2
    assert [set(item["spec"]["template"]["spec"]["securityContext"]) for item in deployments] == [left] * 2


def test_clusters_without_the_sleep_of_the_chart_are_refused() -> None:
    assert helm("template twinpath", VALUES["workers"], "--kube-version", "1.30.0").returncode == 0
    old = helm("template twinpath", VALUES["workers"], "--kube-version", "1.29.9")
    assert old.returncode != 0
    assert "chart requires kubeVersion: >=1.30.0-0" in old.stderr


def test_a_disk_that_callers_fill_has_a_size() -> None:
    for name, size in (("twinpath", "2Gi"), ("twinpath-router", "64Mi")):
        volumes = {volume["name"]: volume for volume in pods(render("workers"))[name]["spec"]["volumes"]}
        assert volumes["tmp"]["emptyDir"] == {"sizeLimit": size}


def test_the_drain_fits_into_the_grace_period() -> None:
    pod = render("workers")["Deployment", "twinpath"]["spec"]["template"]["spec"]
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
        assert json.loads(config_map["data"][path.name]) == json.loads(path.read_text())


def test_scrapes_carry_the_jobs_that_the_rules_know() -> None:
    objects = render("monitored")
    monitors = [item for (kind, _), item in objects.items() if kind == "ServiceMonitor"]
    assert {monitor["spec"]["jobLabel"] for monitor in monitors} == {"app.kubernetes.io/name"}
    jobs = set()
    for monitor in monitors:
        labels = monitor["spec"]["selector"]["matchLabels"]
        port = monitor["spec"]["endpoints"][0]["port"]
        service = next(
            item
            for (kind, _), item in objects.items()
            if kind == "Service" and labels.items() <= item["metadata"]["labels"].items()
        )
        assert port in [entry["name"] for entry in service["spec"]["ports"]]
        jobs.add(service["metadata"]["labels"]["app.kubernetes.io/name"])
    assert jobs == {"twinpath", "twinpath-worker", "twinpath-router"}


def test_replicas_scale_on_their_queue() -> None:
    objects = render("scaled")
    assert "replicas" not in objects["Deployment", "twinpath"]["spec"]
    metric = objects["HorizontalPodAutoscaler", "twinpath"]["spec"]["metrics"][0]["pods"]
    assert metric["metric"]["name"] == "twinpath_queue_depth"
    assert metric["target"] == {"type": "AverageValue", "averageValue": "8"}


def test_only_services_router_and_monitoring_reach_a_worker() -> None:
    policy = render("workers")["NetworkPolicy", "twinpath-worker"]["spec"]
    (rule,) = policy["ingress"]
    names = [peer.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/name") for peer in rule["from"]]
    assert names == ["twinpath", "twinpath-router", None]
    assert rule["from"][2] == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
