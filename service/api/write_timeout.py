"""Timeout of responses that a client does not read."""

import asyncio
from collections.abc import Callable

from service.api.parser import Channel


class WriteTimeout:
    """Timer that aborts a connection whose written bytes make no progress.

    Progress means that the kernel takes some of the bytes. It takes none while the client reads nothing.

    Args:
        channel: transport of the responses.
        seconds: seconds without progress.
        is_excused: whether the client may leave the response unread now.
    """

    def __init__(self, channel: Channel, seconds: float, is_excused: Callable[[], bool]) -> None:
        self._channel = channel
        self._seconds = seconds
        self._is_excused = is_excused
        self._handle: asyncio.TimerHandle | None = None
        self._sent_bytes = 0

    def start(self) -> None:
        """Start the timer, unless it runs or nothing is left to send."""
        if self._handle is None and self._channel.unsent_bytes:
            self._sent_bytes = self._channel.sent_bytes
            self._handle = asyncio.get_running_loop().call_later(self._seconds, self._check)

    def stop(self) -> None:
        """Stop the timer."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _check(self) -> None:
        self._handle = None
        if self._channel.unsent_bytes and self._channel.sent_bytes == self._sent_bytes and not self._is_excused():
            self._channel.transport.abort()
        else:
            self.start()
