"""Settings of logs and traces."""

from typing import Annotated, ClassVar

from pydantic import Field

from service.setting_groups.values import Choice, SettingsGroup


class LogLevel(Choice):
    """Lowest level of the log."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(Choice):
    """Format of the log on standard error."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


class TelemetrySettings(SettingsGroup):
    """Logs and traces."""

    title: ClassVar[str] = "Telemetry"

    log_level: Annotated[LogLevel, Field(description="Lowest level that is logged.")] = LogLevel.INFO
    log_format: Annotated[
        LogFormat,
        Field(
            description="Format of the log on standard error. `json`: one object per line. `text`: the steps of the "
            "start, warnings and errors, while a file in the cache directory gets the log. `auto`: text on a terminal."
        ),
    ] = LogFormat.AUTO
    otlp_endpoint: Annotated[
        str | None,
        Field(
            pattern="^https?://",
            description="OpenTelemetry collector (OTLP over HTTP) that receives traces. Default: no traces.",
        ),
    ] = None
    trace_sample_ratio: Annotated[float, Field(ge=0, le=1, description="Fraction of the requests to trace.")] = 1.0
