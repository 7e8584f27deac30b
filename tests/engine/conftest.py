"""Engines under test. One vLLM engine and one `vllm serve` serve the whole session, because their start is slow."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from service.engine.base import Engine
from service.engine.fake import FakeEngine
from service.engine.remote import RemoteEngine
from tests.support import forks
from tests.support.fake_worker import FakeWorker
from tests.support.servers import SERVED_NAME, vllm_worker

CONTEXT = 512


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny")
    # In another process: the engine forks only if this process has not imported torch.
    forks.call("tests.support.tiny_model", "make", path)
    return path


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of the models of `tests/support/families.py`."""
    path = tmp_path_factory.mktemp("families")
    forks.call("tests.support.tiny_families", "write", path)
    return path


@pytest.fixture(scope="session")
def taught_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("taught") / "pens"
    subprocess.run([sys.executable, "-m", "tests.support.taught_model", path], check=True)
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def vllm_engine(tiny_checkpoint: Path) -> AsyncIterator[Engine]:
    from service.engine.vllm import VllmEngine

    engine = VllmEngine(str(tiny_checkpoint), model=SERVED_NAME, max_model_len=CONTEXT, cpu_kv_cache_gib=1)
    await engine.start()
    yield engine
    await engine.close()


@pytest_asyncio.fixture(loop_scope="session")
async def fake_engine() -> AsyncIterator[Engine]:
    engine = FakeEngine(_babble, tokens_per_s=2000, model=SERVED_NAME, max_model_len=CONTEXT)
    await engine.start()
    yield engine
    await engine.close()


class WatchedRemote(RemoteEngine):
    """Remote engine that reads the number of open requests from its worker."""

    url: str

    async def open_requests(self) -> int:
        """Requests that the worker runs or queues. Waits for it to notice a disconnect."""
        async with httpx.AsyncClient() as client:
            for _ in range(100):
                families = text_string_to_metric_families((await client.get(f"{self.url}/metrics")).text)
                gauges = [family for family in families if family.name in OPEN_REQUESTS]
                assert len(gauges) == 2
                count = sum(sample.value for family in gauges for sample in family.samples)
                if not count:
                    break
                await asyncio.sleep(0.05)
        return int(count) + len(self._streams)


OPEN_REQUESTS = ("vllm:num_requests_running", "vllm:num_requests_waiting")


async def watched(url: str, **options: object) -> WatchedRemote:
    engine = WatchedRemote([url], **options)  # type: ignore[arg-type]
    engine.url = url
    await engine.start()
    return engine


@pytest_asyncio.fixture(loop_scope="session")
async def remote_fake_engine() -> AsyncIterator[Engine]:
    """The remote engine on a scripted worker."""
    runner = web.AppRunner(
        await FakeWorker(_babble, tokens_per_s=2000, max_model_len=CONTEXT, model=SERVED_NAME).application()
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    engine = await watched(f"http://127.0.0.1:{runner.addresses[0][1]}")
    yield engine
    await engine.close()
    await runner.cleanup()


@pytest.fixture(scope="session")
def worker_url(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with vllm_worker(tiny_checkpoint, tmp_path_factory.mktemp("worker"), max_model_len=CONTEXT) as worker:
        yield worker.await_health().url


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
    engine: Engine = request.getfixturevalue(f"{request.param}_engine")
    return engine


def _babble(prompt: str, sampling: object) -> str:
    """Text that exceeds every token limit, different for every seed."""
    seed, temperature = sampling.seed, sampling.temperature  # type: ignore[attr-defined]
    start = (seed or 0) if temperature else 0
    return " ".join(f"w{start + place}" for place in range(1000))
