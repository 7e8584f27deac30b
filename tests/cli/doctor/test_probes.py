"""Probes of a machine: drivers, memory of containers, disks, hubs, and time limits."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from hypothesis import given
from hypothesis import strategies as st

from service.cli.doctor import probes
from service.cli.doctor.probes import Fault, Gpu, Memory, TimedOut
from service.errors import ConfigurationError, SandboxError
from service.sandbox.base import LockState
from service.settings import Settings
from tests.support.hub import Hub

MIB = 1024**2
H200 = "NVIDIA H200, 143771, 143000, 570.86.15, GPU-1a"


def failing(error: Exception) -> Callable[[], Any]:
    def probe() -> None:
        raise error

    return probe


def test_probes_run_at_the_same_time_and_fail_as_values() -> None:
    began = time.monotonic()
    found = probes.within(
        0.5,
        {
            "value": lambda: 5,
            "slow": lambda: time.sleep(30),
            "refused": failing(SandboxError("no\nlock")),
            "system": failing(OSError(13, "Permission denied", "/x")),
            "bug": failing(KeyError("name")),
            "empty": failing(OSError()),
        },
    )
    assert time.monotonic() - began < 5
    assert found == {
        "value": 5,
        "slow": TimedOut("no answer within 0.5 s"),
        "refused": Fault("no lock"),
        "system": Fault("[Errno 13] Permission denied: '/x'"),
        "bug": Fault("KeyError: 'name'"),
        "empty": Fault("OSError"),
    }


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Installs a script as `nvidia-smi`."""

    def install(script: str) -> None:
        path = tmp_path / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return install


def test_without_a_driver_there_is_no_gpu(smi: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert probes.gpus() == []


def test_gpus_of_the_driver(smi: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    smi(f"echo '{H200}'; echo '{H200}'; echo 'NVIDIA GB10, [N/A], [N/A], 580.95, GPU-2b'; echo; echo 'a,b'")
    h200 = Gpu("NVIDIA H200", 143771 * MIB, 143000 * MIB, "570.86.15", "GPU-1a")
    assert probes.gpus() == [h200, h200, Gpu("NVIDIA GB10", None, None, "580.95", "GPU-2b")]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert probes.gpus() == [h200]


A, B, C = (Gpu(name, 8, 4, "1", f"GPU-{name}0") for name in "abc")


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        (None, [A, B, C]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("2", [C]),
        ("1, 0", [B, A]),
        ("GPU-c,GPU-a0", [C, A]),
        ("0,3,1", [A]),
        ("0,-1,1", [A]),
        ("0000000001", []),
        ("GPU-d", []),
        ("MIG-x", [Gpu("a", None, None, "1", "MIG-x")]),
    ],
)
def test_gpus_that_cuda_shows(devices: str | None, expected: list[Gpu]) -> None:
    assert probes.visible([A, B, C], devices) == expected
    assert probes.visible([], devices) == []


@given(st.text())
def test_any_devices_are_read(devices: str) -> None:
    assert set(probes.visible([A, B], devices)) <= {A, B} or "MIG-" in devices


def test_a_driver_without_an_answer_is_a_fault(smi: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_SMI_S", 0.1)
    smi("exec sleep 30")
    began = time.monotonic()
    with pytest.raises(OSError, match=r"^nvidia-smi gives no answer within 0\.1 s$"):
        probes.gpus()
    assert time.monotonic() - began < 5


def test_a_driver_that_fails_is_a_fault(smi: Callable[[str], None]) -> None:
    smi("echo 'NVIDIA-SMI has failed because it could not communicate with the driver.'; exit 9")
    assert probes.within(5, {"gpus": probes.gpus})["gpus"] == Fault(
        "nvidia-smi ends with exit code 9: NVIDIA-SMI has failed because it could not communicate with the driver."
    )


@given(st.text())
def test_any_line_of_the_driver_is_read_or_left_out(line: str) -> None:
    assert probes._gpu(line) is None or line.count(",") == 4


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, Memory(16 * 2**30, 8 * 2**30)),
        ({"memory.max": "max\n"}, Memory(16 * 2**30, 8 * 2**30)),
        ({"memory.max": str(2**40)}, Memory(16 * 2**30, 8 * 2**30)),
        ({"memory.max": str(4 * 2**30)}, Memory(4 * 2**30, 4 * 2**30)),
        ({"memory.max": str(4 * 2**30), "memory.current": str(2**30)}, Memory(4 * 2**30, 3 * 2**30)),
        ({"memory.max": str(4 * 2**30), "memory.current": str(5 * 2**30)}, Memory(4 * 2**30, 0)),
        ({"memory.max": str(12 * 2**30), "memory.current": str(2**30)}, Memory(12 * 2**30, 8 * 2**30)),
        ({"memory/memory.limit_in_bytes": str(4 * 2**30)}, Memory(4 * 2**30, 4 * 2**30)),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, Memory(16 * 2**30, 8 * 2**30)),
    ],
)
def test_memory_of_a_machine_and_of_a_container(files: dict[str, str], expected: Memory, tmp_path: Path) -> None:
    info = tmp_path / "meminfo"
    info.write_text(f"MemTotal:  {16 * 2**20} kB\nMemFree: 1 kB\nMemAvailable: {8 * 2**20} kB\nHugePages_Total: 0\n")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert probes.memory(info, tmp_path) == expected


def test_the_disk_of_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    assert probes.free_disk(tmp_path / "a" / "b") == probes.free_disk(tmp_path) > 0
    assert not (tmp_path / "a").exists()
    with pytest.raises(OSError, match=r"^/dev/null cannot be written$"):
        probes.free_disk(Path("/dev/null/twinpath"))


def test_the_sandbox_runs_a_program() -> None:
    lock = probes.lock_of_sandbox(Settings())
    assert isinstance(lock, LockState)
    assert lock.rlimits


def test_a_sandbox_whose_programs_fail_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_PROGRAM", "ans = 1 / 0")
    with pytest.raises(OSError, match=r"^a program ends with error: ZeroDivisionError"):
        probes.lock_of_sandbox(Settings())


def test_a_hub_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with Hub({}).served() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        assert probes.hub() == hub.url.removeprefix("http://")
        monkeypatch.setattr(constants, "ENDPOINT", hub.url.replace("//", "//user:secret@"))
        assert probes.hub() == hub.url.removeprefix("http://")


def test_a_hub_that_does_not_answer_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://user:secret@127.0.0.1:9")
    with pytest.raises(OSError, match=r"^127\.0\.0\.1:9 does not answer: "):
        probes.hub()
    monkeypatch.setattr(probes, "answer_of", lambda url: 503)
    with pytest.raises(OSError, match=r"^127\.0\.0\.1:9 answers with status 503$"):
        probes.hub()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(OSError, match=r"^HF_HUB_OFFLINE is set$"):
        probes.hub()


def test_a_port_in_use_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert probes.port_is_free(Settings(port=taken.getsockname()[1])) is False
    assert probes.port_is_free(Settings(port=0)) is True


def test_an_address_of_another_machine_is_a_fault() -> None:
    with pytest.raises(ConfigurationError, match=r"^203\.0\.113\.5 is not an address of this machine\."):
        probes.port_is_free(Settings(host="203.0.113.5", port=0))


def test_no_proxy_password_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:hunter2@127.0.0.1:9")
    with pytest.raises(OSError) as raised:  # noqa: PT011 - its text is what matters
        probes.answer_of("http://127.0.0.2:9")
    assert "hunter2" not in str(raised.value)
