"""Spool: a request body on disk, read while it is written."""

import asyncio
import logging
import os
import tempfile
from collections.abc import AsyncIterator

from starlette.types import Message, Receive

from service.schemas.batch import Line

logger = logging.getLogger(__name__)


class Spool:
    """Body on disk. `cut` is the reason if the end of the body is missing.

    Args:
        max_bytes: maximum size of the body. The rest is cut.
        max_line_bytes: maximum size of a line.
        max_pause_s: maximum time in seconds without data. The rest is cut.
    """

    def __init__(self, max_bytes: int, max_line_bytes: int, max_pause_s: float) -> None:
        self.cut = ""
        self._max_bytes = max_bytes
        self._max_pause_s = max_pause_s
        self._max_line_bytes = max_line_bytes
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._size = 0
        self._ended = False
        self._grown = asyncio.Event()

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    async def fill(self, receive: Receive) -> None:
        """Write the body, then wait until the client disconnects."""
        while (message := await self._piece(receive))["type"] == "http.request":
            body: bytes = message.get("body", b"")
            if not self.cut and self._size + len(body) > self._max_bytes:
                self.cut = f"The batch is cut at {self._max_bytes} bytes, the maximum size."
            if not self.cut:
                self._write(body)
            self._ended = self._ended or bool(self.cut) or not message.get("more_body", False)
            self._grown.set()
        self._ended = True
        self._grown.set()

    def _write(self, body: bytes) -> None:
        try:
            written = os.pwrite(self._file.fileno(), body, self._size)  # unbuffered, so that a full disk raises here
        except OSError as error:
            logger.error("batch: %s", error)
            written = 0
        self._size += written
        if written < len(body):
            self.cut = "The batch is cut: the disk of the service is full."

    async def _piece(self, receive: Receive) -> Message:
        """Next piece of the body. A pause that is too long ends the body."""
        if not self._ended:
            try:
                async with asyncio.timeout(self._max_pause_s):
                    return await receive()
            except TimeoutError:
                self.cut = f"The batch is cut: no data arrived for {self._max_pause_s:g} s."
                self._ended = True
                self._grown.set()
        return await receive()

    async def lines(self) -> AsyncIterator[Line]:
        """Complete lines in order, with their numbers. A line that is too long is cut."""
        offset, number = 0, 0
        while True:
            self._grown.clear()
            self._file.seek(offset)
            line = self._file.readline(self._max_line_bytes + 2)
            is_complete = line.endswith(b"\n") or len(line) > self._max_line_bytes + 1
            if not is_complete and not self._ended:
                await self._grown.wait()
                continue
            if not line:
                return
            number += 1
            offset += len(line)
            yield number, line
            while is_complete and not line.endswith(b"\n"):  # the rest of a line that is too long
                self._grown.clear()
                self._file.seek(offset)
                line = self._file.readline(self._max_line_bytes)
                offset += len(line)
                if not line and self._ended:
                    return
                if not line:
                    await self._grown.wait()

    async def complete(self) -> None:
        """Wait until the body has ended."""
        while not self._ended:
            self._grown.clear()
            await self._grown.wait()
