"""Cancelled and aborted paths leave no request and no KV block in vLLM."""

import asyncio
import random

import pytest
from prometheus_client import REGISTRY

from service.engine.base import Completion, Engine, Finish, Sampling

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session")]

PROMPT = "<bos>Question: How much do 7 pens cost?\nReasoning:\n"
TOGETHER = 50


@pytest.mark.parametrize("number", [500, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_dropped_paths_leave_no_request_and_no_memory(number: int, vllm_engine: Engine) -> None:
    chance = random.Random(number)
    aborted = 0
    for start in range(0, number, TOGETHER):
        ended = await asyncio.gather(
            *(_dropped(vllm_engine, f"{number}-{start + i}", chance) for i in range(TOGETHER)), return_exceptions=True
        )
        aborted += sum(isinstance(end, Completion) and end.finish is Finish.ABORT for end in ended)
        assert {type(end) for end in ended} <= {Completion, asyncio.CancelledError}
    assert aborted > number / 10
    assert vllm_engine._llm.output_processor.get_num_unfinished_requests() == 0  # type: ignore[attr-defined]
    last = await vllm_engine.sample(f"{number}-last", PROMPT, Sampling(seed=1, max_tokens=2))
    assert last.completion_tokens == 2
    used = {s.name: s.value for m in REGISTRY.collect() for s in m.samples if s.name.startswith("vllm:")}
    assert used["vllm:kv_cache_usage_perc"] == 0
    assert (used["vllm:num_requests_running"], used["vllm:num_requests_waiting"]) == (0, 0)


async def _dropped(engine: Engine, request_id: str, chance: random.Random) -> Completion:
    """One path that is cancelled or aborted after a few steps, sometimes before vLLM has added it."""
    how, turns = chance.choice(("cancel", "abort")), chance.choice((0, 1, 2, 5))
    path = asyncio.create_task(
        engine.sample(request_id, PROMPT, Sampling(temperature=1.0, seed=chance.getrandbits(32), max_tokens=400))
    )
    for _ in range(turns):
        await asyncio.sleep(0 if turns < 5 else 0.005)
    if how == "cancel":
        path.cancel()
    else:
        while not path.done():  # an abort before the request has been added has no effect
            await engine.abort([request_id])
            await asyncio.sleep(0.002)
    return await path
