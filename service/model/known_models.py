"""Sizes of well-known models, from their public `config.json`."""

from collections.abc import Mapping

from service.model.sizes import BFLOAT16, FP8, GIB, GPU_GIB, INT4, ModelSize, Precision, size_of

_LLAMA = {"model_type": "llama", "head_dim": 128}
_QWEN2 = {"model_type": "qwen2"}
_QWEN3 = {"model_type": "qwen3", "head_dim": 128}
_FIELDS = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "vocab_size",
    "max_position_embeddings",
)


def _config(family: Mapping[str, object], *values: int, **others: object) -> dict[str, object]:
    return {**family, **dict(zip(_FIELDS, values, strict=True)), **others}


CONFIGS: dict[str, dict[str, object]] = {
    "Qwen/Qwen2.5-0.5B-Instruct": _config(_QWEN2, 896, 4864, 24, 14, 2, 151936, 32768, tie_word_embeddings=True),
    "google/gemma-3-1b-it": _config(
        {"model_type": "gemma3_text", "head_dim": 256}, 1152, 6912, 26, 4, 1, 262144, 32768, sliding_window=512
    ),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": _config(_QWEN2, 1536, 8960, 28, 12, 2, 151936, 131072),
    "meta-llama/Llama-3.2-3B-Instruct": _config(
        _LLAMA, 3072, 8192, 28, 24, 8, 128256, 131072, tie_word_embeddings=True
    ),
    "Qwen/Qwen3-4B": _config(_QWEN3, 2560, 9728, 36, 32, 8, 151936, 40960, tie_word_embeddings=True),
    "meta-llama/Llama-2-7b-hf": _config(_LLAMA, 4096, 11008, 32, 32, 32, 32000, 4096),
    "mistralai/Mistral-7B-Instruct-v0.3": _config({"model_type": "mistral"}, 4096, 14336, 32, 32, 8, 32768, 32768),
    "Qwen/Qwen2.5-Math-7B-Instruct": _config(_QWEN2, 3584, 18944, 28, 28, 4, 152064, 4096),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B": _config(_QWEN2, 3584, 18944, 28, 28, 4, 152064, 131072),
    "meta-llama/Llama-3.1-8B-Instruct": _config(_LLAMA, 4096, 14336, 32, 32, 8, 128256, 131072),
    "Qwen/Qwen3-8B": _config(_QWEN3, 4096, 12288, 36, 32, 8, 151936, 40960),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B": _config(_QWEN2, 5120, 13824, 48, 40, 8, 152064, 131072),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B": _config(_QWEN2, 5120, 27648, 64, 40, 8, 152064, 131072),
    "meta-llama/Llama-3.3-70B-Instruct": _config(_LLAMA, 8192, 28672, 80, 64, 8, 128256, 131072),
}
"""The fields that decide the size, by Hugging Face name."""
SIZES: dict[str, ModelSize] = {name: size_of(config) for name, config in CONFIGS.items()}
"""Sizes in the order of their parameters."""
THINKING = ("deepseek-ai/DeepSeek-R1-Distill-", "Qwen/Qwen3-")
"""Beginnings of the names of those that think."""

_UNITS = (("GiB", GIB), ("MiB", 2**20), ("KiB", 2**10), ("bytes", 1))
_OF_PATHS = (BFLOAT16, FP8, INT4)


def memory_table() -> str:
    """Markdown: parameters, memory of the weights, and KV cache of one token of each model."""
    lines = [
        "| model | parameters | bfloat16 | fp8, int8 | int4 | KV cache per token |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, size in SIZES.items():
        weights = " | ".join(memory(size.weight_bytes(precision)) for precision in _OF_PATHS)
        lines.append(f"| {name} | {billions(size.parameters)} | {weights} | {memory(size.kv_bytes(1))} |")
    return "\n".join(lines)


def paths_table(tokens: int, names: tuple[str, ...] = ("",)) -> str:
    """Markdown: number of paths with this number of tokens, at the same time, on GPUs of each size.

    Args:
        tokens: tokens of each path, with its prompt.
        names: beginnings of the names of the models.
    """
    heads = " | ".join(f"{gpu} GB" for gpu in GPU_GIB)
    lines = [f"| model | weights | {heads} |", "|---|---|" + "---:|" * len(GPU_GIB)]
    for name, size in ((name, size) for name, size in SIZES.items() if name.startswith(names)):
        for precision in (BFLOAT16, INT4):
            cells = " | ".join(paths_text(size, gpu, tokens, precision) for gpu in GPU_GIB)
            lines.append(f"| {name} | {precision.name} | {cells} |")
    return "\n".join(lines)


def billions(count: int | None) -> str:
    """Number of parameters, such as 7.6B or 494M."""
    if count is None:
        return "?"
    if count < 0.95e9:
        return f"{count / 1e6:.0f}M" if count >= 10**6 else f"{count:,}"
    return f"{count / 1e9:.1f}B"


def memory(count: int | None) -> str:
    """Memory in the unit that fits, such as 14.2 GiB or 56 KiB."""
    if count is None:
        return "?"
    unit, size = next((unit, size) for unit, size in _UNITS if count > size / 2 or size == 1)
    return f"{count / size:.1f}".removesuffix(".0") + f" {unit}"


def paths_text(size: ModelSize, gpu_gib: int, tokens: int, precision: Precision, utilization: float = 0.9) -> str:
    """Number of paths at a time on a GPU, or a dash if the weights, one path or its tokens do not fit."""
    paths = size.paths(gpu_gib * GIB, tokens, precision, utilization)
    return "?" if paths is None else f"{paths:,}" if paths else "–"
