"""Helm chart: keys of the workers, large numbers, and variables that a value of the chart owns."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.chart import WORKERS, parts, refusal, template


def start(key: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A start of the worker's container with a stand-in for vLLM that prints its key and its arguments."""
    stand_in = folder / "vllm"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "[$VLLM_API_KEY]" "$@"\n')
    stand_in.chmod(0o755)
    values = WORKERS | {"workerKeySecret": "worker-key", "worker": {"args": ["--seed=1 2"]}}
    container = parts(template(values))["worker"]["containers"][0]
    environment = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "VLLM_API_KEY": key}
    arguments = [*container["command"], *container["args"]]
    return subprocess.run(arguments, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("key", ["a-key", "a-key\n", "a-key\r\n", " a-key "])
def test_a_newline_around_the_workers_key_does_not_count(key: str, tmp_path: Path) -> None:
    lines = start(key, tmp_path).stdout.splitlines()
    assert lines[:3] == ["[a-key]", "serve", "org/student"]
    assert lines[-1] == "--seed=1 2"


@pytest.mark.parametrize("key", ["", "\n"])
def test_a_worker_does_not_start_with_an_empty_key(key: str, tmp_path: Path) -> None:
    done = start(key, tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "The key api-key of the secret worker-key is empty: write a key into it.\n"


def test_a_worker_without_a_key_needs_no_shell() -> None:
    assert parts(template(WORKERS))["worker"]["containers"][0]["command"] == ["vllm", "serve"]


def test_large_numbers_stay_integers() -> None:
    """Helm reads a number of a file as a floating-point one, which Go prints as 1.048576e+06."""
    large = 1048576
    values: dict[str, Any] = {
        "worker": {"maxModelLen": large, "maxNumSeqs": large, "gpus": large},
        "router": {"replicas": large},
        "service": {"autoscaling": {"enabled": True, "minReplicas": large, "maxReplicas": large, "queueDepth": large}},
        "podDisruptionBudget": {"maxUnavailable": large},
        "monitoring": {"prometheusRule": {"enabled": True}},
    }
    objects = template(WORKERS | values)
    arguments = parts(objects)["worker"]["containers"][0]["args"]
    for argument in ("--max-model-len", "--max-num-seqs", "--tensor-parallel-size"):
        assert f"{argument}=1048576" in arguments
    scaler = objects["HorizontalPodAutoscaler", "twinpath"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (large, large)
    assert scaler["metrics"][0]["pods"]["target"]["averageValue"] == "1048576"
    assert objects["PodDisruptionBudget", "twinpath"]["spec"]["maxUnavailable"] == large
    assert objects["Deployment", "twinpath-router"]["spec"]["replicas"] == large
    own = [item for (_, name), item in objects.items() if not name.endswith(("-alerts", "-recording"))]
    assert "e+0" not in json.dumps(own)
    services = template(WORKERS | {"service": {"replicas": large}})["Deployment", "twinpath"]
    assert services["spec"]["replicas"] == large


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TWINPATH_SHUTDOWN_GRACE_S", "service.drainSeconds"),
        ("TWINPATH_WORKER_URLS", "engine.urls"),
    ],
)
def test_a_variable_that_a_value_sets_is_refused(variable: str, value: str) -> None:
    entry = {"extraEnv": [{"name": variable, "value": "120"}]}
    for values in (entry, {"service": entry}):
        assert f"Set `{value}` instead of the variable {variable}." in refusal(WORKERS | values)


def test_every_variable_that_a_value_sets_is_in_the_table() -> None:
    values = {"workerKeySecret": "key", "engine": {"kind": "external", "urls": ["http://one:8000"], "servedModel": "m"}}
    environment = parts(template(WORKERS | values))["service"]["containers"][0]["env"]
    names = {entry["name"] for entry in environment if entry["name"].startswith("TWINPATH_")}
    for name in names - {"TWINPATH_CACHE_DIR"}:
        assert f"instead of the variable {name}." in refusal(WORKERS | values | {"service": {"settings": {name: "1"}}})


def test_a_long_name_and_an_ingress_without_hosts_are_refused() -> None:
    longest = template(WORKERS | {"nameOverride": "n" * 56})
    labels = [item["metadata"]["labels"]["app.kubernetes.io/name"] for item in longest.values()]
    assert max(map(len, labels)) == 63
    assert "at '/nameOverride': " in refusal(WORKERS | {"nameOverride": "n" * 57})
    assert "at '/ingress': missing property 'hosts'" in refusal(WORKERS | {"ingress": {"enabled": True, "hosts": None}})
    without = {"enabled": True, "hosts": [{"host": "math.example.com", "paths": None}]}
    assert "at '/ingress/hosts/0" in refusal(WORKERS | {"ingress": without})
