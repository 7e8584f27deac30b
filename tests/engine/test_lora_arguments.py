"""Arguments of vLLM for LoRA adapters."""

from pathlib import Path
from typing import Any

import pytest

from service.engine.base import LoraAdapter
from service.errors import ConfigurationError

pytestmark = pytest.mark.engine


def imported() -> Any:
    """Function that makes the arguments. Its first import takes seconds, and `vllm_start` prepares it."""
    from service.engine import vllm_start  # noqa: F401
    from service.engine.vllm_lora import lora_arguments

    return lora_arguments


def lora(rank: int = 4, modules: frozenset[str] = frozenset({"q_proj"}), name: str = "a") -> LoraAdapter:
    return LoraAdapter(name, Path(name), rank, modules)


def test_the_arguments_of_vllm_are_those_of_the_files() -> None:
    lora_arguments = imported()

    assert lora_arguments([], {"max_loras": 3}, on_cpu=True) == {}
    assert lora_arguments([lora(9), lora(64, frozenset({"o_proj"}))], {}, on_cpu=False) == {
        "enable_lora": True,
        "max_lora_rank": 64,
        "max_loras": 2,
        "max_cpu_loras": 2,
        "lora_target_modules": ["o_proj", "q_proj"],
    }
    many = [lora(name=str(number)) for number in range(20)]
    assert lora_arguments([lora(), lora(modules=frozenset())], {}, on_cpu=False)["lora_target_modules"] is None

    def slots(adapters: list[LoraAdapter], *, on_cpu: bool, **options: int) -> tuple[object, object]:
        arguments = lora_arguments(adapters, options, on_cpu=on_cpu)
        return arguments["max_loras"], arguments["max_cpu_loras"]

    assert slots(many, on_cpu=False) == (8, 20)
    assert slots(many[:1], on_cpu=False, max_loras=3) == (3, 3)
    assert slots(many, on_cpu=True) == (21, 21)
    assert slots(many[:2], on_cpu=True, max_loras=5) == (5, 5)
    with pytest.raises(ConfigurationError) as raised:
        slots(many, on_cpu=True, max_loras=20)
    assert str(raised.value) == (
        "Invalid settings: `engine_options.max_loras` must be at least 21 on a CPU, one more than adapters"
    )
    with pytest.raises(ConfigurationError) as raised:
        slots(many[:1], on_cpu=False, max_loras=0)
    assert str(raised.value) == "Invalid settings: `engine_options.max_loras` must be at least 1"


@pytest.mark.parametrize("option", ["enable_lora", "max_lora_rank", "lora_target_modules"])
def test_an_option_that_contradicts_the_adapters_is_refused(option: str) -> None:
    lora_arguments = imported()

    with pytest.raises(ConfigurationError) as raised:
        lora_arguments([lora()], {option: 8}, on_cpu=False)
    assert str(raised.value) == (
        f"Invalid settings: `engine_options.{option}` is refused: the files of the `adapters` give it"
    )


def test_a_rank_beyond_vllm_s_is_refused() -> None:
    lora_arguments = imported()

    with pytest.raises(ConfigurationError) as raised:
        lora_arguments([lora(513, name="large")], {}, on_cpu=False)
    assert str(raised.value) == "The adapter large has rank 513; vLLM serves ranks up to 512."
