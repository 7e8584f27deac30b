"""Fork server for training processes, with torch imported once."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from typing import Any

from training.run import STAGES

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        *(f"training.stages.{name}" for name in STAGES),
        "training.data.teacher_client",
        "training.learn.train",
        "training.ship.int8",
        "training.ship.modelcard",
        "training.sample.local",
    ]
)


def start(target: Callable[..., None], *args: Any) -> ForkServerProcess:
    """Start a process that runs `target`. A test can kill it at any moment."""
    process = _context.Process(target=target, args=args)
    process.start()
    return process
