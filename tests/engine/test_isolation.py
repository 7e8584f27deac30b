"""Isolation on the real engine: cached prompts of each API key, and no report to others."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.engine.base import Engine, Sampling

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session")]

PROMPT = "<bos>Question: " + "A pen costs 3 dollars and a pad costs 4 dollars. " * 8 + "How much?\nReasoning:\n"


async def test_a_key_finds_its_own_cached_prompts_and_no_others(
    vllm_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.engine.vllm import VllmEngine  # takes seconds

    assert isinstance(vllm_engine, VllmEngine)
    generate = vllm_engine._require_running().generate
    cached: dict[str, int] = {}  # prompt tokens that vLLM found in its cache, by request

    async def recorded(inputs: Any, params: Any, request_id: str, **more: Any) -> AsyncIterator[Any]:
        async for output in generate(inputs, params, request_id, **more):
            cached[request_id] = output.num_cached_tokens
            yield output

    monkeypatch.setattr(vllm_engine._require_running(), "generate", recorded)
    for turn in ("first", "again"):
        for key in ("ann", "bob", None):
            await vllm_engine.sample(f"{turn}-{key}", PROMPT, Sampling(seed=1, max_tokens=2, cache_salt=key))
    first = [cached[f"first-{key}"] for key in ("ann", "bob", None)]
    again = [cached[f"again-{key}"] for key in ("ann", "bob", None)]
    assert first == [0, 0, 0]
    assert min(again) >= 32  # at least one block of the prompt
    assert len(set(again)) == 1


async def test_vllm_reports_nothing_to_its_makers(vllm_engine: Engine) -> None:
    from vllm.usage.usage_lib import is_usage_stats_enabled

    assert not is_usage_stats_enabled()
