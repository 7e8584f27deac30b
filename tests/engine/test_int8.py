"""The int8 variant on vLLM: it can serve the files of `training.ship.int8` on this machine, also on a CPU."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from service.engine.base import Engine, Sampling
from tests.engine.conftest import CONTEXT
from tests.support import forks

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session")]

PROMPT = "<bos>Question: How much do 7 pens cost?\nReasoning:\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def int8_engine(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    from service.engine.vllm import VllmEngine

    path = tmp_path_factory.mktemp("int8")
    # In another process: the engine forks only if this process has not imported torch.
    forks.call("training.ship.int8", "write_int8", tiny_checkpoint, path)
    engine = VllmEngine(str(path), model="tiny-int8", max_model_len=CONTEXT, cpu_kv_cache_gib=1)
    await engine.start()
    yield engine
    await engine.close()


async def test_int8_has_the_text_of_bf16(vllm_engine: Engine, int8_engine: Engine) -> None:
    sampling = Sampling(temperature=0.0, max_tokens=12)
    exact, rounded = [await engine.sample("greedy", PROMPT, sampling) for engine in (vllm_engine, int8_engine)]
    assert (rounded.text, rounded.completion_tokens) == (exact.text, 12)
