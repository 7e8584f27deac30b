"""LoRA adapters in vLLM: its arguments and its requests.

`vllm_start` prepares the first import of vLLM, so it is imported before this module.
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from vllm.config.lora import MaxLoRARanks
from vllm.lora.request import LoRARequest
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError as VllmDeadError

from service.engine.base import LoraAdapter
from service.errors import ConfigurationError, EngineDeadError

MAX_ACTIVE = 8
"""Default of vLLM's `max_loras`: adapters in one engine step. Each takes memory for the highest rank."""

_RANKS: tuple[int, ...] = get_args(MaxLoRARanks)
_FROM_FILES = ("enable_lora", "max_lora_rank", "lora_target_modules")
_FAILURE = "Call to add_lora method failed: "


def lora_arguments(adapters: Sequence[LoraAdapter], options: Mapping[str, Any], *, on_cpu: bool) -> dict[str, object]:
    """Arguments of vLLM for these adapters. Without an adapter there are none.

    Args:
        adapters: the adapters.
        options: further arguments, which replace these.
        on_cpu: whether vLLM runs on a CPU.

    Raises:
        ConfigurationError: an option contradicts the adapters, or a rank is too large for vLLM.
    """
    if not adapters:
        return {}
    for name in _FROM_FILES:
        if name in options:
            raise ConfigurationError(
                f"Invalid settings: `engine_options.{name}` is refused: the files of the `adapters` give it"
            )
    largest = max(adapters, key=lambda adapter: adapter.rank)
    ranks = [rank for rank in _RANKS if rank >= largest.rank]
    if not ranks:
        raise ConfigurationError(
            f"The adapter {largest.name} has rank {largest.rank}; vLLM serves ranks up to {max(_RANKS)}."
        )
    # On a CPU, vLLM 0.32 gives a path of the base model the weights of the last slot if an adapter is in the same step.
    # A slot more than there are adapters stays empty, which changes nothing.
    needed = len(adapters) + 1 if on_cpu else 1
    active = options.get("max_loras", needed if on_cpu else min(len(adapters), MAX_ACTIVE))
    if active < needed:
        place = " on a CPU, one more than adapters" if on_cpu else ""
        raise ConfigurationError(f"Invalid settings: `engine_options.max_loras` must be at least {needed}{place}")
    modules = [adapter.modules for adapter in adapters]
    return {
        "enable_lora": True,
        "max_lora_rank": min(ranks),
        "max_loras": active,
        "max_cpu_loras": max(active, len(adapters)),  # so that none is read again from its files
        # The other layers stay plain. vLLM refuses LoRA on the head of a large vocabulary, such as Gemma 3's.
        "lora_target_modules": sorted(frozenset().union(*modules)) if all(modules) else None,
    }


async def load_adapters(llm: AsyncLLM, adapters: Sequence[LoraAdapter]) -> dict[str, LoRARequest]:
    """Load adapters into a started vLLM. Returns the request of each by its name.

    Raises:
        ConfigurationError: vLLM refuses an adapter.
        EngineDeadError: the engine died.
    """
    requests = {
        adapter.name: LoRARequest(adapter.name, number, str(adapter.path)) for number, adapter in enumerate(adapters, 1)
    }
    for name, request in requests.items():
        try:
            await llm.add_lora(request)
        except VllmDeadError:
            raise EngineDeadError("The engine's process has died.") from None
        except Exception as error:  # the engine's process sends the text of any exception
            reason = " ".join(str(error).removeprefix(_FAILURE).split())
            raise ConfigurationError(f"vLLM refuses the adapter {name}: {reason}") from error
    return requests
