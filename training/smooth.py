"""Outliers of activations, moved into the weights before both are rounded (SmoothQuant, arXiv 2211.10438).

A channel that is a hundred times as large as the others takes the steps of an 8-bit scale from all of them. So each
input channel of a linear map is divided by a factor and its column of weights multiplied by it; what comes before takes
the division: the norm's gain, or the rows of the map that feeds it. The model computes what it did, up to rounding.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from service.errors import CheckpointError

ALPHA = 0.65
"""How much of a channel's range goes from the activations to the weights, from 0 to 1."""

_SMALLEST = 1e-5
_ROUNDING = 0.1
"""How far a smoothed model's logits may be from what they were, in their size; the bundled student's are by 0.02."""


def smooth(model: Any, tokenizer: Any, texts: Sequence[str], alpha: float = ALPHA) -> None:
    """Smooth a causal language model of Llama's layout (Mistral's, Qwen2's, Gemma 3's) in place.

    Args:
        model: `model.model.layers`, each with `self_attn`, `mlp` and a norm before both.
        tokenizer: its tokenizer.
        texts: prompts and completions as the model sees and writes them; a few are enough.
        alpha: see `ALPHA`.

    Raises:
        CheckpointError: the model is of another layout, or computes in another way than its layout promises.
    """
    unknown = f"int8 knows models of Llama's layout, and {type(model).__name__} has another."
    if not _known(model):
        raise CheckpointError(unknown)
    before = _logits(model, tokenizer, texts[0])
    ranges = _ranges(model, tokenizer, texts)
    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        before_mlp = getattr(layer, "pre_feedforward_layernorm", layer.post_attention_layernorm)
        _smooth(layer.input_layernorm, [attention.q_proj, attention.k_proj, attention.v_proj], ranges, alpha)
        _smooth(before_mlp, [mlp.gate_proj, mlp.up_proj], ranges, alpha)
        _smooth(mlp.up_proj, [mlp.down_proj], ranges, alpha)
        _smooth(attention.v_proj, [attention.o_proj], ranges, alpha, heads=model.config.num_key_value_heads)
    if (_logits(model, tokenizer, texts[0]) - before).norm() > _ROUNDING * before.norm():
        raise CheckpointError(unknown)


def _known(model: Any) -> bool:
    layers = getattr(getattr(model, "model", None), "layers", ())
    parts = {"input_layernorm", "post_attention_layernorm", *(f"self_attn.{name}_proj" for name in "qkvo")}
    parts.update(f"mlp.{name}_proj" for name in ("gate", "up", "down"))
    names = {name for name, _ in layers[0].named_modules()} if layers else set()
    return names.issuperset(parts)


def _ranges(model: Any, tokenizer: Any, texts: Sequence[str]) -> dict[nn.Module, Tensor]:
    """The largest absolute value of each input channel of each linear map, over all tokens of `texts`."""
    ranges: dict[nn.Module, Tensor] = {}

    def look(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        largest = inputs[0].abs().flatten(0, -2).amax(0).float()
        ranges[module] = torch.maximum(ranges[module], largest) if module in ranges else largest

    hooks = [module.register_forward_pre_hook(look) for module in model.modules() if isinstance(module, nn.Linear)]
    for text in texts:
        _logits(model, tokenizer, text)
    for hook in hooks:
        hook.remove()
    return ranges


def _logits(model: Any, tokenizer: Any, text: str) -> Tensor:
    with torch.no_grad():
        tokens = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
        logits: Tensor = model(tokens).logits.float()
        return logits


def _smooth(
    source: nn.Module, maps: Sequence[nn.Linear], ranges: dict[nn.Module, Tensor], alpha: float, heads: int = 0
) -> None:
    """Move the ranges of what `source` feeds to `maps`. With `heads`, a key-value head of `source` feeds several."""
    activations = ranges[maps[0]]
    weights = torch.stack([linear.weight.data.float().abs().amax(0) for linear in maps]).amax(0)
    groups = activations.numel() // source.weight.shape[0]
    if groups > 1:  # attention heads that share a value head
        activations, weights = (_shared(t, heads, groups) for t in (activations, weights))
    factors = factors_of(activations, weights, alpha)
    _divide(source, factors)
    if groups > 1:
        factors = factors.view(heads, 1, -1).expand(-1, groups, -1).flatten()
    for linear in maps:
        linear.weight.data = (linear.weight.data.float() * factors).to(linear.weight.dtype)


def factors_of(activations: Tensor, weights: Tensor, alpha: float) -> Tensor:
    """What each channel's activations are divided by, from the largest values of both; 1 in the middle of them."""
    factors = activations.clamp(min=_SMALLEST) ** alpha / weights.clamp(min=_SMALLEST) ** (1 - alpha)
    return factors / factors.median()


def _shared(channels: Tensor, heads: int, groups: int) -> Tensor:
    return channels.view(heads, groups, -1).amax(1).flatten()


def _divide(source: nn.Module, factors: Tensor) -> None:
    """Make each of the channels that a norm or a linear map gives out so much smaller."""
    weight = source.weight.data.float()
    if isinstance(source, nn.Linear):
        weight = weight / factors[:, None]
    elif type(source).__name__.startswith("Gemma"):  # its gain is 1 + weight
        weight = (1 + weight) / factors - 1
    else:
        weight = weight / factors
    source.weight.data = weight.to(source.weight.dtype)
    if getattr(source, "bias", None) is not None:
        source.bias.data = (source.bias.data.float() / factors).to(source.bias.dtype)
