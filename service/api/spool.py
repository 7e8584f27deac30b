"""Spool: a request body on disk, read while it is written."""

import asyncio
import logging
import os
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.types import Message, Receive

from service.errors import InputError, OverloadedError, TwinpathError
from service.json_lines import Line, LineSplitter

logger = logging.getLogger(__name__)

_PIECE_BYTES = 1 << 16
_RETRY_S = 10.0


class DiskBudget:
    """Total size of all spools. Beyond it, the largest arriving body of the key that holds most is cut.

    Args:
        max_bytes: maximum total size in bytes.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._spools: set[Spool] = set()

    @property
    def used_bytes(self) -> int:
        """Total size of the spools."""
        return sum(spool.size_bytes for spool in self._spools)

    def add(self, spool: "Spool") -> None:
        """Count a spool from now on."""
        self._spools.add(spool)

    def discard(self, spool: "Spool") -> None:
        """Count a spool no longer."""
        self._spools.discard(spool)

    def make_room(self, spool: "Spool", more_bytes: int) -> bool:
        """Whether a spool may grow. Others that are still arriving are cut for it, unless it is the largest itself."""
        while self.used_bytes + more_bytes > self._max_bytes:
            key_bytes = Counter({spool.key: more_bytes})
            for one in self._spools:
                key_bytes[one.key] += one.size_bytes

            def rank(one: Spool, of_keys: Counter[str] = key_bytes) -> tuple[int, int, bool]:
                grown_bytes = one.size_bytes + (more_bytes if one is spool else 0)
                return of_keys[one.key], grown_bytes, one is spool

            largest = max((one for one in self._spools if one.is_arriving), key=rank)
            if largest is spool:
                return False
            largest.drop(_full())
        return True


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """Limits of one body.

    Args:
        max_bytes: maximum size of the body.
        max_line_bytes: maximum size of a line.
        max_pause_s: maximum time in seconds without data.
        max_s: maximum time in seconds of the whole body, or of each row.
        is_per_row: whether `max_s` begins again with each row.
    """

    max_bytes: int
    max_line_bytes: int
    max_pause_s: float
    max_s: float
    is_per_row: bool = False


class Spool:
    """Body on disk. `cut` is the reason if the end of the body is missing.

    `size_bytes` is the current size of the file. What was read is freed while the body arrives.

    Args:
        limits: limits of the body. What is beyond them is cut.
        budget: total size of all spools.
        key: name of the caller's API key. Empty without keys.

    Raises:
        OSError: the temporary file cannot be created.
    """

    def __init__(self, limits: SpoolLimits, budget: DiskBudget, key: str = "") -> None:
        self.key = key
        self.cut: TwinpathError | None = None
        self._limits = limits
        self._budget = budget
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._received = 0
        self._row_start = b""  # first byte of a row whose end has not arrived
        self.size_bytes = 0
        self._ended = False
        self._grown = asyncio.Event()
        budget.add(self)

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._budget.discard(self)
        self._file.close()

    @property
    def is_arriving(self) -> bool:
        """Whether the end of the body has not arrived."""
        return not self._ended

    def drop(self, cut: TwinpathError) -> None:
        """End the body here, and free the disk."""
        self.end(cut)
        self._clear()

    def end(self, cut: TwinpathError | None = None) -> None:
        """End the body here.

        Args:
            cut: reason if this is not its end.
        """
        self.cut = self.cut or cut
        self._ended = True
        self._grown.set()

    async def fill(self, receive: Receive) -> None:
        """Write the body, then wait until the client disconnects."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._limits.max_s
        while (message := await self._piece(receive, deadline))["type"] == "http.request":
            if not self._ended:
                body = message.get("body", b"")
                self._write(body)
                self._grown.set()
                if self._limits.is_per_row and self._ends_row(body):
                    deadline = clock() + self._limits.max_s
            if not message.get("more_body", False):
                self.end()
        self.end()

    def _ends_row(self, body: bytes) -> bool:
        """Whether the next part of the body has the end of a row. Blank lines do not count."""
        text = (self._row_start + body).lstrip()
        self._row_start = text.rpartition(b"\n")[2].lstrip()[:1]
        return b"\n" in text

    def _write(self, body: bytes) -> None:
        max_bytes = self._limits.max_bytes
        kept = body[: max_bytes - self._received]
        self._received += len(body)
        if not self._budget.make_room(self, len(kept)):
            self.end(_full())
            return
        written = self._written(kept)
        self.size_bytes += written
        if written < len(kept):
            self.end(InputError("The batch is cut: the disk of the service is full.", "body"))
        elif self._received > max_bytes:
            self.end(InputError(f"The batch is cut at {max_bytes} bytes, the maximum size.", "body"))

    def _written(self, body: bytes) -> int:
        try:
            return os.pwrite(self._file.fileno(), body, self.size_bytes)  # unbuffered, so that a full disk raises here
        except OSError as error:
            logger.error("batch: %s", error)
            return 0

    async def _piece(self, receive: Receive, deadline: float) -> Message:
        """Next piece of the body. A pause that is too long, or the deadline, ends the body."""
        if not self._ended:
            pause_s = self._limits.max_pause_s
            pause_end = asyncio.get_running_loop().time() + pause_s
            try:
                async with asyncio.timeout_at(min(pause_end, deadline)):
                    return await receive()
            except TimeoutError:
                if deadline < pause_end:
                    part = "the next row" if self._limits.is_per_row else "its body"
                    reason = f"{part} did not arrive within {self._limits.max_s:g} s"
                else:
                    reason = f"no data arrived for {pause_s:g} s"
                self.end(InputError(f"The batch is cut: {reason}.", "body"))
        return await receive()

    async def lines(self) -> AsyncGenerator[Line]:
        """Lines in order, with their numbers, as they arrive. Blank lines and a line that is cut are left out."""
        splitter = LineSplitter(self._limits.max_line_bytes)
        offset = 0
        while True:
            self._grown.clear()
            piece = os.pread(self._file.fileno(), _PIECE_BYTES, offset)
            offset += len(piece)
            if offset == self.size_bytes:  # the rest of the body needs no more room than it has
                self._clear()
                offset = 0
            for line in splitter.feed(piece):
                yield line
            if piece:
                await asyncio.sleep(0)  # a piece of blank lines yields nothing
            elif self._ended:
                break
            else:
                await self._grown.wait()
        if not self.cut:  # else the last line is incomplete
            for line in splitter.end():
                yield line

    def _clear(self) -> None:
        self._file.truncate(0)
        self.size_bytes = 0

    async def complete(self) -> None:
        """Wait until the body has ended."""
        while not self._ended:
            self._grown.clear()
            await self._grown.wait()


def _full() -> OverloadedError:
    return OverloadedError("The batch is cut: the service has no room for it at present.", _RETRY_S)
