"""The engines under test. One real vLLM engine serves the whole session: starting it is what takes time."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from service.engine.base import Engine
from service.engine.fake import FakeEngine

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


@pytest.fixture(params=["fake", pytest.param("vllm", marks=pytest.mark.engine)])
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.getfixturevalue(f"{request.param}_engine")


def _babble(prompt: str, sampling: object) -> str:
    """More words than fit into any budget, other ones for every seed."""
    seed, temperature = sampling.seed, sampling.temperature  # type: ignore[attr-defined]
    start = (seed or 0) if temperature else 0
    return " ".join(f"w{start + place}" for place in range(1000))
