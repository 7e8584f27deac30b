"""Results of a check."""

from enum import StrEnum


class Status(StrEnum):
    """Result of a check."""

    OK = "ok"
    NOTE = "note"  # `serve` starts, but something is missing or slower
    FAILED = "failed"
