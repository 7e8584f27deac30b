"""Processes forked from one that has imported vLLM, torch and transformers.

The imports take most of the start of a service, and most of the time to make a tiny checkpoint.
"""

import importlib
import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from typing import Any

from service.process import die_with_parent


def start(target: Callable[..., None], *args: Any) -> ForkServerProcess:
    """Start a process that runs `target` with the environment variables of this one."""
    context = multiprocessing.get_context("forkserver")
    # Here, because the list of an import would be that of other fork servers too. vLLM first: it forks only then.
    context.set_forkserver_preload(["tests.support.imported_vllm", "service.cli.main", "service.cli.serve"])
    process = context.Process(target=_run, args=(dict(os.environ), target, *args))
    process.start()
    return process


def call(module: str, function: str, *args: Any) -> None:
    """Import a module in a process, and call its function there. It must raise nothing."""
    process = start(_call, module, function, *args)
    process.join()
    assert process.exitcode == 0, f"{module}.{function}"


def _run(environment: dict[str, str], target: Callable[..., None], *args: Any) -> None:
    die_with_parent()
    for name in os.environ.keys() - environment.keys():
        if name.startswith("TWINPATH_"):
            del os.environ[name]
    os.environ.update(environment)
    target(*args)


def _call(module: str, function: str, *args: Any) -> None:
    getattr(importlib.import_module(module), function)(*args)
