"""Reading of texts beside the event loop.

A hostile text of a million characters takes up to 0.3 s of Python, which would delay every other caller and the
deadlines.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from service.paths.work import attempt

T = TypeVar("T")

SHORT_CHARS = 1_000
"""Maximum length in characters of a text that the event loop reads itself, if that takes at most a millisecond."""

_SHORT_WORK = 1_000
# One thread: a second one would only compete for the interpreter lock.
_THREAD = ThreadPoolExecutor(1, "reading")


class TextReader:
    """Reads the texts of one problem: easy ones at once, others one at a time in the thread of all problems.

    So problems take turns, and a problem of many texts does not delay the others. An aborted text leaves the queue.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._open: set[asyncio.Task[object]] = set()
        self._aborted = False

    async def read(self, function: Callable[[str], T], text: str) -> T | None:
        """Result of a function for a text, or None after an abort.

        Args:
            function: reads a text. It never raises, and limits its own work.
            text: the text.
        """
        if self._aborted:
            return None
        if len(text) <= SHORT_CHARS and (read := attempt(partial(function, text), _SHORT_WORK)):
            return read[0]
        task = asyncio.create_task(self._in_turn(partial(function, text)))
        self._open.add(task)
        try:
            await asyncio.wait({task})
        finally:
            self._open.discard(task)
            task.cancel()
        return None if task.cancelled() else task.result()

    def abort(self) -> None:
        """End every call of `read`, also the later ones."""
        self._aborted = True
        for task in self._open:
            task.cancel()

    async def _in_turn(self, function: Callable[[], T]) -> T:
        async with self._turn:
            return await asyncio.get_running_loop().run_in_executor(_THREAD, function)
