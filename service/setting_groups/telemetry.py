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
