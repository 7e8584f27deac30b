"""How engines end: closed, and killed."""

import asyncio
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from service.engine.base import Completion, Engine, Sampling
from service.engine.fake import FakeEngine
from service.errors import EngineDeadError

PROMPT = "<bos>Question: How much do 7 pens cost?\nReasoning:\n"


async def test_a_closed_fake_engine_is_dead() -> None:
    await _is_dead_once_closed(FakeEngine())


@pytest.mark.engine
async def test_a_closed_vllm_engine_is_dead_and_leaves_no_process(tiny_checkpoint: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    engine = _vllm(tiny_checkpoint)
    await _is_dead_once_closed(engine)
    assert set(psutil.Process().children(recursive=True)) == before


@pytest.mark.engine
async def test_a_killed_engine_fails_its_paths_at_once(tiny_checkpoint: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    engine = _vllm(tiny_checkpoint)
    await engine.start()
    await engine.probe()
    paths = [
        asyncio.create_task(engine.sample(f"path-{i}", PROMPT, Sampling(temperature=1.0, seed=i, max_tokens=450)))
        for i in range(20)
    ]
    await asyncio.sleep(0.1)
    for process in set(psutil.Process().children(recursive=True)) - before:
        os.kill(process.pid, signal.SIGKILL)
    killed = time.monotonic()
    ended = await asyncio.gather(*paths, return_exceptions=True)
    cut_off = [result for result in ended if not isinstance(result, Completion)]  # some may have ended before
    assert len(cut_off) > 10
    assert {type(result) for result in cut_off} == {EngineDeadError}
    assert time.monotonic() - killed < 5
    with pytest.raises(EngineDeadError):
        await engine.probe()
    with pytest.raises(EngineDeadError):
        await engine.sample("late", PROMPT, Sampling())
    await engine.close()


async def _is_dead_once_closed(engine: Engine) -> None:
    with pytest.raises(EngineDeadError):
        await engine.probe()
    await engine.start()
    await engine.probe()
    await engine.close()
    await engine.close()
    with pytest.raises(EngineDeadError):
        await engine.probe()
    with pytest.raises(EngineDeadError):
        await engine.sample("late", PROMPT, Sampling())
    await engine.abort(["late"])


def _vllm(checkpoint: Path) -> Engine:
    from service.engine.vllm import VllmEngine

    return VllmEngine(str(checkpoint), max_model_len=512, kv_cache_gib=1)
