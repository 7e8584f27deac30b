"""Times of the steps, for the report at the end of a run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

TIMES: list[tuple[str, float]] = []
"""Steps that ended, in order, with their seconds."""


@contextmanager
def step(name: str) -> Iterator[None]:
    """Measure a step. A step that fails counts too."""
    began = time.monotonic()
    try:
        yield
    finally:
        TIMES.append((name, time.monotonic() - began))
