"""Processes that start at once: forked from one that has done torch's and training's imports, and computed nothing."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from typing import Any

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["training.pipeline", "training.train", "training.export", "training.local"])


def start(target: Callable[..., None], *args: Any) -> ForkServerProcess:
    """A process that runs `target`; a test may kill it at any moment."""
    process = _context.Process(target=target, args=args)
    process.start()
    return process
