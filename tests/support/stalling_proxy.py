"""TCP proxy that stalls on request."""

import asyncio
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit


class StallingProxy:
    """A proxy in front of one server. While it stalls, it accepts connections and forwards nothing.

    Args:
        url: address of the server.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._target = address.hostname, address.port
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._forward = asyncio.Event()
        self._forward_new = asyncio.Event()
        self.resume()
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()

    def stall(self) -> None:
        """Forward nothing until `resume`."""
        self._forward.clear()
        self._forward_new.clear()

    def stall_new(self) -> None:
        """Forward no request that begins from now on. The responses to others continue."""
        self._forward_new.clear()

    def resume(self) -> None:
        """Forward all that was sent in the meantime."""
        self._forward.set()
        self._forward_new.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        there, back = await asyncio.open_connection(*self._target)
        self._writers.add(back)
        for source, target, gate in ((reader, back, self._forward_new), (there, writer, self._forward)):
            self._tasks.add(asyncio.create_task(self._copy(source, target, gate)))

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, gate: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await source.read(1 << 16):
                await gate.wait()
                target.write(data)
                await target.drain()
        target.close()
