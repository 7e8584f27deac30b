"""Service with supervised processes, and the faults of `benchmarks/chaos.py`."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import psutil

from tests.support.servers import Server, free_port, router, scripted_worker, service


class Supervised:
    """All processes of a service, and their faults.

    Args:
        model: checkpoint for vLLM in the process of the service (default: the bundled model).
        folder: directory of the logs.
        scripted: whether scripted workers behind a router replace vLLM.
    """

    def __init__(self, model: str | None, folder: Path, *, scripted: bool) -> None:
        self._model = model
        self._scripted = scripted
        self._folder = folder
        self._servers: dict[str, Callable[[], Server]] = {}
        self._live: dict[str, Server] = {}
        self._ports = [free_port() for _ in range(3)]
        if scripted:
            for number in range(2):
                self._add(f"worker {number}", self._worker(number))
            self._add(
                "router", lambda: router([self._live["worker 0"], self._live["worker 1"]], folder, port=self._ports[2])
            )
        self._add("service", self._service)

    @property
    def url(self) -> str:
        """Current URL of the service."""
        return self._live["service"].url

    def faults(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Functions that cause a fault, by name."""
        own: dict[str, Callable[[], Awaitable[None]]] = {"zygote killed": self._kill_zygote}
        if not self._scripted:
            return own | {
                "engine killed": lambda: self._signal_engine(signal.SIGKILL),
                "engine hung": lambda: self._signal_engine(signal.SIGSTOP),
            }
        return own | {
            "worker killed": lambda: self._end("worker 0"),
            "worker stopped for 2 s": lambda: self._pause("worker 1", 2.0),
            "router killed": lambda: self._end("router"),
        }

    async def supervise(self) -> None:
        """Restart every process that has ended, as Docker or Kubernetes does."""
        while True:
            for name, server in list(self._live.items()):
                if server.process.poll() is not None:
                    self._live[name] = await asyncio.to_thread(self._servers[name])
            await asyncio.sleep(0.2)

    def close(self) -> None:
        """End all processes."""
        for server in self._live.values():
            with suppress(psutil.NoSuchProcess):
                server.process.resume()
            server.kill()

    def _add(self, name: str, start: Callable[[], Server]) -> None:
        self._servers[name] = start
        self._live[name] = start().await_health()

    def _worker(self, number: int) -> Callable[[], Server]:
        return lambda: scripted_worker(self._folder, tokens_per_s=60, slots=64, port=self._ports[number])

    def _service(self) -> Server:
        if self._scripted:
            settings = {"worker_read_timeout_s": 3, "max_num_seqs": 64, "max_queue": 32, "log_level": "warning"}
            return service([self._live["router"].url], self._folder, None, **settings)
        port = free_port()
        command: list[object] = [sys.executable, "-m", "service.cli.main", "serve", "--port", port]
        command += ["--model", self._model] if self._model else []
        command += ["--engine-check-interval-s", 1, "--engine-hang-timeout-s", 3]
        command += ["--log-level", "warning", "--max-queue", 32]
        return Server(command, port, self._folder / f"service-{port}.log", "/ready")

    async def _end(self, name: str) -> None:
        await asyncio.to_thread(self._live[name].kill)

    async def _pause(self, name: str, seconds: float) -> None:
        process = self._live[name].process
        process.suspend()
        await asyncio.sleep(seconds)
        process.resume()

    async def _kill_zygote(self) -> None:
        with suppress(psutil.NoSuchProcess):
            for child in self._live["service"].process.children():
                if "EngineCore" not in " ".join(child.cmdline()):
                    child.kill()

    async def _signal_engine(self, number: signal.Signals) -> None:
        with suppress(psutil.NoSuchProcess):
            for child in self._live["service"].process.children():
                if "EngineCore" in " ".join(child.cmdline()):
                    child.send_signal(number)
