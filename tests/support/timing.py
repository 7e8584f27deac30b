"""Processor time of a call, without the pauses of the interpreter."""

import time
from collections.abc import Callable


def cpu_seconds(call: Callable[[], object], times: int = 3) -> float:
    """Least processor time of several calls: a garbage collection may fall into one of them."""
    least = float("inf")
    for _ in range(times):
        start = time.process_time()
        call()
        least = min(least, time.process_time() - start)
    return least
