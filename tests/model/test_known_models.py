"""Sizes of well-known models, and their tables."""

import pytest

from service.model.known_models import SIZES, THINKING, billions, memory, memory_table, paths_table, paths_text
from service.model.sizes import BFLOAT16, INT4
from tests.support.markdown import rows


def test_the_parameters_are_those_of_the_models() -> None:
    parameters = {name.partition("/")[2]: size.parameters for name, size in SIZES.items()}
    assert parameters == {
        "Qwen2.5-0.5B-Instruct": 494_032_768,
        "gemma-3-1b-it": 999_885_952,
        "DeepSeek-R1-Distill-Qwen-1.5B": 1_777_088_000,
        "Llama-3.2-3B-Instruct": 3_212_749_824,
        "Qwen3-4B": 4_022_468_096,
        "Llama-2-7b-hf": 6_738_415_616,
        "Mistral-7B-Instruct-v0.3": 7_248_023_552,
        "Qwen2.5-Math-7B-Instruct": 7_615_616_512,
        "DeepSeek-R1-Distill-Qwen-7B": 7_615_616_512,
        "Llama-3.1-8B-Instruct": 8_030_261_248,
        "Qwen3-8B": 8_190_735_360,
        "DeepSeek-R1-Distill-Qwen-14B": 14_770_033_664,
        "DeepSeek-R1-Distill-Qwen-32B": 32_763_876_352,
        "Llama-3.3-70B-Instruct": 70_553_706_496,
    }
    assert list(parameters.values()) == sorted(parameters.values())  # type: ignore[type-var]


def test_the_tables_have_a_row_for_each_model() -> None:
    weights = {row["model"]: row for row in rows(memory_table())}
    assert list(weights) == list(SIZES)
    assert weights["meta-llama/Llama-2-7b-hf"] == {
        "model": "meta-llama/Llama-2-7b-hf", "parameters": "6.7B", "bfloat16": "12.6 GiB", "fp8, int8": "6.5 GiB",
        "int4": "3.6 GiB", "KV cache per token": "512 KiB",
    }  # fmt: skip
    paths = rows(paths_table(2048))
    assert paths[10] == {
        "model": "meta-llama/Llama-2-7b-hf", "weights": "bfloat16", "8 GB": "–", "16 GB": "–", "24 GB": "7",
        "48 GB": "29", "80 GB": "57", "141 GB": "112",
    }  # fmt: skip
    assert [row["weights"] for row in paths] == len(SIZES) * ["bfloat16", "int4"]
    assert rows(paths_table(4096))[10]["80 GB"] == "28"
    assert rows(paths_table(4097))[10]["80 GB"] == "–"  # the context of this model is 4,096


def test_the_table_of_long_paths_has_models_that_think() -> None:
    names = list(dict.fromkeys(row["model"] for row in rows(paths_table(8192, THINKING))))
    assert names == [
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
        "Qwen/Qwen3-4B",
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
        "Qwen/Qwen3-8B",
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B",
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B",
    ]
    assert all((SIZES[name].context or 0) >= 8192 for name in names)


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "?"), (0, "0"), (999, "999"), (10**6, "1M"), (494_032_768, "494M"), (999_885_952, "1.0B"), (7 * 10**10, "70.0B")],
)  # fmt: skip
def test_parameters_in_words(count: int | None, text: str) -> None:
    assert billions(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "?"), (0, "0 bytes"), (100, "100 bytes"), (512, "512 bytes"), (513, "0.5 KiB"), (57_344, "56 KiB"), (10**8, "95.4 MiB"),
     (2**29, "512 MiB"), (2**29 + 1, "0.5 GiB"), (15 * 2**30, "15 GiB")],
)  # fmt: skip
def test_memory_in_words(count: int | None, text: str) -> None:
    assert memory(count) == text


def test_paths_in_words() -> None:
    llama = SIZES["meta-llama/Llama-2-7b-hf"]
    assert [paths_text(llama, gpu, 64, BFLOAT16) for gpu in (8, 80)] == ["–", "1,854"]
    assert paths_text(llama, 8, 2048, INT4) == "2"
