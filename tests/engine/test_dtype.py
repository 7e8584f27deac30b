"""Data type of vLLM on this machine."""

from pathlib import Path

import pytest

from service.engine.base import Engine
from service.errors import ConfigurationError

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session")]


async def test_the_default_dtype_has_instructions_on_this_cpu(vllm_engine: Engine) -> None:
    from service.engine.vllm_start import engine_dtype

    assert (dtype_of(vllm_engine) == "torch.float32") is (engine_dtype("auto") == "float32")


async def test_a_setting_that_vllm_refuses_is_a_configuration_error(tiny_checkpoint: Path) -> None:
    from service.engine.vllm import VllmEngine

    with pytest.raises(ConfigurationError, match=r"vLLM refuses the model or a setting: [\s\S]*dtype"):
        await VllmEngine(str(tiny_checkpoint), dtype="float7").start()


def dtype_of(engine: Engine) -> str:
    return str(engine._llm.vllm_config.model_config.dtype)  # type: ignore[attr-defined]
