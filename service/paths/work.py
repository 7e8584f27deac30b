"""Work limit of a reading.

A hostile text can make its readers calculate for seconds. Readers count their work, and an exhausted limit ends the
reading. The count depends only on the text, so that equal texts have equal answers under any load.
"""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

READING = 10_000
"""Maximum work of one reading. A unit is about a microsecond."""

TOO_MUCH_WORK = "the text takes too much work to read"
"""Reason for a text whose reading exceeds its limit."""


class WorkLimitError(Exception):
    """Exhausted work limit. The reader that set the limit catches it."""


@contextmanager
def limited(units: int = READING) -> Iterator[None]:
    """Limit the work of the block. An outer limit also applies.

    Args:
        units: maximum work of the block.

    Raises:
        WorkLimitError: the work exceeds the limit, or the rest of an outer one.
    """
    outer = _work.left
    allowed = min(units, outer)
    _work.left = allowed
    try:
        yield
    finally:
        _work.left += outer - allowed


def attempt(function: Callable[[], T], units: int) -> tuple[T] | None:
    """Result of a reader that needs at most some units of work, or None if it needs more.

    Args:
        function: the reader. It catches an exhausted limit itself.
        units: maximum work.
    """
    with limited(units):
        result = function()
        return (result,) if _work.left >= 0 else None


def spend(units: float) -> None:
    """Count work that is done next.

    Raises:
        WorkLimitError: the limit does not allow it.
    """
    if units > _work.left:
        _work.left = _EXHAUSTED
        raise WorkLimitError
    _work.left -= units


_EXHAUSTED = -1.0


class _Work(threading.local):
    left = math.inf


_work = _Work()
