"""What the real engine computes in, on this machine."""

from pathlib import Path

import pytest

from service.components import _vllm_engine
from service.engine.base import Engine
from service.errors import ConfigurationError
from service.model.checkpoint import find_checkpoint
from service.settings import Dtype, Settings

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session")]


async def test_by_itself_it_computes_in_what_the_processor_has_instructions_for(vllm_engine: Engine) -> None:
    from service.engine.vllm import engine_dtype

    assert (computed_in(vllm_engine) == "torch.float32") is (engine_dtype("auto") == "float32")


async def test_it_computes_in_what_the_settings_say(tiny_checkpoint: Path) -> None:
    from service.engine.vllm import engine_dtype

    asked = Dtype.BFLOAT16 if engine_dtype("auto") == "float32" else Dtype.FLOAT32  # what it would not choose by itself
    settings = Settings(dtype=asked, max_model_len=512, cpu_kv_cache_gib=1)
    engine, _ = _vllm_engine(settings, find_checkpoint(str(tiny_checkpoint), settings.cache_dir))
    await engine.start()
    try:
        assert computed_in(engine) == f"torch.{asked}"
    finally:
        await engine.close()


async def test_what_vllm_refuses_is_the_operators_to_change(tiny_checkpoint: Path) -> None:
    from service.engine.vllm import VllmEngine

    with pytest.raises(ConfigurationError, match=r"vLLM refuses this model or a setting: [\s\S]*dtype"):
        await VllmEngine(str(tiny_checkpoint), dtype="float7").start()


def computed_in(engine: Engine) -> str:
    return str(engine._llm.vllm_config.model_config.dtype)  # type: ignore[attr-defined]
