"""Cached prompts on the real engine: each API key has its own."""

import pytest
from prometheus_client import REGISTRY

from service.engine.base import Engine, Sampling

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session")]

PROMPT = "<bos>Question: " + "A pen costs 3 dollars and a pad costs 4 dollars. " * 8 + "How much?\nReasoning:\n"


async def cached_tokens(engine: Engine, request_id: str, key: str | None) -> float:
    """Prompt tokens of one path that vLLM found in its cache."""

    def hits() -> float:
        samples = (sample for metric in REGISTRY.collect() for sample in metric.samples)
        return sum(sample.value for sample in samples if sample.name == "vllm:prefix_cache_hits_total")

    before = hits()
    await engine.sample(request_id, PROMPT, Sampling(seed=1, max_tokens=2, cache_salt=key))
    return hits() - before


async def test_a_key_finds_its_own_cached_prompts_and_no_others(vllm_engine: Engine) -> None:
    first = [await cached_tokens(vllm_engine, f"first-{key}", key) for key in ("ann", "bob", None)]
    again = [await cached_tokens(vllm_engine, f"again-{key}", key) for key in ("ann", "bob", None)]
    assert first == [0, 0, 0]
    assert min(again) >= 32  # at least one block of the prompt
    assert len(set(again)) == 1
