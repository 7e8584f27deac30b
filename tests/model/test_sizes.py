"""Memory arithmetic: parameters, weights, KV cache and paths of well-known models, and sizes of wild files."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.safetensors_file import Tensor
from service.model.sizes import (
    BFLOAT16,
    FLOAT32,
    FP8,
    GIB,
    INT4,
    RESERVED_BYTES,
    KvCache,
    ModelSize,
    size_of,
)
from tests.support.model_configs import (
    DEEPSEEK_V3,
    GEMMA_3_1B,
    GEMMA_3_270M,
    LLAMA_2_7B,
    LLAMA_3_8B,
    MISTRAL_7B,
    MISTRAL_7B_V3,
    QWEN3_4B,
    QWEN25_7B,
)


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (LLAMA_2_7B, 6_738_415_616),
        (LLAMA_3_8B, 8_030_261_248),
        (QWEN25_7B, 7_615_616_512),
        (QWEN3_4B, 4_022_468_096),
        (GEMMA_3_270M, 268_098_176),
        (GEMMA_3_1B, 999_885_952),
        (MISTRAL_7B, 7_241_732_096),
        (MISTRAL_7B_V3, 7_248_023_552),
    ],
)
def test_parameters_are_counted_without_the_files(config: dict[str, object], parameters: int) -> None:
    size = size_of(config)
    assert (size.parameters, size.weight_bytes(BFLOAT16), size.weight_bytes(FLOAT32)) == (
        parameters,
        2 * parameters,
        4 * parameters,
    )
    assert (size.stored_bytes, size.quantization) == (None, None)


def test_quantization_shortens_the_linear_layers() -> None:
    llama, qwen = size_of(LLAMA_2_7B), size_of(QWEN25_7B)
    assert (llama.linear_parameters, qwen.linear_parameters) == (6_476_005_376, 6_525_288_448)
    assert (llama.weight_bytes(FP8), llama.weight_bytes(INT4)) == (7_000_825_856, 3_889_307_648)
    assert qwen.weight_bytes(INT4) == 5_570_747_392  # about the 5.57 GB of its AWQ release


@pytest.mark.parametrize(
    ("config", "of_one", "of_8192"),
    [
        (LLAMA_2_7B, 524_288, 8192 * 524_288),
        (LLAMA_3_8B, 131_072, GIB),
        (QWEN25_7B, 57_344, 8192 * 57_344),
        (QWEN3_4B, 147_456, 8192 * 147_456),
        (GEMMA_3_270M, 18_432, 3 * 1024 * 8192 + 15 * 1024 * 512),
        (GEMMA_3_1B, 26_624, 4 * 1024 * 8192 + 22 * 1024 * 512),
        (MISTRAL_7B, 131_072, GIB // 2),
        (MISTRAL_7B_V3, 131_072, GIB),
        (DEEPSEEK_V3, 70_272, 8192 * 70_272),
    ],
)
def test_the_kv_cache_of_a_path(config: dict[str, object], of_one: int, of_8192: int) -> None:
    size = size_of(config)
    assert (size.kv_bytes(1), size.kv_bytes(8192)) == (of_one, of_8192)
    assert size.kv_bytes(1, FLOAT32) == 2 * of_one


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, KvCache(0, 4, 512, 256)),
        ({"use_sliding_window": False}, KvCache(4, 0, 0, 256)),
        ({"use_sliding_window": True, "max_window_layers": 3}, KvCache(3, 1, 512, 256)),
        ({"sliding_window_pattern": 2}, KvCache(2, 2, 512, 256)),
        ({"model_type": "gemma2"}, KvCache(2, 2, 512, 256)),
        ({"model_type": "gemma3_text"}, KvCache(0, 4, 512, 256)),
        ({"layer_types": ["full_attention", "linear_attention", "sliding_attention", "odd"]}, KvCache(2, 1, 512, 256)),
        ({"sliding_window": None, "layer_types": ["full_attention", *3 * ["linear_attention"]]}, KvCache(1, 0, 0, 256)),
        ({"sliding_window": None, "attention_chunk_size": 64, "layer_types": [*3 * ["chunked_attention"], "full_attention"]},
         KvCache(1, 3, 64, 256)),
        ({"num_key_value_heads": None}, KvCache(0, 4, 512, 512)),
        ({"head_dim": None, "hidden_size": 512}, KvCache(0, 4, 512, 512)),
        ({"num_hidden_layers": None}, None),
        ({"num_hidden_layers": "4"}, None),
        ({"text_config": {"sliding_window": 128}}, KvCache(0, 4, 128, 256)),
    ],
)  # fmt: skip
def test_layers_with_a_window(changes: dict[str, Any], expected: KvCache | None) -> None:
    config = {
        "sliding_window": 512, "num_hidden_layers": 4, "num_attention_heads": 2, "num_key_value_heads": 1,
        "head_dim": 128,
    }  # fmt: skip
    assert size_of(config | changes).kv_cache == expected


@pytest.mark.parametrize(
    ("config", "bf16", "int4"),
    [
        (LLAMA_2_7B, [0, 0, 7, 29, 57, 112], [2, 9, 16, 38, 66, 121]),
        (LLAMA_3_8B, [0, 0, 20, 106, 222, 441], [1, 30, 59, 145, 260, 480]),
        (QWEN25_7B, [0, 0, 54, 251, 514, 1016], [4, 70, 136, 333, 597, 1099]),
    ],
)
def test_paths_at_a_time_by_the_memory_of_a_gpu(config: dict[str, object], bf16: list[int], int4: list[int]) -> None:
    size = size_of(config)
    gpus = [GIB * memory for memory in (8, 16, 24, 48, 80, 141)]
    assert [size.paths(gpu, 2048, BFLOAT16) for gpu in gpus] == bf16
    assert [size.paths(gpu, 2048, INT4) for gpu in gpus] == int4


def test_a_path_fits_with_its_last_byte() -> None:
    size = ModelSize(1000, 1000, KvCache(1, 0, 0, 8), None)
    needed = 2000 + RESERVED_BYTES + 3 * size.kv_cache.values_of(10) * 2  # type: ignore[union-attr]
    assert size.paths(needed, 10, BFLOAT16, utilization=1) == 3
    assert size.paths(needed - 1, 10, BFLOAT16, utilization=1) == 2


def test_unknown_figures_stay_unknown() -> None:
    size = size_of({"model_type": "mamba", "max_position_embeddings": -1})
    assert size == ModelSize(None, None, None, None)
    assert (size.weight_bytes(BFLOAT16), size.kv_bytes(1), size.paths(GIB, 1, BFLOAT16)) == (None, None, None)
    assert size_of(LLAMA_3_8B | {"attention_bias": True}).parameters is None
    assert size_of(LLAMA_3_8B | {"vocab_size": True}).parameters is None


TENSORS = {
    "model.embed_tokens.weight": Tensor("BF16", (100, 8), 1600),
    "model.layers.0.mlp.up_proj.weight": Tensor("BF16", (16, 8), 256),
    "model.norm.weight": Tensor("BF16", (8,), 16),
    "lm_head.weight": Tensor("BF16", (100, 8), 1600),
}


def test_files_count_more_than_the_configuration() -> None:
    size = size_of(LLAMA_2_7B, TENSORS)
    assert (size.parameters, size.linear_parameters, size.stored_bytes) == (1736, 128, 3472)
    assert (size.weight_bytes(BFLOAT16), size.weight_bytes(FP8), size.weight_bytes(INT4)) == (3472, 3344, 3282)


def test_quantized_files_keep_their_size() -> None:
    config = QWEN25_7B | {"quantization_config": {"quant_method": "awq", "bits": 4}}
    size = size_of(config, TENSORS)
    assert (size.parameters, size.quantization) == (7_615_616_512, "awq")
    assert size.weight_bytes(BFLOAT16) == size.weight_bytes(INT4) == 3472
    assert size_of({"quantization_config": {"bits": 4}}, TENSORS).quantization == "unknown"


NAMES = st.sampled_from([*LLAMA_2_7B, *QWEN25_7B, *GEMMA_3_270M, *DEEPSEEK_V3, "text_config", "quantization_config"])
WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("sliding_attention"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([LLAMA_3_8B, QWEN25_7B, GEMMA_3_1B, DEEPSEEK_V3]), st.dictionaries(NAMES, WILD, max_size=4))
def test_any_configuration_has_a_size(config: dict[str, object], changes: dict[str, object]) -> None:
    size = size_of(config | changes)
    assert size.parameters is None or size.parameters > 0
    for precision in (BFLOAT16, INT4):
        paths, weights = size.paths(80 * GIB, 2048, precision), size.weight_bytes(precision)
        if paths:
            assert weights is not None
            assert weights + paths * (size.kv_bytes(2048) or 0) <= 72 * GIB
