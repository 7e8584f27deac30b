"""Values that companies usually set, all together, each seen in the objects that it changes."""

import functools
from collections.abc import Callable
from typing import Any

import pytest

from tests.deploy.chart import (
    PARTS,
    WORKERS,
    Objects,
    claim,
    containers,
    environment,
    mounts,
    parts,
    pods,
    template,
    volumes,
)

DIGEST = "sha256:" + "0" * 64
USUAL: dict[str, tuple[str, Callable[[Objects], Any], Any]] = {
    "global.imageRegistry": (
        "global.imageRegistry=r.example.com",
        lambda objects: {container["image"].partition("/")[0] for container in containers(objects)},
        {"r.example.com"},
    ),
    "imagePullSecrets": (
        "imagePullSecrets[0].name=registry,global.imagePullSecrets[0]=mirror",
        lambda objects: [pod["spec"]["imagePullSecrets"] for pod in pods(objects).values()],
        [[{"name": "registry"}, {"name": "mirror"}]] * 4,
    ),
    "serviceAccount": (
        "serviceAccount.create=true,serviceAccount.annotations.role=reader",
        lambda objects: (
            objects["ServiceAccount", "solver"]["metadata"]["annotations"],
            objects["ServiceAccount", "solver"]["automountServiceAccountToken"],
            {pod["spec"]["serviceAccountName"] for pod in pods(objects).values()},
        ),
        ({"role": "reader"}, False, {"solver"}),
    ),
    "affinity": (
        "affinity.podAntiAffinity.x=y",
        lambda objects: [pod["affinity"]["podAntiAffinity"] for pod in parts(objects).values()],
        [{"x": "y"}] * 3,
    ),
    "podAnnotations": (
        "podAnnotations.mesh=off",
        lambda objects: [pod["metadata"]["annotations"]["mesh"] for pod in pods(objects).values()],
        ["off"] * 4,
    ),
    "extraEnv": (
        "extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=http://proxy",
        lambda objects: [environment(objects, part)["HTTPS_PROXY"] for part in PARTS],
        ["http://proxy"] * 3,
    ),
    "extraVolumes": (
        "extraVolumes[0].name=ca,extraVolumes[0].configMap.name=ca",
        lambda objects: [volumes(pod)["ca"]["configMap"] for pod in parts(objects).values()],
        [{"name": "ca"}] * 3,
    ),
    "extraVolumeMounts": (
        "extraVolumeMounts[0].name=ca,extraVolumeMounts[0].mountPath=/ca",
        lambda objects: [mounts(pod["containers"][0])["ca"]["mountPath"] for pod in parts(objects).values()],
        ["/ca"] * 3,
    ),
    "ingress": (
        "ingress.enabled=true",
        lambda objects: objects["Ingress", "solver"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"],
        {"name": "solver", "port": {"name": "http"}},
    ),
    "service.type": (
        "service.type=NodePort,service.nodePort=30080",
        lambda objects: [
            objects["Service", "solver"]["spec"]["type"],
            objects["Service", "solver"]["spec"]["ports"][0]["nodePort"],
        ],
        ["NodePort", 30080],
    ),
    "nameOverride": (
        "nameOverride=math",
        lambda objects: [pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in pods(objects).values()],
        ["math-router", "math", "math-worker", "math-test"],
    ),
    "fullnameOverride": (
        "fullnameOverride=solver",
        lambda objects: set(pods(objects)),
        {"solver", "solver-worker", "solver-router", "solver-test"},
    ),
    "worker.storageClass": ("worker.storageClass=fast", lambda objects: claim(objects)["storageClassName"], "fast"),
    "worker.runtimeClassName": (
        "worker.runtimeClassName=nvidia",
        lambda objects: [pod.get("runtimeClassName") for pod in parts(objects).values()],
        [None, "nvidia", None],
    ),
    "worker.image.digest": (
        f"worker.image.digest={DIGEST}",
        lambda objects: parts(objects)["worker"]["containers"][0]["image"],
        f"r.example.com/vllm/vllm-openai@{DIGEST}",
    ),
    "worker.affinity": (
        "worker.affinity.nodeAffinity.x=y",
        lambda objects: [pod["affinity"].get("nodeAffinity") for pod in parts(objects).values()],
        [None, {"x": "y"}, None],
    ),
    "worker.priorityClassName": (
        "priorityClassName=normal,worker.priorityClassName=high",
        lambda objects: [pod["priorityClassName"] for pod in parts(objects).values()],
        ["normal", "high", "normal"],
    ),
    "worker.shmSize": (
        "worker.shmSize=8Gi",
        lambda objects: volumes(parts(objects)["worker"])["shm"]["emptyDir"],
        {"medium": "Memory", "sizeLimit": "8Gi"},
    ),
    "worker.extraEnv": (
        "worker.extraEnv[0].name=VLLM_LOGGING_LEVEL,worker.extraEnv[0].value=WARNING",
        lambda objects: [environment(objects, part).get("VLLM_LOGGING_LEVEL") for part in PARTS],
        [None, "WARNING", None],
    ),
    "router.nodeSelector": (
        "nodeSelector.zone=a,router.nodeSelector.pool=small",
        lambda objects: [pod["nodeSelector"] for pod in parts(objects).values()],
        [{"zone": "a"}, {"zone": "a"}, {"zone": "a", "pool": "small"}],
    ),
    "podLabels": (
        "podLabels.team=math,podLabels.app\\.kubernetes\\.io/instance=other",
        lambda objects: {
            (pod["metadata"]["labels"]["team"], pod["metadata"]["labels"]["app.kubernetes.io/instance"])
            for pod in pods(objects).values()
        },
        {("math", "twinpath")},  # a selector's label is the chart's
    ),
}
"""Options of `--set`, the part of the objects that they change, and its content."""


@functools.cache
def usual() -> Objects:
    """The objects of all usual values together."""
    return template(WORKERS, *[part for option, _, _ in USUAL.values() for part in ("--set", option)])


@pytest.mark.parametrize("name", USUAL)
def test_usual_values_change_the_objects(name: str) -> None:
    _, look, expected = USUAL[name]
    assert look(usual()) == expected


def test_an_account_of_the_company_is_used() -> None:
    objects = template(WORKERS | {"serviceAccount": {"name": "math"}})
    assert {pod["spec"]["serviceAccountName"] for pod in pods(objects).values()} == {"math"}
    assert not [kind for kind, _ in objects if kind == "ServiceAccount"]
