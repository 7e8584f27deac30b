"""Ends of engines: closed, killed and hung."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from prometheus_client import REGISTRY

from service.engine.base import Completion, Engine, Sampling
from service.engine.fake import FakeEngine
from service.errors import EngineDeadError

_STARTED = """
import asyncio, sys, psutil
import torch  # the engine is no fork of a process that has imported it
from tests.engine.test_life import _vllm

async def main():
    await _vllm(sys.argv[1]).start()
    print("pids", *(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
    await asyncio.sleep(60)

if __name__ == "__main__":
    asyncio.run(main())
"""

PROMPT = "<bos>Question: How much do 7 pens cost?\nReasoning:\n"


async def test_a_closed_fake_engine_is_dead() -> None:
    await _is_dead_once_closed(FakeEngine(tokens_per_s=20))


@pytest.mark.engine
async def test_a_closed_vllm_engine_is_dead_and_leaves_no_process_and_no_error_in_the_log(
    tiny_checkpoint: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(psutil.Process().children(recursive=True))
    engine = _vllm(tiny_checkpoint)
    monkeypatch.setattr(logging.getLogger("vllm"), "propagate", True)
    await _is_dead_once_closed(engine)
    assert set(psutil.Process().children(recursive=True)) == before
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


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
    cut_off = [result for result in ended if not isinstance(result, Completion)]  # some may have finished before
    assert len(cut_off) > 10
    assert {type(result) for result in cut_off} == {EngineDeadError}
    assert time.monotonic() - killed < 5
    with pytest.raises(EngineDeadError):
        await engine.probe()
    with pytest.raises(EngineDeadError):
        await engine.sample("late", PROMPT, Sampling())
    await engine.close()


@pytest.mark.engine
def test_an_engine_that_is_no_fork_ends_with_a_killed_service(tiny_checkpoint: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _STARTED, tiny_checkpoint], stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        pids = [int(pid) for pid in next(line for line in service.stdout if line.startswith("pids ")).split()[1:]]
        engines = [psutil.Process(pid) for pid in pids]
        service.kill()
    assert engines
    assert psutil.wait_procs(engines, timeout=10)[1] == []


@pytest.mark.engine
async def test_a_hung_engine_is_killed_and_fails_its_paths(tiny_checkpoint: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    engine = _vllm(tiny_checkpoint, check_interval_s=0.3, hang_timeout_s=2.0)
    await engine.start()
    whole = await engine.sample("whole", PROMPT, Sampling(temperature=1.0, seed=1, max_tokens=20))
    assert whole.completion_tokens == 20
    await asyncio.sleep(1.5)  # idle: the watchdog requests a token now and then, and gets it
    await engine.probe()
    paths = [
        asyncio.create_task(engine.sample(f"path-{i}", PROMPT, Sampling(temperature=1.0, seed=i, max_tokens=450)))
        for i in range(20)
    ]
    await asyncio.sleep(0.1)
    processes = set(psutil.Process().children(recursive=True)) - before
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    stopped = time.monotonic()
    ended = await asyncio.gather(*paths, return_exceptions=True)
    assert {type(result) for result in ended if not isinstance(result, Completion)} == {EngineDeadError}
    assert 2 < time.monotonic() - stopped < 20
    with pytest.raises(EngineDeadError, match=r"^The engine hung\.$"):
        await engine.probe()
    await engine.close()
    assert not psutil.wait_procs(processes, timeout=5)[1]


@pytest.mark.engine
async def test_a_saturated_engine_does_not_hang(tiny_checkpoint: Path) -> None:
    """The hang timeout is far shorter than the work."""
    engine = _vllm(tiny_checkpoint, check_interval_s=0.05, hang_timeout_s=0.2)
    await engine.start()
    paths = [engine.sample(f"path-{i}", PROMPT, Sampling(temperature=1.0, seed=i, max_tokens=200)) for i in range(150)]
    began = time.monotonic()
    completions = await asyncio.gather(*paths)
    assert len(completions) == 150
    assert time.monotonic() - began > 1
    await engine.probe()
    await engine.close()


@pytest.mark.engine
async def test_an_engine_out_of_kv_memory_preempts_and_answers_all(tiny_checkpoint: Path) -> None:
    """2,048 tokens fit. Twenty paths of 450 tokens need 9,000, and each gets the text of a separate run."""
    engine = _vllm(tiny_checkpoint, cpu_kv_cache_gib=1 / 1024)
    await engine.start()
    samplings = [Sampling(temperature=1.0, seed=seed, max_tokens=450) for seed in range(20)]
    preempted = _preemptions()
    together = await asyncio.gather(*(engine.sample(f"path-{s.seed}", PROMPT, s) for s in samplings))
    assert _preemptions() > preempted
    assert sum(completion.completion_tokens for completion in together) > 4096
    alone = await engine.sample("alone", PROMPT, samplings[0])
    assert together[0].completion_tokens == alone.completion_tokens
    await engine.close()


def _preemptions() -> float:
    families = [family for family in REGISTRY.collect() if family.name == "vllm:num_preemptions"]
    return sum(s.value for family in families for s in family.samples if s.name.endswith("_total"))


async def _is_dead_once_closed(engine: Engine) -> None:
    with pytest.raises(EngineDeadError):
        await engine.probe()
    await engine.start()
    await engine.probe()
    path = asyncio.create_task(engine.sample("open", PROMPT, Sampling(temperature=1.0, seed=1, max_tokens=450)))
    await asyncio.sleep(0.05)
    await engine.close()
    await engine.close()
    with pytest.raises(EngineDeadError):
        await path
    with pytest.raises(EngineDeadError):
        await engine.probe()
    with pytest.raises(EngineDeadError):
        await engine.sample("late", PROMPT, Sampling())
    await engine.abort(["late"])


def _vllm(checkpoint: Path, **options: float) -> Engine:
    from service.engine.vllm import VllmEngine

    return VllmEngine(str(checkpoint), **({"max_model_len": 512, "cpu_kv_cache_gib": 1} | options))  # type: ignore[arg-type]
