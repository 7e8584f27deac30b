"""Counted parameters against those of transformers."""

from typing import Any

import pytest

from service.model.sizes import _FAMILIES, size_of

pytestmark = pytest.mark.slow  # imports torch

SMALL = {
    "vocab_size": 640, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 32, "pad_token_id": 0,
}  # fmt: skip


@pytest.mark.parametrize("tied", [None, True, False])
@pytest.mark.parametrize("family", _FAMILIES)
def test_a_family_has_the_parameters_of_transformers(family: str, tied: bool | None) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    # phi3 has no head_dim of its own.
    sizes: dict[str, Any] = {name: value for name, value in SMALL.items() if (family, name) != ("phi3", "head_dim")}
    given = {} if tied is None else {"tie_word_embeddings": tied}
    config = AutoConfig.for_model(family, **sizes, **given)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert size_of({"model_type": family, **sizes, **given}).parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("family", ["gemma2", "gemma3_text", "mistral", "qwen2", "llama"])
def test_a_family_has_the_windows_of_transformers(family: str) -> None:
    from transformers import AutoConfig

    layers = 13
    config = AutoConfig.for_model(family, **(SMALL | {"num_hidden_layers": layers}))
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None) or (["sliding_attention"] if window else ["full_attention"]) * layers
    written = {**SMALL, "model_type": family, "num_hidden_layers": layers, "sliding_window": window}
    if family == "qwen2":  # its configuration always names the switch
        written["use_sliding_window"] = config.use_sliding_window
    cache = size_of(written).kv_cache
    assert cache is not None
    assert (cache.full_layers, cache.sliding_layers) == (
        kinds.count("full_attention"),
        kinds.count("sliding_attention"),
    )
