"""vLLM plugin: an end of each engine process with its service."""

import os

from service.process import die_with_parent

_SERVICE_PID = "SERVICE_PID_OF_VLLM"


def mark_service() -> None:
    """Make this process the service of the engine processes that it starts."""
    os.environ[_SERVICE_PID] = str(os.getpid())


def end_with_service() -> None:
    """Make the kernel kill this engine process when its service ends. Otherwise it keeps the memory of the GPU.

    vLLM's worker processes end with their engine process. No other process that loads vLLM changes.
    """
    if os.environ.get(_SERVICE_PID) == str(os.getppid()):
        die_with_parent(os.getppid())
