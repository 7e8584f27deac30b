"""Values that any cluster asks for, seen in the objects that they change."""

from typing import Any

import pytest
import yaml

from tests.deploy.chart import (
    CHART,
    PARTS,
    WORKERS,
    claim,
    containers,
    environment,
    mounts,
    parts,
    pods,
    render,
    template,
    volumes,
)

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())


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
    assert parts(chosen)["worker"]["topologySpreadConstraints"] == [own]
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


@pytest.mark.parametrize(
    ("repository", "image"),
    [
        ("registry.example.com/ml/router", "mirror:5000/all/ml/router"),
        ("localhost/router", "mirror:5000/all/router"),
        ("other:5000/router", "mirror:5000/all/router"),
        ("ml/v1.2/router", "mirror:5000/all/ml/v1.2/router"),
        ("router", "mirror:5000/all/router"),
    ],
)
def test_the_registry_of_all_images_replaces_that_of_a_repository(repository: str, image: str) -> None:
    own = {"global": {"imageRegistry": "mirror:5000/all"}, "router": {"image": {"repository": repository}}}
    assert parts(template(WORKERS | own))["router"]["containers"][0]["image"] == f"{image}:0.1.0"


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
            "settings": {"TWINPATH_CACHE_DIR": "/data", "TWINPATH_POLICY": "fixed"},
            "extraEnv": [{"name": "HOME", "value": "/own"}, {"name": "TWINPATH_POLICY", "value": "lossless"}],
            "extraVolumeMounts": [{"name": "data", "mountPath": "/tmp"}],
        },
    }
    spec = parts(template(WORKERS | values))["service"]
    found = [(entry["name"], entry.get("value")) for entry in spec["containers"][0]["env"]]
    assert len(found) == len(dict(found))
    changed = {"HOME": "/own", "HF_HOME": "/all", "TWINPATH_CACHE_DIR": "/data", "TWINPATH_POLICY": "lossless"}
    assert changed.items() <= dict(found).items()
    assert [volume["emptyDir"] for volume in spec["volumes"] if volume["name"] == "tmp"] == [{"sizeLimit": "9Gi"}]
    paths = {mount["mountPath"]: mount["name"] for mount in spec["containers"][0]["volumeMounts"]}
    assert paths["/tmp"] == "data"
    assert len(paths) == len(spec["containers"][0]["volumeMounts"])


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


def test_null_empties_every_value_of_the_pods() -> None:
    of_pods = [name for name in VALUES["router"] if name in VALUES]
    assert len(of_pods) == 15
    shared = dict.fromkeys([*of_pods, "imagePullSecrets", "commonLabels", "commonAnnotations"])
    objects = template(WORKERS | shared | dict.fromkeys(PARTS, dict.fromkeys(of_pods)))
    assert {name: item["spec"] for name, item in pods(objects).items()} == {
        name: {key: value for key, value in item["spec"].items() if key != "topologySpreadConstraints"}
        for name, item in pods(render("workers")).items()
    }
