"""HTTP/1.1 connections with limits on heads, pipelining and time.

Uvicorn's protocol on h11 parses and answers the requests. `Connection` gives it one request at a time, and only
complete heads within the limits. The limits of request bodies are in `middleware.py`.
"""

import asyncio
import re
from functools import partial
from typing import Any, cast

import h11

from service.api.connection_limits import Limits, limits_of
from service.api.cors import cors_headers
from service.api.heads import INVALID, head_refusal, origin_of, target_of
from service.api.parser import MAX_READ_BYTES, Channel, HttpProtocol
from service.api.refusal import refusal
from service.api.targets import is_openai, normalized_path, without_origin
from service.api.turns import Turns
from service.api.write_timeout import WriteTimeout
from service.settings import Settings

_CHUNKED_BYTES = 512
"""Bytes of a chunked body that are parsed at once. At worst they are 85 chunks of one byte, which take about 1 ms."""
_MAX_EMPTY_BYTES = 256
"""Bytes of empty lines in front of a request that are ignored."""
_LINGER_S = 2.0
_LINGER_BYTES = 256 * 1024
_HEAD_END = re.compile(rb"\n\r?\n")  # as h11 finds it


def http_options(settings: Settings) -> dict[str, Any]:
    """Arguments of `uvicorn.Config` for connections with the limits of the settings."""
    return {
        "http": partial(Connection, limits_of(settings), Turns(), bytearray(MAX_READ_BYTES)),
        "ws": "none",
        "timeout_keep_alive": settings.keep_alive_s,
        "proxy_headers": False,  # no answer depends on the address of the client or on the scheme
        "server_header": False,
        "access_log": False,
    }


