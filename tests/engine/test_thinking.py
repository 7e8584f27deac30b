"""A tiny model with Qwen3's tokens in vLLM: prompts, sampling parameters, and the end of a thought."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from service.engine.base import Completion, Sampling
from service.engine.vllm_options import REFUSED
from service.model.checkpoint import Checkpoint, read_checkpoint
from service.model.metadata import Decoding
from service.model.prompt_format import prompt_format
from service.model.prompts import prompt_of
from service.paths.base import PathFormat
from service.types import PathKind
from tests.engine.conftest import CONTEXT
from tests.support import forks

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session")]

QUESTION = "How many pens?"
BUDGET = 24
SEEDS = range(6)


@pytest.fixture(scope="session")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    path = tmp_path_factory.mktemp("thinker") / "qwen3"
    forks.call("tests.support.tiny_thinker", "make", path)
    return read_checkpoint(path, "qwen3")


@pytest.fixture(scope="session")
def path_format(thinker: Checkpoint) -> PathFormat:
    return prompt_format(thinker)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def thinking_engine(thinker: Checkpoint, path_format: PathFormat) -> AsyncIterator[Any]:
    from service.engine.vllm import VllmEngine

    engine = VllmEngine(
        str(thinker.path),
        dtype="float32",
        max_model_len=CONTEXT,
        cpu_kv_cache_gib=1,
        thought=path_format.thoughts.delimiters,
    )
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture(scope="session")
def tokenizer(thinker: Checkpoint) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(thinker.path)


async def test_the_maker_s_sampling_parameters_are_the_default(thinker: Checkpoint) -> None:
    assert thinker.decoding == Decoding(temperature=0.6, top_p=0.95, top_k=20)


async def test_prompts_are_those_of_the_tokenizer_to_the_character(
    thinker: Checkpoint, path_format: PathFormat, tokenizer: Any
) -> None:
    wording = prompt_of(thinker, None)
    assert wording is not None
    system = [{"role": "system", "content": wording.system}] if wording.system else []
    for kind in PathKind:
        for thinking in (False, True):
            messages = [*system, {"role": "user", "content": wording.message(kind, QUESTION)}]
            rendered = tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, enable_thinking=thinking
            )
            assert path_format.prompt(kind, QUESTION, thinking=thinking) == rendered
            assert rendered.endswith("assistant\n" if thinking else "<think>\n\n</think>\n\n")


async def test_the_delimiters_are_in_vllm_s_own_configuration(thinking_engine: Any, tokenizer: Any) -> None:
    held = thinking_engine.configuration()
    assert held["reasoning_config.reasoning_start_str"] == "<think>"
    assert held["reasoning_config.reasoning_end_str"] == "</think>"
    assert held["reasoning_config._reasoning_end_token_ids"] == [tokenizer.convert_tokens_to_ids("</think>")]
    assert {"reasoning_config", "reasoning_parser"} <= REFUSED.keys()


async def sampled(engine: Any, prompt: str, **changes: Any) -> Completion:
    completion: Completion = await engine.sample("path", prompt, Sampling(**({"temperature": 1.0} | changes)))
    return completion


async def test_a_budget_ends_a_thought_at_its_last_token(thinking_engine: Any, path_format: PathFormat) -> None:
    prompt = path_format.prompt(PathKind.COT, QUESTION, thinking=True) + "<think>"
    for seed in SEEDS:
        within, ended, free = [
            await sampled(thinking_engine, prompt, seed=seed, max_tokens=tokens, thinking_tokens=budget)
            for tokens, budget in ((BUDGET, BUDGET), (BUDGET + 1, BUDGET), (BUDGET + 1, None))
        ]
        assert ended.completion_tokens == BUDGET + 1
        assert "</think>" not in within.text
        assert ended.text.startswith(within.text)  # which lacks the first bytes of a character
        assert ended.text.endswith("</think>")
        assert "</think>" not in free.text


async def test_the_sampling_parameters_take_effect(thinking_engine: Any, path_format: PathFormat) -> None:
    prompt = path_format.prompt(PathKind.COT, QUESTION)

    async def text(**changes: Any) -> str:
        return (await sampled(thinking_engine, prompt, **({"seed": 3, "max_tokens": 40} | changes))).text

    greedy = await text(temperature=0.0)
    assert await text() != greedy
    assert await text(top_k=1) == await text(min_p=1.0) == greedy
    assert await text(temperature=0.0, repetition_penalty=2.0) != greedy
