"""Every exception that Twinpath raises on purpose.

    TwinpathError
    ├── ConfigurationError      what the operator wrote cannot work: setting, recipe, script
    │   └── CheckpointError     the model directory is missing, damaged or of another format version
    ├── InputError              what the caller sent cannot be solved; `field` names the part
    │   ├── PromptTooLongError  the problem does not fit into the model's context
    │   └── UnknownModelError   the caller names a model that is not served
    ├── OverloadedError         the queue is full; `retry_after_s` says when to come back
    ├── EngineError             the engine could not sample
    │   └── EngineDeadError     it never will again: the process must end and be started anew
    ├── SandboxError            the sandbox could not run a program at all
    └── ServiceError            a running service, asked by the client, refused, failed, or could not be reached

The model's own failures (no answer in a text, a program that raises) are values, never exceptions.
`problem_json.py` turns these into HTTP, `cli.py` into exit codes; nothing else does.
"""


class TwinpathError(Exception):
    """Base of all of Twinpath's exceptions."""


class ConfigurationError(TwinpathError):
    """What the operator wrote cannot work; the message says what to change."""


class CheckpointError(ConfigurationError):
    """The model directory is missing, damaged, or of another format version."""


class InputError(TwinpathError):
    """What the caller sent cannot be solved.

    Args:
        message: what is wrong and what to change.
        field: the part of the request that is wrong, dotted (`paths.cot`).
    """

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class PromptTooLongError(InputError):
    """The problem does not fit into the model's context."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="problem")


class UnknownModelError(InputError):
    """The caller names a model that is not served."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="model")


class OverloadedError(TwinpathError):
    """The queue is full.

    Args:
        message: what is full.
        retry_after_s: seconds after which a retry has a chance.
    """

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class EngineError(TwinpathError):
    """The engine could not sample a path."""


class EngineDeadError(EngineError):
    """The engine's process is gone for good."""


class SandboxError(TwinpathError):
    """The sandbox could not run a program at all; that is our failure, not the program's."""


class ServiceError(TwinpathError):
    """A running service refused a request, failed, or could not be reached.

    Args:
        message: what it says, or why it does not answer.
        status: the HTTP status; None where there was no answer.
        retry_after_s: seconds after which it asks to be tried again, where it does.
    """

    def __init__(self, message: str, status: int | None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s
