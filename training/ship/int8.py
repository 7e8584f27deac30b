"""Int8 variant of a model in vLLM's compressed-tensors format (W8A8).

Weights of the layers' linear maps have one scale per output row, activations one per token at run time. SmoothQuant
(arXiv 2211.10438) first moves outliers of activations into the weights, by one factor per channel. Embedding and head
stay in bf16.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from service.errors import CheckpointError
from service.files import read_text
from service.model.bundled import HASHES_FILE
from service.model.checkpoint import read_checkpoint
from service.model.prompt_format import prompt_format
from service.model.tokenizer_files import load_tokenizer
from service.paths.fewshot import worked_examples
from training.learn.student import load_as_saved

LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

SCHEME = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "quantization_status": "compressed",
    "ignore": ["lm_head"],
    "kv_cache_scheme": None,
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel", "dynamic": False},
            "input_activations": {
                "num_bits": 8,
                "type": "int",
                "symmetric": True,
                "strategy": "token",
                "dynamic": True,
            },
            "output_activations": None,
        }
    },
}

ALPHA = 0.65
"""Share of a channel's range that moves from the activations to the weights, in [0, 1]."""

_SMALLEST = 1e-5
_ROUNDING = 0.1
"""Maximum relative change of the logits by smoothing. The bundled student's change is 0.02."""


def write_int8(model: Path, out: Path) -> None:
    """Write the int8 variant of a model directory.

    Args:
        model: model directory in bf16.
        out: directory to write.

    Raises:
        CheckpointError: `model` has no weights, quantized ones, or an unknown layout. Nothing is written.
    """
    config = _config_of(model)
    tensors = _smoothed(model)
    out.mkdir(parents=True, exist_ok=True)
    for file in model.iterdir():
        if file.suffix != ".safetensors" and not file.name.endswith(".index.json") and file.name != HASHES_FILE:
            shutil.copy(file, out / file.name)
    for name in [name for name in tensors if name.endswith(".weight") and name.split(".")[-2] in LINEAR]:
        weight, scale = rows_to_int8(tensors[name])
        tensors[name] = weight
        tensors[f"{name}_scale"] = scale.to(torch.bfloat16)
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(config | {"quantization_config": SCHEME}, indent=2) + "\n")


def _config_of(model: Path) -> dict[str, Any]:
    if not (model / "config.json").is_file() or not any(model.glob("*.safetensors")):
        raise CheckpointError(f"{model} is not a model directory: it needs config.json and .safetensors files.")
    read_checkpoint(model, model.name)  # refuses damaged files
    config: dict[str, Any] = json.loads(read_text(model / "config.json", "config.json"))
    if "quantization_config" in config:
        raise CheckpointError(f"{model} is already quantized. Give the model that it was made from.")
    return config


def _smoothed(path: Path) -> dict[str, torch.Tensor]:
    """Smoothed tensors of a model directory, by name."""
    model = load_as_saved(path)
    form = prompt_format(read_checkpoint(path, path.name))
    solved = [form.prompt(kind, question) + text for kind, question, text in worked_examples()]
    smooth(model, load_tokenizer(path), solved)
    return {name: parameter.data for name, parameter in model.named_parameters()}  # without a tied head


def rows_to_int8(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Round a matrix (rows, columns) to int8, with a scale (rows, 1) in bf16 so that weight ≈ int8 · scale."""
    exact = weight.float()
    scale = (exact.abs().amax(1, keepdim=True) / 127).clamp(min=1e-8).to(torch.bfloat16).float()
    return (exact / scale).round().clamp(-127, 127).to(torch.int8), scale


def smooth(model: Any, tokenizer: Any, texts: Sequence[str], alpha: float = ALPHA) -> None:
    """Smooth a causal language model of Llama's layout (Mistral, Qwen2, Gemma 3) in place.

    The model computes the same as before, up to rounding.

    Args:
        model: model with `model.model.layers`, each with `self_attn`, `mlp` and a norm before both.
        tokenizer: its tokenizer.
        texts: a few prompts with completions.
        alpha: see `ALPHA`.

    Raises:
        CheckpointError: the model has another layout, or its logits change.
    """
    unknown = f"int8 supports models of Llama's layout; {type(model).__name__} has another."
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
    """Maximum absolute value of each input channel of each linear map, over all tokens of `texts`."""
    ranges: dict[nn.Module, Tensor] = {}

    def record(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        largest = inputs[0].abs().flatten(0, -2).amax(0).float()
        ranges[module] = torch.maximum(ranges[module], largest) if module in ranges else largest

    hooks = [module.register_forward_pre_hook(record) for module in model.modules() if isinstance(module, nn.Linear)]
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
    """Move the ranges of the activations between `source` and `maps`.

    Args:
        source: norm or linear map whose output feeds `maps`.
        maps: linear maps.
        ranges: maximum absolute value of each map's input channels.
        alpha: see `ALPHA`.
        heads: number of key-value heads of `source`, each of which feeds several attention heads. 0 if none does.
    """
    activations = ranges[maps[0]]
    weights = torch.stack([linear.weight.data.float().abs().amax(0) for linear in maps]).amax(0)
    groups = activations.numel() // source.weight.shape[0]
    if groups > 1:  # several attention heads share a value head
        activations, weights = (_shared(t, heads, groups) for t in (activations, weights))
    factors = factors_of(activations, weights, alpha)
    _divide(source, factors)
    if groups > 1:
        factors = factors.view(heads, 1, -1).expand(-1, groups, -1).flatten()
    for linear in maps:
        linear.weight.data = (linear.weight.data.float() * factors).to(linear.weight.dtype)


def factors_of(activations: Tensor, weights: Tensor, alpha: float) -> Tensor:
    """Divisor of each channel's activations, from the maximum values of both. The median is 1."""
    factors = activations.clamp(min=_SMALLEST) ** alpha / weights.clamp(min=_SMALLEST) ** (1 - alpha)
    return factors / factors.median()


def _shared(channels: Tensor, heads: int, groups: int) -> Tensor:
    return channels.view(heads, groups, -1).amax(1).flatten()


def _divide(source: nn.Module, factors: Tensor) -> None:
    """Divide each output channel of a norm or a linear map by its factor."""
    weight = source.weight.data.float()
    if isinstance(source, nn.Linear):
        weight = weight / factors[:, None]
    elif type(source).__name__.startswith("Gemma"):  # the gain is 1 + weight
        weight = (1 + weight) / factors - 1
    else:
        weight = weight / factors
    source.weight.data = weight.to(source.weight.dtype)
    if getattr(source, "bias", None) is not None:
        source.bias.data = (source.bias.data.float() / factors).to(source.bias.dtype)
