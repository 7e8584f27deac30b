"""Settings of the service, and the only reader of the environment.

Each setting is a flag (`--max-tokens 200`), an environment variable (`TWINPATH_MAX_TOKENS=200`) and a line of one TOML
file (`max_tokens = 200`), in this order of precedence. `--config` or `TWINPATH_CONFIG` names the file.
"""

import os
import re
from contextvars import ContextVar
from enum import StrEnum
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, ClassVar

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from service.credentials import KEY_FORM, is_key
from service.errors import ConfigurationError
from service.faults import fault_texts
from service.files import read_text, read_toml
from service.types import Policy

_PREFIX = "TWINPATH_"
_ORIGIN = re.compile(r"([a-z][a-z\d+.-]*)://([a-z\d._-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?/?", re.ASCII)
_PORTS = {"http": 80, "https": 443}
_PREFIX_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
# Kubernetes and Docker add such variables for each service whose name starts with "twinpath".
_SERVICE_LINK = re.compile(
    r"TWINPATH(_\w+)?_(SERVICE_HOST=.*|SERVICE_PORT(_\w+)?=\d+|PORT=(tcp|udp|sctp)://.*"
    r"|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?=.*|NAME=/.*|ENV_\w+=.*)",
    re.DOTALL | re.IGNORECASE,
)
_NO_HOME = Path(os.devnull)  # no directory can be made below a file
_file: ContextVar[Path | None] = ContextVar("settings_file", default=None)


class EngineKind(StrEnum):
    """Engine that samples the paths."""

    VLLM = "vllm"
    REMOTE = "remote"
    FAKE = "fake"


class Dtype(StrEnum):
    """Data type of the model's weights and activations, by vLLM's names."""

    AUTO = "auto"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    FLOAT32 = "float32"


class LogLevel(StrEnum):
    """Lowest level of the log."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _split_at_commas(value: object) -> object:
    """Texts of a list whose items may hold several of them."""
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, list):
        return parts
    return [text.strip() for part in parts for text in str(part).split(",") if text.strip()]


Texts = Annotated[list[str], NoDecode, BeforeValidator(_split_at_commas)]
"""List of texts. In one text, commas separate them."""


def _origin(text: str) -> str:
    """Origin as browsers send it: in lower case, without the scheme's own port and a slash at the end."""
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        raise PydanticCustomError("predicate", "must be a scheme and a host, such as https://example.org")
    scheme, host, port = found.groups()
    return f"{scheme}://{host}" + (f":{port}" if port and int(port) != _PORTS.get(scheme) else "")


def _origins(origins: list[str]) -> list[str]:
    return [origin if origin == "*" else _origin(origin) for origin in origins]


def _prefix_path(text: str) -> str:
    if not _PREFIX_PATH.fullmatch(text):
        raise PydanticCustomError("predicate", "must be a path that starts with a slash, such as /math")
    return text


class SettingsGroup(BaseModel):
    """Group of settings with a title for the help."""

    title: ClassVar[str]


class ServerSettings(SettingsGroup):
    """Address, API keys and shutdown."""

    title: ClassVar[str] = "Server"

    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on. 0 picks a free port.")] = 8000
    api_keys_file: Annotated[
        Path | None,
        Field(description="TOML file of the API keys that the service accepts. `twinpath keys create` makes keys."),
    ] = None
    allow_anonymous: Annotated[
        bool, Field(description="Listen on any address without API keys. Everyone who reaches it can use it.")
    ] = False
    cors_origins: Annotated[
        Texts,
        AfterValidator(_origins),
        Field(
            description="Origins whose pages may use the service from a browser, such as https://example.org. "
            "Separate them by commas. `*` allows all. Default: no origin but the service's own."
        ),
    ] = []
    root_path: Annotated[
        str,
        AfterValidator(_prefix_path),
        Field(description="Prefix of all paths, such as /math, if a proxy does not remove it."),
    ] = ""
    api_docs: Annotated[bool, Field(description="Serve interactive API documents at /docs.")] = True
    shutdown_grace_s: Annotated[
        int, Field(ge=0, description="Seconds that open requests get to finish after SIGTERM.")
    ] = 30
    client_api_key_file: Annotated[
        Path | None, Field(description="File with the API key that a command sends to the service at --url.")
    ] = None


