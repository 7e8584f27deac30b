"""The Helm chart: its example values, and the objects that values make."""

import functools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.native import BIN, DEPLOY

CHART = DEPLOY / "helm/twinpath"
EXAMPLES = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").iterdir())}
WORKERS: dict[str, Any] = {"model": "org/student", "apiKeysSecret": "api-keys"}
"""The smallest values of the default engine."""
PARTS = {"service": "twinpath", "worker": "twinpath-worker", "router": "twinpath-router"}
"""Names of the parts' workloads in a release `twinpath`."""

Objects = dict[tuple[str, str], dict[str, Any]]


def helm(
    command: str, values: dict[str, Any], *options: str | Path, chart: Path = CHART
) -> subprocess.CompletedProcess[str]:
    arguments = [BIN / "helm", *command.split(), chart, "--namespace", "math", "--values", "-", *options]
    return subprocess.run(arguments, input=json.dumps(values), capture_output=True, text=True)


def template(values: dict[str, Any], *options: str | Path, release: str = "twinpath", chart: Path = CHART) -> Objects:
    """The objects that values make, by kind and name."""
    done = helm(f"template {release}", values, *options, chart=chart)
    assert done.returncode == 0, done.stderr
    objects = [document for document in yaml.load_all(done.stdout, yaml.CSafeLoader) if document]
    return {(item["kind"], item["metadata"]["name"]): item for item in objects}


@functools.cache
def render(name: str) -> Objects:
    """The objects that one of the examples makes."""
    return template({}, "--values", EXAMPLES[name])


def refusal(values: dict[str, Any], *options: str) -> str:
    """Helm's reason why it refuses values."""
    done = helm("template twinpath", values, *options)
    assert done.returncode != 0
    return done.stderr


def pods(objects: Objects) -> dict[str, dict[str, Any]]:
    """Pod templates, by the name of their object, and the test's pod."""
    found = {
        name: item["spec"]["template"] for (_, name), item in objects.items() if "template" in item.get("spec", {})
    }
    return found | {name: item for (kind, name), item in objects.items() if kind == "Pod"}


def parts(objects: Objects) -> dict[str, dict[str, Any]]:
    """Pod specifications of service, workers and router."""
    found = {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod["spec"] for pod in pods(objects).values()}
    return {part: found[part] for part in PARTS if part in found}


def containers(objects: Objects) -> Iterator[dict[str, Any]]:
    for pod in pods(objects).values():
        yield from pod["spec"]["containers"]


def environment(objects: Objects, part: str = "service") -> dict[str, str]:
    container = parts(objects)[part]["containers"][0]
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


def volumes(pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {volume["name"]: volume for volume in pod["volumes"]}


def mounts(container: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {mount["name"]: mount for mount in container["volumeMounts"]}


def claim(objects: Objects) -> dict[str, Any]:
    """Claim of the workers."""
    (workload,) = [item for (kind, _), item in objects.items() if kind == "StatefulSet"]
    spec: dict[str, Any] = workload["spec"]["volumeClaimTemplates"][0]["spec"]
    return spec
