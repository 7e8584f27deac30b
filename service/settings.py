"""Every setting of the service, and the only reader of the environment.

A setting is a flag (`--max-tokens 200`), an environment variable (`TWINPATH_MAX_TOKENS=200`) and a line of one TOML
file (`max_tokens = 200`, named by `--config` or `TWINPATH_CONFIG`), in this order of precedence. Unknown keys fail.
"""

import os
from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from service.errors import ConfigurationError
from service.types import Policy

_PREFIX = "TWINPATH_"
_file: ContextVar[Path | None] = ContextVar("settings_file", default=None)


class EngineKind(StrEnum):
    """Which engine samples the paths."""

    VLLM = "vllm"
    REMOTE = "remote"
    FAKE = "fake"


class Dtype(StrEnum):
    """What the engine computes in, by vLLM's names."""

    AUTO = "auto"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    FLOAT32 = "float32"


class Settings(BaseSettings):
    """The service's settings, checked and frozen. Field descriptions are the help texts of the flags."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8000
    api_keys_file: Annotated[
        Path | None, Field(description="TOML file of the API keys that are let in; `twinpath key` makes them.")
    ] = None
    allow_anonymous: Annotated[
        bool, Field(description="Listen on any address without API keys; whoever reaches it may use it.")
    ] = False
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$", description="Least level logged.")] = "info"

    model: Annotated[
        str | None,
        Field(description="Model directory or Hugging Face name; none means the embedded default."),
    ] = None
    cache_dir: Annotated[Path, Field(description="Where built models are kept.")] = Path(
        platformdirs.user_cache_dir("twinpath")
    )

    engine: Annotated[EngineKind, Field(description="What samples the paths.")] = EngineKind.VLLM
    dtype: Annotated[
        Dtype,
        Field(
            description="What the engine vllm computes in; auto takes the model's own, and float32 on a CPU without "
            "bfloat16 instructions, where that is quicker for twice the memory. Not every model takes float16."
        ),
    ] = Dtype.AUTO
    compile_on_cpu: Annotated[
        bool,
        Field(
            description="Compile the model for this CPU, as is always done for a GPU: quicker steps, for a minute at "
            "the first start and some seconds at later ones; needs a C++ compiler."
        ),
    ] = False
    max_model_len: Annotated[int, Field(ge=64, description="Prompt and completion tokens of a path at most.")] = 2048
    max_num_seqs: Annotated[int, Field(ge=1, le=4096, description="Paths decoded at the same time at most.")] = 64
    idle_paths: Annotated[
        int | None,
        Field(
            ge=0,
            le=4096,
            description="Paths of a problem up to which an idle engine runs some that its vote may not need, for a "
            "quicker answer; none takes 8 on a CPU, where more are slower, else all.",
        ),
    ] = None
    kv_cache_gib: Annotated[int, Field(ge=1, description="Memory for the KV cache on a CPU, in GiB.")] = 2
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1, description="Share of a GPU's memory to use.")] = 0.9
    watch_interval_s: Annotated[
        float, Field(gt=0, le=3600, description="Seconds between two looks at whether the engine gets on.")
    ] = 10
    watch_patience_s: Annotated[
        float, Field(gt=0, le=3600, description="Seconds an engine that samples nothing may take for one token.")
    ] = 60
    fake_script: Annotated[
        Path | None, Field(description="JSON Lines of problem, kind and text for --engine fake.")
    ] = None
    fake_tokens_per_s: Annotated[
        float | None, Field(gt=0, description="Token rate of each path of --engine fake; none answers at once.")
    ] = None

    worker_urls: Annotated[
        str, Field(description="Addresses of --engine remote's workers, or of a router; commas between them.")
    ] = ""
    worker_model: Annotated[
        str | None, Field(description="Name the workers serve the model under; none takes the first they list.")
    ] = None
    worker_api_key_file: Annotated[Path | None, Field(description="File of the key that the workers ask for.")] = None
    worker_silence_s: Annotated[
        float, Field(gt=0, le=600, description="Seconds without a token after which a worker has failed a path.")
    ] = 60

    api_key_file: Annotated[
        Path | None, Field(description="File of the API key that a command sends to the service at --url.")
    ] = None

    cot: Annotated[int, Field(ge=0, le=64, description="Chain-of-thought paths when a request names none.")] = 10
    pot: Annotated[int, Field(ge=0, le=64, description="Program-of-thought paths when a request names none.")] = 10
    policy: Annotated[Policy, Field(description="When a vote is decided when a request names none.")] = Policy.ADAPTIVE
    temperature: Annotated[
        float | None, Field(ge=0, le=2, description="Sampling temperature; none takes the checkpoint's own.")
    ] = None
    max_tokens: Annotated[int, Field(ge=1, le=4096, description="Completion tokens of a path at most.")] = 320
    deadline_s: Annotated[float, Field(gt=0, le=600, description="Seconds until a problem is answered as it is.")] = 30

    max_queue: Annotated[int, Field(ge=0, description="Problems that wait for the engine at most; more get 429.")] = 256

    sandbox_workers: Annotated[int, Field(ge=1, le=256, description="Programs run at the same time at most.")] = 2
    sandbox_timeout_s: Annotated[
        float,
        Field(ge=0.1, le=60, description="CPU seconds a program may take; on the wall five times as long."),
    ] = 2
    sandbox_memory_mib: Annotated[int, Field(ge=16, le=16384, description="Memory of a program, in MiB.")] = 256

    allow_unlocked_sandbox: Annotated[
        bool,
        Field(
            description="Run programs even where the kernel offers no lock; one that escapes the language policy "
            "then acts with the service's own rights."
        ),
    ] = False

    max_connections: Annotated[
        int, Field(ge=1, le=65536, description="Open connections at most; more get 503 at once.")
    ] = 4096
    head_timeout_s: Annotated[
        float, Field(gt=0, le=600, description="Seconds until a request's head must be whole; else it is closed.")
    ] = 10
    body_timeout_s: Annotated[
        float, Field(gt=0, le=600, description="Seconds until a body must be whole; for a batch, between two pieces.")
    ] = 30
    stall_timeout_s: Annotated[
        float, Field(gt=0, le=3600, description="Seconds for which a caller may leave a response unread.")
    ] = 60
    max_body_bytes: Annotated[int, Field(ge=1024, description="Bytes of a request body at most.")] = 64 * 1024
    max_batch_bytes: Annotated[int, Field(ge=1024, description="Bytes of a batch's body at most.")] = 256 * 1024**2
    batch_concurrency: Annotated[
        int, Field(ge=1, le=4096, description="Problems of one batch solved at the same time.")
    ] = 16
    max_problem_chars: Annotated[int, Field(ge=1, description="Characters of a problem at most.")] = 4000
    otlp_endpoint: Annotated[
        str | None,
        Field(
            pattern="^https?://",
            description="OpenTelemetry collector (OTLP over HTTP) for traces; none traces nothing.",
        ),
    ] = None
    trace_ratio: Annotated[float, Field(ge=0, le=1, description="Share of the requests that are traced.")] = 1.0
    drain_s: Annotated[int, Field(ge=0, description="Seconds that open requests get to end at SIGTERM.")] = 30

    @model_validator(mode="after")
    def _some_path(self) -> "Settings":
        if self.cot + self.pot == 0:
            raise ValueError("at least one path is needed: give cot or pot")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before environment before the file."""
        toml = TomlConfigSettingsSource(settings_cls, toml_file=_file.get())
        return init_settings, env_settings, toml