class ModelSettings(SettingsGroup):
    """Model and its context length."""

    title: ClassVar[str] = "Model"

    model: Annotated[
        str | None, Field(description="Model directory or Hugging Face name. Default: the bundled model.")
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
    max_model_len: Annotated[
        int, Field(ge=64, description="Context length: maximum prompt and completion tokens per path.")
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
    ] = []
    worker_model: Annotated[
        str | None, Field(description="Name of the model on the workers. Default: the first that they list.")
    ] = None
    worker_api_key_file: Annotated[Path | None, Field(description="File with the API key for the workers.")] = None
    worker_read_timeout_s: Annotated[
        float, Field(gt=0, le=600, description="Seconds without a token after which a path on a worker fails.")
    ] = 60


class SamplingSettings(SettingsGroup):
    """Paths, policy and limits of a problem."""

    title: ClassVar[str] = "Sampling"

    cot_paths: Annotated[
        int, Field(ge=0, le=64, description="Chain-of-thought paths, unless the request sets a number.")
    ] = 10
    pot_paths: Annotated[
        int, Field(ge=0, le=64, description="Program-of-thought paths, unless the request sets a number.")
    ] = 10
    policy: Annotated[Policy, Field(description="Stopping policy, unless the request sets one.")] = Policy.ADAPTIVE
    temperature: Annotated[
        float | None, Field(ge=0, le=2, description="Sampling temperature. Default: the one of the checkpoint.")
    ] = None
    max_tokens: Annotated[int, Field(ge=1, le=4096, description="Maximum number of completion tokens per path.")] = 320
    deadline_s: Annotated[
        float, Field(gt=0, le=600, description="Seconds after which the votes so far answer a problem.")
    ] = 30

    @model_validator(mode="after")
    def _has_a_path(self) -> "SamplingSettings":
        if self.cot_paths + self.pot_paths == 0:
            raise ValueError("cot_paths and pot_paths are both 0; set at least one of them")
        return self


class SandboxSettings(SettingsGroup):
    """Limits of the programs."""

    title: ClassVar[str] = "Sandbox"

    sandbox_workers: Annotated[
        int, Field(ge=1, le=256, description="Maximum number of programs that run at the same time.")
    ] = 2
    sandbox_timeout_s: Annotated[
        float, Field(ge=0.1, le=60, description="CPU seconds per program. The wall-clock limit is five times as long.")
    ] = 2
    sandbox_memory_mib: Annotated[int, Field(ge=16, le=16384, description="Memory per program, in MiB.")] = 256
    sandbox_libraries: Annotated[
        bool,
        Field(
            description="Run programs that use numpy or sympy, in processes of their own. Needs the extra `libraries`, "
            "and as much memory for programs again."
        ),
    ] = False
    allow_unlocked_sandbox: Annotated[
        bool,
        Field(
            description="Run programs even where the kernel lacks seccomp. A program that escapes the language policy "
            "then has the rights of the service."
        ),
    ] = False


class LimitSettings(SettingsGroup):
    """Limits of queue, connections and bodies."""

    title: ClassVar[str] = "Limits"

    max_queue: Annotated[
        int, Field(ge=0, description="Maximum number of problems that wait for the engine. More get 429.")
    ] = 256
    key_share: Annotated[
        float,
        Field(
            gt=0, le=1, description="Largest fraction of the engine's slots and of the queue that one API key takes."
        ),
    ] = 0.75
    max_connections: Annotated[
        int, Field(ge=1, le=65536, description="Maximum number of open connections. More get 503.")
    ] = 4096
    keep_alive_s: Annotated[
        int,
        Field(
            ge=1,
            le=3600,
            description="Seconds that an idle connection stays open after a response. Choose more than the idle "
            "timeout of the proxy or load balancer.",
        ),
    ] = 75
    max_head_bytes: Annotated[
        int, Field(ge=1024, le=1024**2, description="Maximum size of the head of a request, in bytes. More gets 431.")
    ] = 32 * 1024
    max_headers: Annotated[
        int, Field(ge=16, le=1024, description="Maximum number of header lines of a request. More get 431.")
    ] = 100
    header_timeout_s: Annotated[
        float, Field(gt=0, le=600, description="Seconds for the head of a request. Then the connection is closed.")
    ] = 10
    body_timeout_s: Annotated[
        float, Field(gt=0, le=600, description="Seconds for a request body; for a batch, between two parts of it.")
    ] = 30
    write_timeout_s: Annotated[
        float, Field(gt=0, le=3600, description="Seconds in which a client must take a part of a response.")
    ] = 60
    max_body_bytes: Annotated[int, Field(ge=1024, description="Maximum size of a request body, in bytes.")] = 64 * 1024
    max_batch_bytes: Annotated[int, Field(ge=1024, description="Maximum size of the body of a batch, in bytes.")] = (
        256 * 1024**2
    )
    max_batch_disk_bytes: Annotated[
        int,
        Field(
            ge=1024,
            description="Maximum size of the bodies of all batches on disk, in bytes. Then the largest one that still "
            "arrives, of the API key with most bytes, gets 429 or is cut.",
        ),
    ] = 512 * 1024**2
    max_batch_rows: Annotated[int, Field(ge=1, description="Maximum number of rows of a batch.")] = 100_000
    max_batch_errors: Annotated[int, Field(ge=1, description="Maximum number of invalid rows of a batch.")] = 10_000
    batch_timeout_s: Annotated[
        float,
        Field(gt=0, le=3600, description="Seconds for the whole body of a batch with a Content-Length."),
    ] = 300
    batch_concurrency: Annotated[
        int, Field(ge=1, le=4096, description="Problems of one batch that are solved at the same time.")
    ] = 16
    max_problem_chars: Annotated[int, Field(ge=1, description="Maximum length of a problem, in characters.")] = 4000


class TelemetrySettings(SettingsGroup):
    """Logs and traces."""

    title: ClassVar[str] = "Telemetry"

    log_level: Annotated[LogLevel, Field(description="Lowest level that is logged.")] = LogLevel.INFO
    otlp_endpoint: Annotated[
        str | None,
        Field(
            pattern="^https?://",
            description="OpenTelemetry collector (OTLP over HTTP) that receives traces. Default: no traces.",
        ),
    ] = None
    trace_sample_ratio: Annotated[float, Field(ge=0, le=1, description="Fraction of the requests to trace.")] = 1.0


GROUPS: tuple[type[SettingsGroup], ...] = (
    ServerSettings,
    ModelSettings,
    EngineSettings,
    WorkerSettings,
    SamplingSettings,
    SandboxSettings,
    LimitSettings,
    TelemetrySettings,
)
"""Groups of settings, in the order of the help and the documents."""


class Settings(
    TelemetrySettings,
    LimitSettings,
    SandboxSettings,
    SamplingSettings,
    WorkerSettings,
    EngineSettings,
    ModelSettings,
    ServerSettings,
    BaseSettings,
):
    """All settings, validated and frozen. Field descriptions are the help texts of the flags."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence: flags, environment, file."""
        toml = _TomlSource(settings_cls, toml_file=_file.get())
        return init_settings, _EnvironmentSource(settings_cls), toml

    @field_validator("*")
    @classmethod
    def _expand_home(cls, value: object) -> object:
        return expanded(value) if isinstance(value, Path) else value


class _EnvironmentSource(EnvSettingsSource):
    """Environment without service links, such as `TWINPATH_PORT=tcp://10.0.0.7:8000`."""

    def _load_env_vars(self) -> dict[str, str | None]:
        variables = super()._load_env_vars()
        return {name: value for name, value in variables.items() if not _is_service_link(name, value or "")}


class _TomlSource(TomlConfigSettingsSource):
    """Settings file, with or without a byte order mark."""

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        return read_toml(Path(str(file_path)), f"The settings file {file_path}")


def default_cache_dir() -> Path:
    """The user's cache directory. A user without a home directory gets one that cannot be made."""
    try:
        return Path(platformdirs.user_cache_dir("twinpath"))
    except RuntimeError:
        return _NO_HOME / "twinpath"


def expanded(path: Path) -> Path:
    """Path with the home directory for its leading `~`.

    Raises:
        ValueError: the home directory is not known.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"the home directory of {path} is not known; write the whole path") from None


def load_settings(config: Path | None = None, **flags: Any) -> Settings:
    """Read flags, environment and file.

    Args:
        config: TOML file. Default: the file that `TWINPATH_CONFIG` names, if any.
        flags: settings of the command line. None means not given.

    Raises:
        ConfigurationError: a value is invalid, a key is unknown, or the file cannot be read.
    """
    _refuse_unknown_variables()
    path = _settings_file(config)
    token = _file.set(path)
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        lines = fault_texts(error, Settings, "the settings")
        raise ConfigurationError("Invalid settings: " + "; ".join(lines)) from None
    finally:
        _file.reset(token)


def _settings_file(config: Path | None) -> Path | None:
    """Existing settings file of the option or of the environment, if any."""
    named = config or os.environ.get(f"{_PREFIX}CONFIG")
    if not named:
        return None
    try:
        path = expanded(Path(named))
        is_file = path.is_file() or path.is_fifo()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The settings file {named} cannot be read: {error}.") from None
    if not is_file:
        raise ConfigurationError(f"The settings file {path} does not exist.")
    return path


def _is_service_link(name: str, value: str) -> bool:
    return _SERVICE_LINK.fullmatch(f"{name}={value}") is not None


def _refuse_unknown_variables() -> None:
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields} | {f"{_PREFIX}CONFIG"}
    unknown = sorted(
        name
        for name, value in os.environ.items()
        if name.startswith(_PREFIX) and name not in known and not _is_service_link(name, value)
    )
    if unknown:  # a misspelt variable must not leave a setting at its default in silence
        raise ConfigurationError(f"Unknown environment variables: {', '.join(unknown)}.")


def read_key(path: Path | None, setting: str, *, if_denied: str = "") -> str | None:
    """Read the single API key of a file. Without a file, return None.

    Args:
        path: the file.
        setting: name of the setting that holds the path, for the error.
        if_denied: advice for the error if the user may not read the file.

    Raises:
        ConfigurationError: the file cannot be read, or does not hold a key. The message does not show its content.
    """
    if path is None:
        return None
    name = f"The file {path} of {setting}"
    key = read_text(path, name, if_denied=if_denied).strip()
    if not is_key(key):
        raise ConfigurationError(f"{name} must hold an API key: {KEY_FORM}.")
    return key