class Connection(asyncio.BufferedProtocol):
    """Connection in front of uvicorn's protocol.

    It parses the next request only after the response to the one before. Until then it holds at most one head, and
    reads no further.

    Args:
        limits: limits of the connection.
        turns: turns of all connections.
        buffer: memory that every connection of the loop reads into.
        options: arguments of uvicorn's protocols.
    """

    _transport: asyncio.Transport

    def __init__(self, limits: Limits, turns: Turns, buffer: bytearray, **options: Any) -> None:
        self.is_waiting = False  # for its turn
        self._limits = limits
        self._turns = turns
        self._buffer = buffer
        self._http = HttpProtocol(self._on_response, self.refuse, **options)
        self._channel = Channel(self._wake, self._close)
        self._loop = self._http.loop
        self._held = bytearray()  # bytes that were read and not parsed
        self._searched = 0  # start of `_held` in which no head ends
        self._discarded: int | None = None  # bytes read since the end of the responses
        self._is_reading = True
        self._skipped = 0  # bytes of empty lines in front of the next head
        self._head_timer: asyncio.TimerHandle | None = None
        self._target = b""  # of the request that is parsed, without its query
        self._origin = ""  # of the same request, if pages of other origins are allowed
        # A client may send its whole body before it reads.
        self._write_timeout = WriteTimeout(self._channel, limits.write_timeout_s, lambda: self._http.is_receiving)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the header timeout, or refuse a connection over the limit."""
        transport = cast(asyncio.Transport, transport)  # the transport of uvloop is not a subclass
        self._transport = self._channel.transport = transport
        self._http.connection_made(self._channel)
        if len(self._http.connections) > self._limits.max_connections:
            transport.write(self._refusal(503, "Too many connections are open.", retry_after_s=1))
            transport.close()
        else:
            self._expect_bytes(True)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Memory for the next read."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hold the bytes, and parse what can be parsed now."""
        if self._discarded is None:
            self._held += self._buffer[:nbytes]
            if self._http.conn.their_state is h11.IDLE and not self.is_waiting:
                self.take_turn()
            else:
                self._set_flow()
            if self._http.is_draining and not self._channel.is_closing():
                self._expect_bytes(True)
            return
        self._discarded += nbytes
        if self._discarded > _LINGER_BYTES:
            self._read(False)  # until the end of its time, so that a flood cannot connect again at once

    def eof_received(self) -> None:
        """Close the connection: a half-closed one costs nothing."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timeouts, and end the request."""
        self._expect_bytes(False)
        self._write_timeout.stop()
        self._held.clear()
        self._channel.is_closed = True
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the write timeout: the client reads slower than the response is written."""
        self._http.pause_writing()
        self._write_timeout.start()

    def resume_writing(self) -> None:
        """Write on."""
        self._http.resume_writing()

    def refuse(self, status: int, detail: str) -> None:
        """Answer an invalid request, and close the connection. An open response is cut."""
        cycle = self._http.cycle
        if self._http.is_responding:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self._transport.abort()
                return
        self._channel.write(self._refusal(status, detail))
        self._channel.close()

    def _refusal(self, status: int, detail: str, retry_after_s: int | None = None) -> bytes:
        path = normalized_path(without_origin(self._target), self._limits.root_path)
        named = cors_headers(self._origin, self._limits.cors_origins)
        headers = [*self._http.default_headers, *((name.encode(), value.encode()) for name, value in named.items())]
        return refusal(status, detail, headers, is_openai=is_openai(path), retry_after_s=retry_after_s)

    def take_turn(self) -> bool:
        """Parse a whole head, or a part of a body.

        Returns:
            Whether a request has begun.
        """
        if self._channel.is_closing():
            return False
        phase, has_begun = self._http.conn.their_state, False
        if phase is h11.IDLE:
            has_begun = self._parse_head()
        elif phase is h11.SEND_BODY and self._held and not self._channel.is_paused:
            self._parse(_CHUNKED_BYTES if self._http.is_chunked else MAX_READ_BYTES)
        if not self._channel.is_closing():
            self._set_flow()
        return has_begun

    def _on_response(self) -> None:
        self._write_timeout.start()
        self._wake()

    def _wake(self) -> None:
        if not self._channel.is_closing():
            self._turns.enter(self)

    def _parse_head(self) -> bool:
        """Parse the next head. Returns False if it is incomplete or refused."""
        end = self._head_end()
        too_many = self._skipped > _MAX_EMPTY_BYTES
        refused = INVALID if too_many else head_refusal(self._held, end, self._limits)
        if refused or end:
            self._target = target_of(self._held[: min(end or len(self._held), self._limits.max_head_bytes)])
            self._origin = origin_of(self._held[:end]) if self._limits.cors_origins else ""
        if refused:
            self.refuse(*refused)
        elif end:
            self._searched = self._skipped = 0
            self._parse(end)
        return end is not None and not refused

    def _parse(self, count: int) -> None:
        data = bytes(self._held[:count])
        del self._held[:count]
        self._http.data_received(data)
        if self._http.is_received:
            self._held[:0] = self._http.conn.take_unparsed()

    def _head_end(self) -> int | None:
        """End of the next head in the held bytes, if it is complete."""
        held = self._held
        if held.startswith((b"\r", b"\n")):  # empty lines in front of a request (RFC 9112, section 2.2)
            empty = len(held) - len(held.lstrip(b"\r\n"))
            del held[:empty]
            self._skipped += empty
            self._searched = 0
        found = _HEAD_END.search(held, max(0, self._searched - 2))
        self._searched = found.start() if found else len(held)
        return found.end() if found else None

    def _set_flow(self) -> None:
        """Ask for the next turn, read or stop reading, and start or stop the timeout of what the client must send."""
        phase = self._http.conn.their_state
        if phase is h11.SEND_BODY:
            can_parse = bool(self._held) and not self._channel.is_paused
            is_wanted = not self._held and not self._channel.is_paused
            is_late = self._http.is_draining and self._head_timer is not None
        else:
            has_head = self._head_end() is not None
            can_parse = has_head and phase is h11.IDLE
            is_wanted = not has_head and len(self._held) <= self._limits.max_head_bytes
            is_late = (bool(self._held) or self._http.cycle is None) and not has_head
        if can_parse:
            self._turns.enter(self)
        self._read(is_wanted)
        self._expect_bytes(is_late)

    def _read(self, is_wanted: bool) -> None:
        if is_wanted != self._is_reading:
            self._is_reading = is_wanted
            (self._transport.resume_reading if is_wanted else self._transport.pause_reading)()

    def _expect_bytes(self, is_late: bool) -> None:
        if not is_late and self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        elif is_late and self._head_timer is None:
            self._http.stop_keep_alive()
            self._head_timer = self._loop.call_later(self._limits.header_timeout_s, self._transport.abort)

    def _close(self) -> None:
        """Close the connection. If the client still sends, discard that for a while.

        Otherwise the kernel would reset the connection, and the client could lose the response.
        """
        phase = self._http.conn.their_state
        self._channel.is_closed = True
        if phase in (h11.SEND_BODY, h11.ERROR) or (phase is h11.IDLE and self._held):
            self._discarded = 0
            self._held.clear()
            self._transport.write_eof()
            self._read(True)
            self._expect_bytes(False)
            self._head_timer = self._loop.call_later(_LINGER_S, self._transport.abort)
        else:
            self._write_timeout.start()
            self._transport.close()
