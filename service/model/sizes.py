"""Memory of a model: weights, KV cache, and paths at a time.

The figures come from `config.json` and the headers of the weights. They are computed, not measured.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from service.model.json_file import read_json_file
from service.model.safetensors_file import Tensor, missing_weights, read_tensors

GIB = 1024**3
GPU_GIB = (8, 16, 24, 48, 80, 141)
"""Memory of common GPUs, in GiB."""
RESERVED_BYTES = 3 * GIB // 2
"""Memory of a GPU for activations, CUDA graphs and buffers. An assumption, not measured."""
_MAX_COUNT = 10**9
_MAX_NAME_CHARS = 40


@dataclass(frozen=True, slots=True)
class Precision:
    """Data type of the weights.

    Args:
        name: its name.
        bits: bits per value of a linear layer, with the scales.
        other_bits: bits per value of the other weights and of the KV cache.
    """

    name: str
    bits: float
    other_bits: int


FLOAT32 = Precision("float32", 32, 32)
BFLOAT16 = Precision("bfloat16", 16, 16)
FP8 = Precision("fp8", 8, 16)
INT4 = Precision("int4", 4 + 20 / 128, 16)  # AWQ and GPTQ: a scale of 16 bits and a zero of 4 for 128 values
PRECISIONS = (FLOAT32, BFLOAT16, FP8, INT4)
"""Data types of the tables. float16 is as large as bfloat16, and int8 as fp8."""


@dataclass(frozen=True, slots=True)
class KvCache:
    """Layers of the KV cache.

    Args:
        full_layers: number of layers that keep every token.
        sliding_layers: number of layers that keep the last `window` tokens.
        window: length of the sliding window, in tokens.
        values: values per token and layer.
    """

    full_layers: int
    sliding_layers: int
    window: int
    values: int

    def values_of(self, tokens: int) -> int:
        """Number of values of a path with this number of tokens."""
        return self.values * (self.full_layers * tokens + self.sliding_layers * min(tokens, self.window))


@dataclass(frozen=True, slots=True)
class ModelSize:
    """Size of a model. None stands for an unknown figure.

    Args:
        parameters: number of parameters.
        linear_parameters: number of those in linear layers, which quantization shortens.
        kv_cache: layers of the KV cache.
        context: maximum number of tokens that the model was made for.
        stored_bytes: size of the weights in the files.
        quantization: quantization of the files.
    """

    parameters: int | None
    linear_parameters: int | None
    kv_cache: KvCache | None
    context: int | None
    stored_bytes: int | None = None
    quantization: str | None = None

    def weight_bytes(self, precision: Precision) -> int | None:
        """Memory of the weights. Quantized files keep their size."""
        if self.quantization and self.stored_bytes:
            return self.stored_bytes
        if self.parameters is None or self.linear_parameters is None:
            return None
        other = self.parameters - self.linear_parameters
        return int(self.linear_parameters * precision.bits / 8 + other * precision.other_bits / 8)

    def kv_bytes(self, tokens: int, precision: Precision = BFLOAT16) -> int | None:
        """Memory of the KV cache of one path.

        Args:
            tokens: tokens of the path, with its prompt.
            precision: data type of the weights.
        """
        return None if self.kv_cache is None else self.kv_cache.values_of(tokens) * precision.other_bits // 8

    def paths(self, memory_bytes: int, tokens: int, precision: Precision, utilization: float = 0.9) -> int | None:
        """Number of paths whose KV cache fits beside the weights, at the same time. 0 for paths above the context.

        Args:
            memory_bytes: memory of the GPU.
            tokens: tokens of each path, with its prompt. That the paths of a problem share the prompt is left out.
            precision: data type of the weights.
            utilization: fraction of the memory that the engine may use.
        """
        weights, path = self.weight_bytes(precision), self.kv_bytes(tokens, precision)
        if weights is None or not path:
            return None
        if self.context is not None and tokens > self.context:
            return 0
        return max(0, int(memory_bytes * utilization) - weights - RESERVED_BYTES) // path


@dataclass(frozen=True, slots=True)
class _Family:
    """Architecture of a decoder with gated MLPs.

    Args:
        qkv_bias: whether queries, keys and values have a bias.
        qk_norm: whether queries and keys have a norm.
        norms: number of norms over the hidden size per layer.
        tied: default of `tie_word_embeddings`.
        pattern: default period of the layers with full attention. 0 for none.
    """

    qkv_bias: bool = False
    qk_norm: bool = False
    norms: int = 2
    tied: bool = False
    pattern: int = 0


_FAMILIES = {
    "gemma": _Family(tied=True),
    "gemma2": _Family(norms=4, tied=True, pattern=2),
    "gemma3_text": _Family(qk_norm=True, norms=4, tied=True, pattern=6),
    "llama": _Family(),
    "mistral": _Family(),
    "phi3": _Family(),
    "qwen2": _Family(qkv_bias=True),
    "qwen3": _Family(qk_norm=True),
    "smollm3": _Family(tied=True),
}
"""Families whose parameters are counted without their files, by `model_type`."""


class _ModelConfig(BaseModel):
    """Content of `config.json`. A field of another type than usual counts as unknown."""

    model_config = ConfigDict(extra="allow")


def read_size(directory: Path) -> ModelSize:
    """Size of the model in a directory. Without all of the weights, it follows from `config.json`.

    Raises:
        CheckpointError: `config.json`, the index or a header of the weights is damaged.
    """
    config = read_json_file(directory / "config.json", _ModelConfig)
    tensors = None if missing_weights(directory) else read_tensors(directory)
    return size_of((config and config.model_extra) or {}, tensors)


def size_of(config: Mapping[str, object], tensors: Mapping[str, Tensor] | None = None) -> ModelSize:
    """Size of a model.

    Args:
        config: content of `config.json`.
        tensors: tensors of its weights, by name. None or empty without the files.
    """
    text = config.get("text_config")
    merged = {**config, **text} if isinstance(text, dict) else config
    method = merged.get("quantization_config")
    quantization = str(method.get("quant_method", "unknown"))[:_MAX_NAME_CHARS] if isinstance(method, dict) else None
    stored = sum(tensor.stored_bytes for tensor in tensors.values()) if tensors else None
    parameters, linear = _counted(merged) if quantization or not tensors else _in_files(tensors)
    return ModelSize(
        parameters, linear, _kv_cache(merged), _count(merged, "max_position_embeddings"), stored, quantization
    )


def _in_files(tensors: Mapping[str, Tensor]) -> tuple[int, int]:
    """Number of parameters, and of those in linear layers."""
    linear = (tensor for name, tensor in tensors.items() if len(tensor.shape) > 1 and not _is_vocabulary(name))
    return _values(tensors.values()), _values(linear)


def _values(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.values for tensor in tensors)


def _is_vocabulary(name: str) -> bool:
    return any(part in name for part in ("embed", "lm_head", "wte"))


def _counted(config: Mapping[str, object]) -> tuple[int | None, int | None]:
    """Number of parameters of a known family, and of those in linear layers."""
    family = _FAMILIES.get(str(config.get("model_type")))
    vocabulary, hidden, inner = (_count(config, f"{name}_size") for name in ("vocab", "hidden", "intermediate"))
    layers, heads, kv_heads, head_dim = _attention(config)
    if not (family and vocabulary and hidden and inner and layers and heads and kv_heads and head_dim):
        return None, None
    if config.get("attention_bias") or config.get("mlp_bias"):
        return None, None
    linear = layers * hidden * (2 * head_dim * (heads + kv_heads) + 3 * inner)
    biases = family.qkv_bias * head_dim * (heads + 2 * kv_heads)
    norms = family.norms * hidden + family.qk_norm * 2 * head_dim
    tied = config.get("tie_word_embeddings", family.tied)
    return linear + layers * (biases + norms) + hidden + vocabulary * hidden * (1 if tied else 2), linear


def _attention(config: Mapping[str, object]) -> tuple[int | None, int | None, int | None, int | None]:
    """Numbers of layers, heads, and heads of keys and values, and the size of a head."""
    heads, hidden = _count(config, "num_attention_heads"), _count(config, "hidden_size")
    head_dim = _count(config, "head_dim") or (hidden // heads if hidden and heads else None)
    return _count(config, "num_hidden_layers"), heads, _count(config, "num_key_value_heads") or heads, head_dim


def _kv_cache(config: Mapping[str, object]) -> KvCache | None:
    layers, _, kv_heads, head_dim = _attention(config)
    latent = _count(config, "kv_lora_rank")  # multi-head latent attention: one latent vector, and the rotary key
    values = latent + (_count(config, "qk_rope_head_dim") or 0) if latent else 2 * (kv_heads or 0) * (head_dim or 0)
    if not (layers and values):
        return None
    window = _count(config, "sliding_window", "attention_chunk_size")
    full, sliding = _kinds_of_layers(config, layers)
    return KvCache(full, sliding, window, values) if window and sliding else KvCache(full + sliding, 0, 0, values)


def _kinds_of_layers(config: Mapping[str, object], layers: int) -> tuple[int, int]:
    """Numbers of layers with full attention and with a window. Layers with linear attention are neither."""
    listed = config.get("layer_types")
    if isinstance(listed, list):
        sliding = sum(kind in ("sliding_attention", "chunked_attention") for kind in listed)
        return len(listed) - sliding - listed.count("linear_attention"), sliding
    if config.get("use_sliding_window") is False:
        return layers, 0
    family = _FAMILIES.get(str(config.get("model_type")), _Family())
    if pattern := _count(config, "sliding_window_pattern", "_sliding_window_pattern") or family.pattern:
        return layers // pattern, layers - layers // pattern
    full = min(layers, _count(config, "max_window_layers") or 0) if config.get("use_sliding_window") else 0
    return full, layers - full


def _count(config: Mapping[str, object], *names: str) -> int | None:
    """First positive whole number among these fields."""
    values = (config.get(name) for name in names)
    return next((value for value in values if type(value) is int and 0 < value <= _MAX_COUNT), None)
