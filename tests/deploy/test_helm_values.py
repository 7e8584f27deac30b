"""Values that any cluster asks for, seen in the objects that they change."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.chart import (
    CHART,
    PARTS,
    WORKERS,
    Objects,
    containers,
    environment,
    helm,
    mounts,
    parts,
    pods,
    render,
    template,
    volumes,
)

DIGEST = "sha256:" + "0" * 64


def worker(objects: Objects) -> dict[str, Any]:
    return parts(objects)["worker"]


def claim(objects: Objects) -> dict[str, Any]:
    spec: dict[str, Any] = objects["StatefulSet", "twinpath-worker"]["spec"]["volumeClaimTemplates"][0]["spec"]
    return spec


USUAL: dict[str, tuple[list[str], Callable[[Objects], Any], Any]] = {
    "global.imageRegistry": (
        ["global.imageRegistry=r.example.com"],
        lambda objects: {container["image"].partition("/")[0] for container in containers(objects)},
        {"r.example.com"},
    ),
    "imagePullSecrets": (
        ["imagePullSecrets[0].name=registry", "global.imagePullSecrets[0]=mirror"],
        lambda objects: [pod["spec"]["imagePullSecrets"] for pod in pods(objects).values()],
        [[{"name": "registry"}, {"name": "mirror"}]] * 4,
    ),
    "serviceAccount": (
        ["serviceAccount.create=true", "serviceAccount.annotations.role=reader"],
        lambda objects: (
            objects["ServiceAccount", "twinpath"]["metadata"]["annotations"],
            objects["ServiceAccount", "twinpath"]["automountServiceAccountToken"],
            {pod["spec"]["serviceAccountName"] for pod in pods(objects).values()},
        ),
        ({"role": "reader"}, False, {"twinpath"}),
    ),
    "serviceAccount.name": (
        ["serviceAccount.name=math"],
        lambda objects: {pod["spec"]["serviceAccountName"] for pod in pods(objects).values()},
        {"math"},
    ),
    "affinity": (
        ["affinity.podAntiAffinity.x=y"],
        lambda objects: [pod["affinity"] for pod in parts(objects).values()],
        [{"podAntiAffinity": {"x": "y"}}] * 3,
    ),
    "podAnnotations": (
        ["podAnnotations.mesh=off"],
        lambda objects: [pod["metadata"]["annotations"]["mesh"] for pod in pods(objects).values()],
        ["off"] * 4,
    ),
    "extraEnv": (
        ["extraEnv[0].name=HTTPS_PROXY", "extraEnv[0].value=http://proxy"],
        lambda objects: [environment(objects, part)["HTTPS_PROXY"] for part in PARTS],
        ["http://proxy"] * 3,
    ),
    "extraVolumes": (
        [
            "extraVolumes[0].name=ca,extraVolumes[0].configMap.name=ca",
            "extraVolumeMounts[0].name=ca,extraVolumeMounts[0].mountPath=/ca",
        ],
        lambda objects: [
            (volumes(pod)["ca"]["configMap"], mounts(pod["containers"][0])["ca"]["mountPath"])
            for pod in parts(objects).values()
        ],
        [({"name": "ca"}, "/ca")] * 3,
    ),
    "ingress": (
        ["ingress.enabled=true"],
        lambda objects: objects["Ingress", "twinpath"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"],
        {"name": "twinpath", "port": {"name": "http"}},
    ),
    "service.type": (
        ["service.type=NodePort", "service.nodePort=30080"],
        lambda objects: [
            objects["Service", "twinpath"]["spec"]["type"],
            objects["Service", "twinpath"]["spec"]["ports"][0]["nodePort"],
        ],
        ["NodePort", 30080],
    ),
    "nameOverride": (
        ["nameOverride=math"],
        lambda objects: {name for kind, name in objects if kind in ("Deployment", "StatefulSet")},
        {"twinpath-math", "twinpath-math-worker", "twinpath-math-router"},
    ),
    "fullnameOverride": (
        ["fullnameOverride=solver"],
        lambda objects: {name for kind, name in objects if kind in ("Deployment", "StatefulSet")},
        {"solver", "solver-worker", "solver-router"},
    ),
    "worker.storageClass": (
        ["worker.storageClass=fast"],
        lambda objects: claim(objects)["storageClassName"],
        "fast",
    ),
    "worker.runtimeClassName": (
        ["worker.runtimeClassName=nvidia"],
        lambda objects: [pod.get("runtimeClassName") for pod in parts(objects).values()],
        [None, "nvidia", None],
    ),
    "worker.image.digest": (
        [f"worker.image.digest={DIGEST}"],
        lambda objects: worker(objects)["containers"][0]["image"],
        f"vllm/vllm-openai@{DIGEST}",
    ),
    "worker.affinity": (
        ["worker.affinity.nodeAffinity.x=y"],
        lambda objects: [pod.get("affinity") for pod in parts(objects).values()],
        [None, {"nodeAffinity": {"x": "y"}}, None],
    ),
    "worker.priorityClassName": (
        ["priorityClassName=normal", "worker.priorityClassName=high"],
        lambda objects: [pod["priorityClassName"] for pod in parts(objects).values()],
        ["normal", "high", "normal"],
    ),
    "worker.shmSize": (
        ["worker.shmSize=8Gi"],
        lambda objects: volumes(worker(objects))["shm"]["emptyDir"],
        {"medium": "Memory", "sizeLimit": "8Gi"},
    ),
    "worker.extraEnv": (
        ["worker.extraEnv[0].name=VLLM_LOGGING_LEVEL", "worker.extraEnv[0].value=WARNING"],
        lambda objects: ["VLLM_LOGGING_LEVEL" in environment(objects, part) for part in ("service", "worker")],
        [False, True],
    ),
    "router.nodeSelector": (
        ["nodeSelector.zone=a", "router.nodeSelector.pool=small"],
        lambda objects: [pod["nodeSelector"] for pod in parts(objects).values()],
        [{"zone": "a"}, {"zone": "a"}, {"zone": "a", "pool": "small"}],
    ),
    "podLabels": (
        ["podLabels.team=math", "podLabels.app\\.kubernetes\\.io/instance=other"],
        lambda objects: {
            (pod["metadata"]["labels"]["team"], pod["metadata"]["labels"]["app.kubernetes.io/instance"])
            for pod in pods(objects).values()
        },
        {("math", "twinpath")},  # a selector's label is the chart's
    ),
}


@pytest.mark.parametrize("name", USUAL)
def test_usual_values_change_the_objects(name: str) -> None:
    options, look, expected = USUAL[name]
    flags = [part for option in options for part in ("--set", option)]
    assert look(template(WORKERS, *flags)) == expected


def test_all_pods_are_placed_by_the_values() -> None:
    found = parts(render("placed"))
    for part in ("service", "router"):
        spec = found[part]
        assert spec["priorityClassName"] == "high"
        assert spec["tolerations"] == [{"key": "spot", "operator": "Exists"}]
        assert environment(render("placed"), part)["HF_HUB_OFFLINE"] == "1"
    labelled = pods(render("placed"))
    assert labelled["twinpath"]["metadata"]["annotations"] == {"mesh/inject": "false"}
    assert labelled["twinpath-worker"]["metadata"]["annotations"] == {"mesh/inject": "true"}
    assert {"team": "math", "size": "large"}.items() <= labelled["twinpath-worker"]["metadata"]["labels"].items()
    spec = found["worker"]
    assert (spec["priorityClassName"], spec["runtimeClassName"]) == ("higher", "nvidia")
    assert spec["nodeSelector"] == {"zone": "a", "gpu": "h100"}
    assert found["router"]["nodeSelector"] == {"zone": "a", "pool": "small"}
    assert [toleration["key"] for toleration in spec["tolerations"]] == ["gpu", "spot"]
    assert [entry["name"] for entry in spec["containers"][0]["env"]][-2:] == ["HF_HUB_OFFLINE", "KEY"]
    for pod in found.values():
        assert pod["schedulerName"] == "bin-packing"
        assert "nodeAffinity" in pod["affinity"]
    assert "serviceAccountName" not in parts(render("workers"))["service"]


def test_each_part_spreads_over_nodes_or_as_the_values_say() -> None:
    host = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    zone = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}
    for name, expected in (("workers", host), ("placed", zone)):
        for part, spec in parts(render(name)).items():
            (spread,) = spec["topologySpreadConstraints"]
            labels = {"app.kubernetes.io/instance": "twinpath", "app.kubernetes.io/name": PARTS[part]}
            assert spread == expected | {"labelSelector": {"matchLabels": labels}}
    own = zone | {"labelSelector": {"matchLabels": {"team": "math"}}}
    chosen = template(WORKERS | {"topologySpreadConstraints": [], "worker": {"topologySpreadConstraints": [own]}})
    assert worker(chosen)["topologySpreadConstraints"] == [own]
    assert "topologySpreadConstraints" not in parts(chosen)["service"]


@pytest.mark.parametrize(
    ("engine", "gpus", "suffix", "requests", "limits"),
    [
        ("external", 1, "slim", {"cpu": "2", "memory": "1Gi"}, {"memory": "2Gi"}),
        ("fake", 1, "slim", {"cpu": "2", "memory": "1Gi"}, {"memory": "2Gi"}),
        ("vllm", 1, "gpu", {"cpu": "4", "memory": "16Gi"}, {"memory": "32Gi", "nvidia.com/gpu": 1}),
        ("vllm", 0, "cpu", {"cpu": "4", "memory": "4Gi"}, {"memory": "8Gi"}),
    ],
)
def test_image_and_memory_fit_the_engine(
    engine: str, gpus: int, suffix: str, requests: dict[str, str], limits: dict[str, Any]
) -> None:
    kind = {"kind": engine, "urls": ["http://one:8000"]}
    (container,) = parts(template(WORKERS | {"engine": kind, "service": {"gpus": gpus}}))["service"]["containers"]
    assert container["image"] == f"twinpath/service:0.1.0-{suffix}"
    assert container["resources"] == {"requests": requests, "limits": limits}


def test_given_sizes_count_more_than_those_of_the_engine() -> None:
    def resources(part: str, given: dict[str, Any], **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = parts(template(WORKERS | more | {part: {"resources": given}}))[part]["containers"][0]
        return dict(found["resources"])

    given = {"requests": {"memory": "3Gi"}, "limits": {}}
    assert resources("service", given) == {"requests": {"cpu": "2", "memory": "3Gi"}, "limits": {}}
    gpu = {"limits": {"memory": "64Gi", "nvidia.com/gpu": 1}, "requests": {"cpu": "4", "memory": "16Gi"}}
    assert resources("worker", {"limits": {"memory": "64Gi"}}) == gpu
    without = {"limits": {"memory": None}, "requests": {"cpu": "8"}}
    assert resources("worker", without, gpuResource="nvidia.com/mig-1g.10gb") == {
        "limits": {"nvidia.com/mig-1g.10gb": 1},
        "requests": {"cpu": "8", "memory": "16Gi"},
    }


def test_images_come_from_their_registries() -> None:
    images = {part: spec["containers"][0]["image"] for part, spec in parts(render("digests")).items()}
    assert images == {
        "service": "registry.example.com/twinpath/service@sha256:" + "1" * 64,
        "worker": "vllm/vllm-openai@sha256:" + "2" * 64,
        "router": "registry.example.com/ml/router:0.1.0-3",
    }
    mirrored = {part: spec["containers"][0]["image"] for part, spec in parts(render("air-gapped")).items()}
    assert mirrored == {
        "service": "registry.example.com/mirror/twinpath/service:0.1.0-slim",
        "worker": "registry.example.com/mirror/vllm/vllm-openai:v0.32.0",
        "router": "registry.example.com/mirror/twinpath/router:0.1.0",
    }
    assert parts(render("digests"))["router"]["containers"][0]["imagePullPolicy"] == "Always"


def test_a_registrys_ca_and_proxy_reach_every_part() -> None:
    for part, spec in parts(render("air-gapped")).items():
        (container,) = spec["containers"]
        assert container["envFrom"] == [{"configMapRef": {"name": "proxy"}}]
        assert environment(render("air-gapped"), part)["SSL_CERT_FILE"] == "/etc/company/ca.crt"
        assert mounts(container)["company-ca"]["mountPath"] == "/etc/company"
        assert volumes(spec)["company-ca"]["configMap"] == {"name": "company-ca"}
        assert spec["imagePullSecrets"] == [{"name": "registry"}]


def test_the_last_of_two_definitions_counts() -> None:
    """The chart's own, then the settings, then those for all pods, then the part's."""
    values: dict[str, Any] = {
        "extraEnv": [{"name": "HOME", "value": "/all"}, {"name": "HF_HOME", "value": "/all"}],
        "extraVolumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "9Gi"}}, {"name": "data", "emptyDir": {}}],
        "service": {
            "settings": {"TWINPATH_MAX_NUM_SEQS": "64", "TWINPATH_POLICY": "fixed"},
            "extraEnv": [{"name": "HOME", "value": "/own"}, {"name": "TWINPATH_POLICY", "value": "lossless"}],
            "extraVolumeMounts": [{"name": "data", "mountPath": "/tmp"}],
        },
    }
    spec = parts(template(WORKERS | values))["service"]
    found = [(entry["name"], entry.get("value")) for entry in spec["containers"][0]["env"]]
    assert len(found) == len(dict(found))
    changed = {"HOME": "/own", "HF_HOME": "/all", "TWINPATH_MAX_NUM_SEQS": "64", "TWINPATH_POLICY": "lossless"}
    assert changed.items() <= dict(found).items()
    assert [volume["emptyDir"] for volume in spec["volumes"] if volume["name"] == "tmp"] == [{"sizeLimit": "9Gi"}]
    paths = {mount["mountPath"]: mount["name"] for mount in spec["containers"][0]["volumeMounts"]}
    assert paths["/tmp"] == "data"
    assert len(paths) == len(spec["containers"][0]["volumeMounts"])


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


def test_an_engine_in_process_keeps_its_cache() -> None:
    objects = render("in-process")
    spec = objects["StatefulSet", "twinpath"]["spec"]
    (template_,) = spec["volumeClaimTemplates"]
    assert template_["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "100Gi"}},
    }
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Delete", "whenScaled": "Retain"}
    assert mounts(parts(objects)["service"]["containers"][0])["cache"]["mountPath"] == "/var/cache/twinpath"
    assert ("Deployment", "twinpath") not in objects
    own = {"engine": {"kind": "vllm"}, "service": {"cacheSize": "", "shmSize": "4Gi"}}
    without = template(WORKERS | own)
    assert volumes(parts(without)["service"])["cache"]["emptyDir"] == {}
    assert volumes(parts(without)["service"])["shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "4Gi"}
    assert ("StatefulSet", "twinpath") not in without


@pytest.mark.parametrize(("given", "rendered"), [("", None), ("-", ""), ("gp3", "gp3")])
def test_volumes_have_a_class_the_default_or_none(given: str, rendered: str | None) -> None:
    assert claim(template(WORKERS | {"worker": {"storageClass": given}})).get("storageClassName") == rendered


def test_volumes_of_workers_have_a_size_a_class_and_modes() -> None:
    assert claim(render("load-balancer")) == {
        "accessModes": ["ReadWriteOncePod"],
        "storageClassName": "gp3",
        "resources": {"requests": {"storage": "200Gi"}},
    }
    assert "volumeClaimTemplates" not in render("keys")["StatefulSet", "twinpath-worker"]["spec"]


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
    own = {"podSecurityContext": context, "worker": {"podSecurityContext": context}}
    found = pods(template(WORKERS | own, *options))
    assert [set(pod["spec"]["securityContext"]) for pod in found.values()] == [left] * 4


def test_the_context_of_containers_can_be_emptied() -> None:
    own = {"securityContext": None, "worker": {"securityContext": None}}
    assert [container["securityContext"] for container in containers(template(WORKERS | own))] == [{}] * 4


def test_users_that_an_image_does_not_know_have_a_home_that_they_can_write() -> None:
    for part, home in (("service", "/tmp"), ("worker", "/cache")):
        (container,) = parts(render("openshift"))[part]["containers"]
        assert environment(render("openshift"), part)["HOME"] == home
        assert environment(render("openshift"), part)["USER"]
        assert home in [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]


def test_probes_take_other_times_and_other_handlers() -> None:
    own = {
        "livenessProbe": {"periodSeconds": 30},
        "readinessProbe": {"exec": {"command": ["true"]}},
        "startupProbe": None,
    }
    (container,) = parts(template(WORKERS | {"service": own}))["service"]["containers"]
    assert container["livenessProbe"] == {
        "httpGet": {"path": "/health", "port": "http"},
        "periodSeconds": 30,
        "timeoutSeconds": 5,
        "failureThreshold": 3,
    }
    assert container["readinessProbe"] == {"exec": {"command": ["true"]}, "periodSeconds": 5, "timeoutSeconds": 3}
    assert "startupProbe" not in container
    (default,) = parts(render("workers"))["service"]["containers"]
    assert default["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    assert parts(render("large-model"))["worker"]["containers"][0]["startupProbe"]["failureThreshold"] == 720


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


@pytest.mark.parametrize(
    "emptied", ["affinity", "tolerations", "podLabels", "topologySpreadConstraints", "extraEnv", "imagePullSecrets"]
)
def test_null_empties_a_value(emptied: str) -> None:
    own = {emptied: None, "worker": {} if emptied == "imagePullSecrets" else {emptied: None}}
    assert helm("template twinpath", WORKERS | own).returncode == 0
