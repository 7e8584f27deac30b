"""Exceptions of Twinpath.

    TwinpathError
    ├── ConfigurationError
    │   └── CheckpointError
    ├── InputError
    │   ├── PromptTooLongError
    │   └── UnknownModelError
    ├── OverloadedError
    ├── EngineError
    │   └── EngineDeadError
    ├── SandboxError
    └── ServiceError

Failures of the model (no answer in a text, a program that raises) are values. `api/errors.py` turns exceptions into
HTTP responses, and `cli/process.py` into exit codes.
"""

import json


class TwinpathError(Exception):
    """Base of all exceptions of Twinpath."""


class ConfigurationError(TwinpathError):
    """Invalid setting, recipe, script or file of the operator."""


class CheckpointError(ConfigurationError):
    """Missing or damaged model directory, or one of another format version."""


class InputError(TwinpathError):
    """Invalid request.

    Args:
        message: the fault and its remedy.
        field: dotted name of the invalid part of the request (`paths.cot`).
    """

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class PromptTooLongError(InputError):
    """Problem that is longer than the context of the model."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="problem")


class UnknownModelError(InputError):
    """Name of a model that is not served."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="model")


class OverloadedError(TwinpathError):
    """Full queue.

    Args:
        message: the full resource.
        retry_after_s: seconds to wait before a retry.
        reason: reason in the metric of refused requests.
    """

    def __init__(self, message: str, retry_after_s: float, reason: str = "queue_full") -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.reason = reason


class EngineError(TwinpathError):
    """Failed sampling of a path."""


class EngineDeadError(EngineError):
    """Dead engine process. Only a new start of the service helps."""


class SandboxError(TwinpathError):
    """Sandbox that cannot run programs. This is a failure of the service, not of a program."""


class ServiceError(TwinpathError):
    """Running service that refused a request, failed, or did not answer.

    Args:
        message: detail of the response, or the reason of a failed connection.
        status: HTTP status, or None without a response.
        retry_after_s: seconds of the Retry-After header, or None without one.
    """

    def __init__(self, message: str, status: int | None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


UTF16 = "it is encoded in UTF-16; save it in UTF-8"
"""Reason why a file is not read."""


def json_reason(error: Exception) -> str:
    """Reason why one line of a file is not valid JSON, with the place in it."""
    if isinstance(error, UnicodeDecodeError) and error.object.startswith((b"\xff\xfe", b"\xfe\xff")):
        return UTF16
    if isinstance(error, json.JSONDecodeError) and "\0" in error.doc[:2]:  # UTF-16 without a mark
        return UTF16
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.removesuffix(' at')} at column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8 text"
    return str(error).partition(";")[0]  # of a too long integer, without the advice to programmers
