"""Settings of the model, the engine and its workers."""

import os
from pathlib import Path
from typing import Annotated, ClassVar

import platformdirs
from pydantic import Field

from service.setting_groups.values import Choice, OptionTable, SettingsGroup, Texts
from service.types import WorkerApi

_NO_HOME = Path(os.devnull)  # no directory can be made below a file


class EngineKind(Choice):
    """Engine that samples the paths."""

    VLLM = "vllm"
    REMOTE = "remote"
    FAKE = "fake"


class Dtype(Choice):
    """Data type of the model's weights and activations, by vLLM's names."""

    AUTO = "auto"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    FLOAT32 = "float32"


class ModelSettings(SettingsGroup):
    """Model and its context length."""

    title: ClassVar[str] = "Model"

    model: Annotated[
        str | None, Field(description="Model directory or Hugging Face name. Default: the bundled model.")
    ] = None
    adapters: Annotated[
        Texts,
        Field(
            description="LoRA adapters on the model, each as NAME=DIR, or DIR with its own name. Repeat the flag, or "
            "separate them by commas. A request chooses one by `model`; without it the model itself answers."
        ),
    ] = []  # noqa: RUF012 - Pydantic copies it
    revision: Annotated[
        str | None,
        Field(
            min_length=1,
            description="Branch, tag or commit of a Hugging Face model. Default: its main branch.",
        ),
    ] = None
    calibration: Annotated[
        Path | None,
        Field(
            description="Directory that `twinpath calibrate` wrote for this model, prompt and decoding. Default: the "
            "calibration of the checkpoint, if it has one."
        ),
    ] = None
    prompt: Annotated[
        str | None,
        Field(
            min_length=1,
            description="Prompt of an instruct model: a name such as qwen, or a TOML file. `twinpath model info` shows "
            "it. Default: the prompt of the model's family.",
        ),
    ] = None
    cache_dir: Annotated[
        Path, Field(description="Directory for built models and logs. Default: the user's cache directory.")
    ] = Field(default_factory=lambda: default_cache_dir())
    dtype: Annotated[
        Dtype,
        Field(
            description="Data type of the vllm engine. `auto` takes the model's own type, and float32 on a CPU without "
            "bfloat16 instructions, where float32 is faster but takes twice the memory."
        ),
    ] = Dtype.AUTO
    quantization: Annotated[
        str | None,
        Field(
            min_length=1,
            description="Quantization of the vllm engine, by vLLM's names, such as fp8. Default: that of the model's "
            "files, if any.",
        ),
    ] = None
    max_model_len: Annotated[
        int,
        Field(ge=64, description="Context length of the vllm engine: maximum prompt and completion tokens per path."),
    ] = 2048


class EngineSettings(SettingsGroup):
    """Engine and its capacity."""

    title: ClassVar[str] = "Engine"

    engine: Annotated[
        EngineKind,
        Field(description="Engine: vLLM in this process, remote workers, or the demo with scripted answers."),
    ] = EngineKind.VLLM
    max_num_seqs: Annotated[
        int, Field(ge=1, le=4096, description="Maximum number of paths that are decoded at the same time.")
    ] = 64
    max_eager_paths: Annotated[
        int | None,
        Field(
            ge=0,
            le=4096,
            description="Start up to this many paths per problem ahead of need while the engine is idle. "
            "Default: 8 on a CPU, all on a GPU.",
        ),
    ] = None
    compile_on_cpu: Annotated[
        bool,
        Field(
            description="Compile the model for this CPU: faster decoding, one more minute at the first start. "
            "Needs a C++ compiler. Models on a GPU are always compiled."
        ),
    ] = False
    cpu_kv_cache_gib: Annotated[int, Field(ge=1, description="Memory for the KV cache on a CPU, in GiB.")] = 2
    gpu_memory_utilization: Annotated[
        float, Field(gt=0, le=1, description="Fraction of the GPU's memory that the engine may use.")
    ] = 0.9
    tensor_parallel_size: Annotated[
        int, Field(ge=1, le=1024, description="Number of GPUs over which each layer of the model is split.")
    ] = 1
    engine_options: Annotated[
        OptionTable,
        Field(
            description="Further options of the vllm engine, by vLLM's names: a table of the file, a JSON object of "
            "the variable, or --engine-option NAME=VALUE for each one. VALUE is JSON, or else a text."
        ),
    ] = {}  # noqa: RUF012 - Pydantic copies it
    engine_check_interval_s: Annotated[
        float, Field(gt=0, le=3600, description="Seconds between two checks that the engine makes progress.")
    ] = 10
    engine_hang_timeout_s: Annotated[
        float,
        Field(gt=0, le=3600, description="Seconds for one token of an idle engine before it counts as hung."),
    ] = 60
    fake_script: Annotated[
        Path | None, Field(description="JSON Lines of problem, kind and text that the demo (--engine fake) plays.")
    ] = None
    fake_tokens_per_s: Annotated[
        float | None, Field(gt=0, description="Tokens per second of each path of the demo. Default: unlimited.")
    ] = None


class WorkerSettings(SettingsGroup):
    """Workers of the remote engine."""

    title: ClassVar[str] = "Remote workers"

    worker_urls: Annotated[
        Texts,
        Field(description="Addresses of the workers of --engine remote, or of one router. Separate them by commas."),
    ] = []  # noqa: RUF012 - Pydantic copies it
    worker_model: Annotated[
        str | None, Field(description="Name of the model on the workers. Default: the first that they list.")
    ] = None
    worker_api: Annotated[
        WorkerApi | None,
        Field(
            description="Server of the workers, by whose names they get parameters. Only vllm can end a thought at "
            "`thinking_tokens`, with `vllm serve --reasoning-parser`. Only vllm and sglang serve adapters. Default: "
            "the owner in the list of models."
        ),
    ] = None
    worker_api_key_file: Annotated[Path | None, Field(description="File with the API key for the workers.")] = None
    worker_read_timeout_s: Annotated[
        float, Field(gt=0, le=600, description="Seconds without a token after which a path on a worker fails.")
    ] = 60


def default_cache_dir() -> Path:
    """The user's cache directory. A user without a home directory gets one that cannot be made."""
    try:
        return Path(platformdirs.user_cache_dir("twinpath"))
    except RuntimeError:
        return _NO_HOME / "twinpath"
