"""Compilation for a CPU with vLLM: the same text, and no second compilation."""

import shutil
from pathlib import Path

import pytest

from service.components import build
from service.engine.base import Engine, Sampling
from service.errors import ConfigurationError
from service.settings import Settings
from tests.engine.conftest import CONTEXT

pytestmark = [
    pytest.mark.engine,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs g++"),
]

PROMPT = "<bos>Question: How much do 7 pens cost?\nReasoning:\n"


async def test_a_compiled_model_has_the_eager_text_and_is_compiled_once(
    vllm_engine: Engine, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    from service.engine.vllm import VllmEngine

    sampling = Sampling(temperature=0.0, max_tokens=12)
    expected = await vllm_engine.sample("eager", PROMPT, sampling)
    compiled = []
    for _ in range(2):
        engine = VllmEngine(str(tiny_checkpoint), compile_dir=tmp_path, max_model_len=CONTEXT, cpu_kv_cache_gib=1)
        await engine.start()
        completion = await engine.sample("compiled", PROMPT, sampling)
        await engine.close()
        assert (completion.text, completion.completion_tokens) == (expected.text, 12)
        compiled.append({(file.name, file.stat().st_mtime_ns) for file in tmp_path.rglob("*.so")})
    assert compiled[0]
    assert compiled[1] == compiled[0]


async def test_a_missing_compiler_is_reported_before_the_start(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    parts = build(Settings(model=str(tiny_checkpoint), compile_on_cpu=True, cache_dir=tmp_path))
    with pytest.raises(ConfigurationError, match="no-such-compiler"):
        await parts.engine.start()
