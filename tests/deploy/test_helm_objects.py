"""Rules that every object of the chart keeps: Kubernetes' schemas, the restricted pod security standard, and names."""

import functools
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import kubernetes_validate
import pytest
import yaml

from tests.deploy.chart import CHART, EXAMPLES, WORKERS, pods, render, template
from tests.deploy.native import BIN

VERSIONS = [f"1.{minor}" for minor in range(30, 38)]
SCHEMAS = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
EXTENSIONS = {"ServiceMonitor", "PrometheusRule", "HTTPRoute"}  # kinds of operators, in no Kubernetes schema
RESTRICTED_VOLUMES = {"configMap", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


@functools.cache
def definitions(version: str) -> jsonschema_rs.Registry:
    contents = json.loads((SCHEMAS / f"v{version}.0-local-strict/_definitions.json").read_text())
    return jsonschema_rs.Registry([("https://kubernetes.io/api/_definitions.json", contents)])


@functools.cache
def validator(version: str, kind: str, api_version: str) -> Any:
    """Validator of one kind that refuses unknown fields."""
    group, _, number = api_version.rpartition("/")
    name = "-".join(part for part in (kind.lower(), group.partition(".")[0], number) if part)
    schema = json.loads((SCHEMAS / f"v{version}.0-local-strict/{name}.json").read_text())
    return jsonschema_rs.validator_for(schema, registry=definitions(version))


def distinct() -> Iterator[dict[str, Any]]:
    """Every object of every example, once."""
    yield from {json.dumps(item): item for name in EXAMPLES for item in render(name).values()}.values()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_fits_its_schema(version: str) -> None:
    assert len(EXAMPLES) >= 15
    checked = set()
    for item in distinct():
        if item["kind"] not in EXTENSIONS:
            validator(version, item["kind"], item["apiVersion"]).validate(item)
            checked.add(item["kind"])
    assert checked == {
        "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "Pod", "PodDisruptionBudget",
        "Service", "ServiceAccount", "StatefulSet",
    }  # fmt: skip


def test_the_schemas_are_strict_and_those_of_the_library() -> None:
    known = {path.name.split("-")[0] for path in SCHEMAS.iterdir()}
    assert {version for version in known if version >= "v1.30"} == {f"v{version}.0" for version in VERSIONS}
    item = json.loads(json.dumps(render("workers")["Deployment", "twinpath"]))
    kubernetes_validate.validate(item, "1.37", strict=True)
    item["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    with pytest.raises(jsonschema_rs.ValidationError, match="imagePullPolice"):
        validator("1.37", "Deployment", "apps/v1").validate(item)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_namespace_with_the_restricted_standard_accepts_every_pod(name: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards, of which each pod must keep every control."""
    found = pods(render(name))
    assert found
    for pod in found.values():
        spec, context = pod["spec"], pod["spec"]["securityContext"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert context["runAsNonRoot"] is True
        assert context.get("runAsUser") != 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {kind for volume in spec["volumes"] for kind in volume if kind != "name"} <= RESTRICTED_VOLUMES
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert not {"privileged", "procMount", "runAsUser"} & set(container["securityContext"])
            assert "hostPort" not in json.dumps(container)


@pytest.mark.parametrize("name", EXAMPLES)
def test_pods_may_do_little_and_state_their_size(name: str) -> None:
    for pod_name, pod in pods(render(name)).items():
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["enableServiceLinks"] is False  # the service refuses unknown variables TWINPATH_…
        container = pod["spec"]["containers"][0]
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]
        if pod_name.endswith("-worker"):
            assert pod["spec"]["securityContext"].get("runAsUser") in (2000, None)  # user `vllm` of vLLM's image
        else:
            assert pod["spec"]["securityContext"].get("runAsUser") in (10001, None)
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
        if not pod_name.endswith("-test"):
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)


@pytest.mark.parametrize("name", EXAMPLES)
def test_selectors_select_the_pods_and_only_those(name: str) -> None:
    objects = render(name)
    labels = {pod_name: pod["metadata"]["labels"] for pod_name, pod in pods(objects).items()}
    for (kind, object_name), item in objects.items():
        if kind in ("Service", "Deployment", "StatefulSet", "PodDisruptionBudget"):
            selector = item["spec"]["selector"]
            selector = selector.get("matchLabels", selector)
            selected = [pod for pod, own in labels.items() if selector.items() <= own.items()]
            assert selected == [object_name]
        assert item["metadata"].get("namespace", "math") == "math"


@pytest.mark.parametrize("name", EXAMPLES)
def test_mounts_and_volumes_belong_together_and_no_key_is_twice(name: str) -> None:
    """A server-side apply, which Helm 4 uses, refuses two entries with the same key."""
    for item in render(name).values():
        if item["kind"] in ("Deployment", "StatefulSet"):
            spec = item["spec"]["template"]["spec"]
            given = [volume["name"] for volume in spec["volumes"]]
            given += [claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", [])]
            used = [mount["name"] for container in spec["containers"] for mount in container.get("volumeMounts", [])]
            assert set(used) == set(given)
            container = spec["containers"][0]
            keys = [
                given,
                [mount["mountPath"] for mount in container["volumeMounts"]],
                [entry["name"] for entry in container.get("env", [])],
                [entry["name"] for entry in spec["containers"] + spec.get("initContainers", [])],
            ]
            assert [len(found) for found in keys] == [len(set(found)) for found in keys]


def test_the_longest_name_of_a_release_leaves_room_for_suffixes() -> None:
    """A StatefulSet's pods carry its name and a hash of up to 11 characters as a label, which may have 63."""
    objects = template(WORKERS, release="r" * 53)
    for kind, name in objects:
        assert len(name) <= (63 - 11 if kind == "StatefulSet" else 63)
    workers = pods(objects)
    assert len(workers) == 4
    assert all(len(value) <= 63 for pod in workers.values() for value in pod["metadata"]["labels"].values())


def test_a_new_version_of_the_chart_changes_no_pod(tmp_path: Path) -> None:
    later = tmp_path / "later"
    shutil.copytree(CHART, later)
    chart = yaml.safe_load((later / "Chart.yaml").read_text())
    (later / "Chart.yaml").write_text(yaml.safe_dump(chart | {"version": "9.9.9"}))
    objects = template({}, "--values", EXAMPLES["workers"], chart=later)
    assert objects["StatefulSet", "twinpath-worker"]["metadata"]["labels"]["helm.sh/chart"] == "twinpath-9.9.9"
    templates = {name: pod for name, pod in pods(objects).items() if "kind" not in pod}
    assert len(templates) == 3
    assert templates == {name: pods(render("workers"))[name] for name in templates}


def test_the_package_holds_rules_dashboards_and_documents_but_no_tests(tmp_path: Path) -> None:
    subprocess.run([BIN / "helm", "package", CHART, "--destination", tmp_path], check=True, capture_output=True)
    (path,) = tmp_path.iterdir()
    with tarfile.open(path) as archive:
        names = {name.removeprefix("twinpath/") for name in archive.getnames()}
    assert {
        "README.md",
        "values.schema.json",
        "files/rules/alerts.yaml",
        "files/dashboards/twinpath-solve.json",
    } <= names
    assert not [name for name in names if name.endswith("_test.yaml")]