def load_settings(config: Path | None = None, **flags: Any) -> Settings:
    """Read flags, environment and file.

    Args:
        config: the TOML file; None takes the one that `TWINPATH_CONFIG` names, if any.
        flags: settings given on the command line; None means not given.

    Raises:
        ConfigurationError: a value is out of range, a key is unknown, or the file cannot be read.
    """
    path = config or os.environ.get(f"{_PREFIX}CONFIG") or None
    if path and not Path(path).is_file():
        raise ConfigurationError(f"The settings file {path} does not exist.")
    _refuse_unknown_variables()
    reading = _file.set(Path(path) if path else None)
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        lines = [": ".join([*(str(part) for part in e["loc"]), e["msg"]]) for e in error.errors()]
        raise ConfigurationError("Wrong settings: " + "; ".join(lines)) from None
    except (OSError, ValueError) as error:  # the TOML file
        raise ConfigurationError(f"The settings file {path} cannot be read: {error}") from None
    finally:
        _file.reset(reading)


def _refuse_unknown_variables() -> None:
    """A misspelt variable is an error, not a setting that is silently left at its default."""
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields} | {f"{_PREFIX}CONFIG"}
    unknown = sorted(name for name in os.environ if name.startswith(_PREFIX) and name not in known)
    if unknown:
        raise ConfigurationError(f"Unknown environment variables: {', '.join(unknown)}.")
