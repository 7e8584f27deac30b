"""Start and end of vLLM's engine processes. The first import of vLLM."""

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from typing import Any

from pydantic import JsonValue, ValidationError

from service.engine.cpu import dtype_on_cpu
from service.engine.vllm_options import checked_options
from service.engine.vllm_plugin import mark_service
from service.errors import ConfigurationError, EngineError
from service.process import die_with_parent, safe_path

# OpenMP deadlocks in a fork of a process that has used it. Fork only if nothing has imported torch before this module.
_MAY_FORK = "torch" not in sys.modules

if "://" in os.environ.get("VLLM_PORT", ""):  # from Kubernetes, for a service with the name vllm
    del os.environ["VLLM_PORT"]
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")  # vLLM on a GPU reports model and hardware to its makers

gc.disable()  # collections during the import of vLLM's 5,000 modules take a tenth of the start
from vllm.config.reasoning import ReasoningConfig  # noqa: E402
from vllm.engine.arg_utils import AsyncEngineArgs  # noqa: E402
from vllm.platforms import current_platform  # noqa: E402
from vllm.v1.engine.async_llm import AsyncLLM  # noqa: E402
from vllm.v1.engine.exceptions import EngineDeadError  # noqa: E402
from vllm.v1.executor import Executor  # noqa: E402
from vllm.v1.metrics.loggers import StatLoggerBase  # noqa: E402

gc.freeze()  # the forked engine shares the imported modules and never scans them
gc.enable()

ON_CPU: bool = current_platform.is_cpu()
"""Whether vLLM runs on the CPU of this machine."""
MAX_EAGER_PATHS = 8 if ON_CPU else None
"""Default of `max_eager_paths`. A GPU step over all slots takes about as long as one path. A CPU step doubles by 16."""


def engine_dtype(requested: str) -> str:
    """Data type for vLLM on this machine. See `VllmEngine`."""
    return dtype_on_cpu(requested) if ON_CPU else requested


def reasoning_config(thought: tuple[str, str]) -> ReasoningConfig:
    """Configuration of vLLM for `thinking_tokens`.

    Args:
        thought: opening and closing of a thought. The closing is forced when a thought has its maximum of tokens.
    """
    return ReasoningConfig(reasoning_start_str=thought[0], reasoning_end_str=thought[1])


def check_options(options: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Options with the types of vLLM's arguments, before a model is loaded.

    Raises:
        ConfigurationError: as `checked_options`.
    """
    return checked_options(options, AsyncEngineArgs, on_cpu=ON_CPU)


def start(arguments: Mapping[str, Any], on_step: Callable[[], None]) -> AsyncLLM:
    """Start vLLM.

    Args:
        arguments: arguments of vLLM, by its names.
        on_step: called after every engine step.

    Raises:
        ConfigurationError: vLLM cannot serve this model with these arguments.
        EngineError: vLLM did not start. Its output has the reason.
    """
    mark_service()
    loggers = [_step_logger(on_step)]
    try:
        with safe_path():
            typed = AsyncEngineArgs(**arguments)
            return _start_on_cpu(typed, loggers) if ON_CPU else AsyncLLM.from_engine_args(typed, stat_loggers=loggers)
    except ValueError as error:  # also the base class of pydantic's errors
        raise ConfigurationError(f"vLLM refuses the model or a setting: {_reason(error)}") from error
    except Exception as error:  # an option can make vLLM raise any exception
        raise EngineError(f"vLLM did not start: {str(error) or type(error).__name__}") from error


def processes(llm: AsyncLLM) -> list[BaseProcess]:
    """Engine processes of this machine that are children of this one."""
    return list(getattr(llm.engine_core.resources.engine_manager, "processes", ()))  # Ray's actors are none


async def shut_down(llm: AsyncLLM) -> None:
    """Stop the engine and wait for its processes. Open paths fail with vLLM's `EngineDeadError`."""
    if not llm.errored:
        llm.output_handler.cancel()  # it logs an end of the processes as an error
    await asyncio.to_thread(_end_processes, llm)
    llm.output_processor.propagate_error(EngineDeadError())


def _end_processes(llm: AsyncLLM) -> None:
    """Stop the processes and wait for them. vLLM kills slow processes but does not wait for their end."""
    children = processes(llm)
    llm.shutdown()
    for process in children:
        process.join()


def _start_on_cpu(arguments: AsyncEngineArgs, loggers: list[type[StatLoggerBase]]) -> AsyncLLM:
    """Start vLLM on a CPU with one child process instead of two.

    By default vLLM starts an engine process and a worker process. Both import vLLM again, and the engine occupies a
    core while it waits for the worker. Here the engine is its own worker, and a fork if that is safe. This saves two
    imports and a core. An engine with several workers, or with another executor, starts as vLLM starts it.
    """
    config = arguments.create_engine_config()
    if config.parallel_config.world_size == 1 and arguments.distributed_executor_backend in (None, "uni"):
        config.parallel_config.distributed_executor_backend = "uni"
        if _MAY_FORK:
            os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"
            os.register_at_fork(after_in_child=die_with_parent)
    return AsyncLLM(
        vllm_config=config,
        executor_class=Executor.get_class(config),
        log_stats=True,
        stat_loggers=loggers,
        log_requests=False,
    )


def _reason(error: ValueError) -> str:
    """Reason on one line, without the values that pydantic quotes."""
    messages = [entry["msg"] for entry in error.errors()] if isinstance(error, ValidationError) else [str(error)]
    return "; ".join(" ".join(message.removeprefix("Value error, ").split()) for message in messages)


def _step_logger(on_step: Callable[[], None]) -> type[StatLoggerBase]:
    """Statistics logger class for vLLM that calls `on_step` after every engine step."""

    class StepLogger(StatLoggerBase):  # type: ignore[misc]
        def __init__(self, vllm_config: object, engine_index: int = 0) -> None: ...

        def record(self, *_: object, **__: object) -> None:
            on_step()

        def log_engine_initialized(self) -> None: ...

    return StepLogger
