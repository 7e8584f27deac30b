"""Turns of the connections in one event loop."""

import asyncio
import time
from collections import deque
from typing import Protocol

_TURNS_S = 0.002
"""Seconds of parsing in one turn of the event loop."""


class Waiting(Protocol):
    """Connection that can wait for a turn."""

    is_waiting: bool

    def take_turn(self) -> bool:
        """Parse a whole head, or a part of a body. Returns whether a request has begun."""


class Turns:
    """Round robin of connections that can parse more, so that one that sends much delays no other."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._is_scheduled = False

    def enter(self, connection: Waiting) -> None:
        """Give a connection a turn after the others."""
        if not connection.is_waiting:
            connection.is_waiting = True
            self._waiting.append(connection)
            self._schedule()

    def _schedule(self) -> None:
        if self._waiting and not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        """Give turns until the time is over or a request has begun, whose work needs the loop."""
        self._is_scheduled = False
        end = time.monotonic() + _TURNS_S
        while self._waiting:
            connection = self._waiting.popleft()
            connection.is_waiting = False
            if connection.take_turn() or time.monotonic() >= end:
                break
        self._schedule()
