"""Settings files of the examples: their values, their fit on the GPU that they name, and vLLM's configuration of them."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from service.components import engine_without_model
from service.model.known_models import CONFIGS
from service.model.sizes import BFLOAT16, INT4, RESERVED_BYTES, size_of
from service.model_checks import check_settings
from service.settings import Settings, load_settings
from tests.support.documents import ROOT

FILES = sorted((ROOT / "examples").glob("*.toml"))
LOCAL = [path for path in FILES if 'engine = "remote"' not in path.read_text(encoding="utf-8")]
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm"}
SHAPES: dict[str, dict[str, Any]] = {
    **CONFIGS,
    "Qwen/Qwen2.5-32B-Instruct": CONFIGS["deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"]
    | {"max_position_embeddings": 32768},
    "Qwen/Qwen2.5-7B-Instruct-AWQ": CONFIGS["Qwen/Qwen2.5-Math-7B-Instruct"]
    | {"max_position_embeddings": 32768, "quantization_config": AWQ},
}
"""Fields of the models' public `config.json`. The files name these models, or models of the same shape."""
THOUGHT = ("<think>", "</think>")
_FITS = re.compile(r"# Fits .*?(one|two) GPUs? of (\d+) GB.*?: (\d+) paths of ([\d,]+) tokens at a time[.,]")


def name_of(path: Path) -> str:
    return path.name


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TWINPATH_CACHE_DIR", str(tmp_path))


def named(path: Path) -> tuple[int, int, int, int]:
    """Number of GPUs, memory of each in GB, number of paths and tokens of each, as the comment has them."""
    found = _FITS.match(path.read_text(encoding="utf-8").splitlines()[1])
    assert found
    count, memory, paths, tokens = found.groups()
    return {"one": 1, "two": 2}[count], int(memory), int(paths), int(tokens.replace(",", ""))


def test_there_is_a_file_for_each_case() -> None:
    assert [path.name for path in FILES] == [
        "one_gpu.toml", "quantized.toml", "r1_distillation.toml", "sglang_worker.toml", "two_gpus.toml",
    ]  # fmt: skip
    assert [path.name for path in FILES if path not in LOCAL] == ["sglang_worker.toml"]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_is_read_as_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[0] == f"# twinpath serve --config examples/{path.name}"
    settings = load_settings(path)
    assert {name: getattr(settings, name) for name in tomllib.loads(text)} == tomllib.loads(text)
    if not settings.engine_options:  # vLLM checks them below
        engine_without_model(settings, check_settings(settings))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_limits_fit_each_other(path: Path) -> None:
    settings = load_settings(path)
    gpus, _, paths, tokens = named(path)
    assert (settings.max_num_seqs, settings.tensor_parallel_size) == (paths, gpus)
    assert paths >= settings.cot_paths + settings.pot_paths
    if path in LOCAL:
        assert settings.max_model_len == tokens
    assert settings.max_tokens + 1000 <= tokens <= SHAPES[settings.model or ""]["max_position_embeddings"]
    assert settings.max_tokens - (settings.thinking_tokens or 0) >= 1000
    assert settings.deadline_s >= settings.max_tokens / 40  # tokens/s of a path


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_weights_and_paths_fit_the_gpu(path: Path) -> None:
    settings = load_settings(path)
    gpus, memory_gb, paths, tokens = named(path)
    shape = SHAPES[settings.model or ""]
    size = size_of({name: value for name, value in shape.items() if name != "quantization_config"})
    weights = size.weight_bytes(INT4 if "quantization_config" in shape else BFLOAT16)
    path_bytes = size.kv_bytes(tokens)
    assert weights
    assert path_bytes
    # A GB of 10^9 bytes: the memory of some GPUs is smaller than their name in GiB.
    room = int(gpus * memory_gb * 10**9 * settings.gpu_memory_utilization) - gpus * RESERVED_BYTES - weights
    assert 0.85 * room <= paths * path_bytes <= room


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model directory with a small tokenizer that has the delimiters of thoughts."""
    path = tmp_path_factory.mktemp("tokenizer")
    subprocess.run([sys.executable, "-m", "tests.support.tiny_thinker", path], check=True)
    return path


class _StartedError(Exception):
    """Start of vLLM with these arguments."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments


async def arguments_of(settings: Settings, directory: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Arguments with which the service starts vLLM."""
    from service.engine.build import vllm_engine

    engine, _ = vllm_engine(settings, directory, settings.model or "", thought=THOUGHT)

    def start(arguments: dict[str, Any], _: object) -> None:
        raise _StartedError(arguments)

    monkeypatch.setattr("service.engine.vllm_start.start", start)
    with pytest.raises(_StartedError) as started:
        await engine.start()
    return started.value.arguments


@pytest.mark.engine
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("path", LOCAL, ids=name_of)
async def test_vllm_accepts_the_settings_for_a_model_of_this_shape(
    path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(path)
    check_settings(settings)
    shape = {"architectures": ["Qwen2ForCausalLM"], "dtype": "bfloat16", **SHAPES[settings.model or ""]}
    (tokenizer / "config.json").write_text(json.dumps(shape))
    arguments = await arguments_of(settings, tokenizer, monkeypatch)
    from vllm.engine.arg_utils import AsyncEngineArgs

    config = AsyncEngineArgs(**arguments).create_engine_config()
    assert config.model_config.max_model_len == settings.max_model_len
    assert config.model_config.quantization == ("awq" if "quantization_config" in shape else None)
    assert config.scheduler_config.max_num_seqs == settings.max_num_seqs
    assert config.parallel_config.tensor_parallel_size == settings.tensor_parallel_size
    assert config.reasoning_config.reasoning_end_str == "</think>"
    for name, value in settings.engine_options.items():
        assert arguments[name] == value
    assert config.scheduler_config.max_num_batched_tokens >= settings.max_model_len


@pytest.mark.engine
def test_vllm_refuses_a_number_of_gpus_that_does_not_divide_the_heads(tokenizer: Path) -> None:
    from vllm.engine.arg_utils import AsyncEngineArgs

    shape = {"architectures": ["Qwen2ForCausalLM"], **SHAPES["Qwen/Qwen2.5-Math-7B-Instruct"]}
    (tokenizer / "config.json").write_text(json.dumps(shape))
    with pytest.raises(ValueError, match=r"attention heads \(28\) must be divisible by tensor parallel size \(8\)"):
        AsyncEngineArgs(model=str(tokenizer), tensor_parallel_size=8).create_engine_config()
