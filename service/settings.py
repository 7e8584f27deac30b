"""Settings of the service, and the only reader of the environment.

Each setting is a flag (`--max-tokens 200`), an environment variable (`TWINPATH_MAX_TOKENS=200`) and a line of one TOML
file (`max_tokens = 200`), in this order of precedence. `--config` or `TWINPATH_CONFIG` names the file.
"""

import os
import re
from contextvars import ContextVar
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from service.credentials import KEY_FORM, is_key
from service.errors import ConfigurationError, json_reason
from service.faults import fault_texts
from service.files import read_text, read_toml
from service.setting_groups.engine import Dtype, EngineKind, EngineSettings, ModelSettings, WorkerSettings
from service.setting_groups.server import LimitSettings, ServerSettings
from service.setting_groups.solving import SamplingSettings, SandboxSettings
from service.setting_groups.telemetry import LogFormat, LogLevel, TelemetrySettings
from service.setting_groups.values import SettingsGroup

__all__ = [
    "GROUPS", "Dtype", "EngineKind", "LogFormat", "LogLevel", "SandboxSettings", "Settings", "SettingsGroup",
    "expanded", "load_settings", "read_key",
]  # fmt: skip

_PREFIX = "TWINPATH_"
# Kubernetes and Docker add such variables for each service whose name starts with "twinpath".
_SERVICE_LINK = re.compile(
    r"TWINPATH(_\w+)?_(SERVICE_HOST=.*|SERVICE_PORT(_\w+)?=\d+|PORT=(tcp|udp|sctp)://.*"
    r"|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?=.*|NAME=/.*|ENV_\w+=.*)",
    re.DOTALL | re.IGNORECASE,
)
_file: ContextVar[Path | None] = ContextVar("settings_file", default=None)

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

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Value of a variable in JSON.

        Raises:
            ConfigurationError: the variable is not valid JSON.
        """
        variable = f"{_PREFIX}{field_name.upper()}"
        try:
            return super().decode_complex_value(field_name, field, value)
        except RecursionError:
            reason = "its values are nested too deeply"
        except ValueError as error:
            reason = json_reason(error)
        raise ConfigurationError(f"The environment variable {variable} is not valid JSON: {reason}.")

    def _load_env_vars(self) -> dict[str, str | None]:
        variables = super()._load_env_vars()
        return {name: value for name, value in variables.items() if not _is_service_link(name, value or "")}


class _TomlSource(TomlConfigSettingsSource):
    """Settings file, with or without a byte order mark."""

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        return read_toml(Path(str(file_path)), f"The settings file {file_path}")


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
    if not key or not is_key(key):
        raise ConfigurationError(f"{name} must hold an API key: {KEY_FORM}.")
    return key
