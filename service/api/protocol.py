"""HTTP/1.1 connections with limits on heads, pipelining and time.

Uvicorn's protocol on h11 parses and answers the requests. `Connection` gives it one request at a time, and only
complete heads within the limits. The limits of request bodies are in `middleware.py`.
"""

import asyncio
import re
import resource
import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import h11

from service.api.parser import MAX_READ_BYTES, Channel, HttpProtocol
from service.api.refusal import refusal
from service.settings import Settings

_CHUNKED_BYTES = 512
"""Bytes of a chunked body that are parsed at once. At worst they are 85 chunks of one byte, which take about 1 ms."""
_TURNS_S = 0.002
"""Seconds of parsing in one turn of the event loop."""
_MAX_EMPTY_BYTES = 256
"""Bytes of empty lines in front of a request that are ignored."""
_LINGER_S = 2.0
_LINGER_BYTES = 256 * 1024
_SPARE_FILES = 1024
_HEAD_END = re.compile(rb"\n\r?\n")  # as h11 finds it
_LEAST = 0x21
"""Least byte that a request line may start with. A handshake of TLS starts with a lower one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a connection.

    Args:
        header_timeout_s: seconds for the head of a request, from the connection or the first byte of the next request.
        write_timeout_s: seconds without progress after which an unread response is dropped.
        max_connections: maximum number of open connections. A further one gets 503 and is closed.
        max_head_bytes: maximum size of the head of a request. A larger one gets 414 or 431.
        max_headers: maximum number of header lines of a request. More get 431.
    """

    header_timeout_s: float
    write_timeout_s: float
    max_connections: int
    max_head_bytes: int
    max_headers: int


def http_options(settings: Settings) -> dict[str, Any]:
    """Arguments of `uvicorn.Config` for connections with the limits of the settings."""
    limits = Limits(
        header_timeout_s=settings.header_timeout_s,
        write_timeout_s=settings.write_timeout_s,
        max_connections=settings.max_connections,
        max_head_bytes=settings.max_head_bytes,
        max_headers=settings.max_headers,
    )
    return {
        "http": partial(Connection, limits, Turns(), bytearray(MAX_READ_BYTES)),
        "ws": "none",
        "timeout_keep_alive": settings.keep_alive_s,
        "proxy_headers": False,  # no answer depends on the address of the client or on the scheme
        "server_header": False,
        "access_log": False,
    }


class Turns:
    """Round robin of connections that can parse more, so that one that sends much delays no other."""

    def __init__(self) -> None:
        self._waiting: deque[Connection] = deque()
        self._is_scheduled = False

    def enter(self, connection: "Connection") -> None:
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
        self._http = HttpProtocol(self._wake, self.refuse, **options)
        self._channel = Channel(self._wake, self._close)
        self._loop = self._http.loop
        self._held = bytearray()  # bytes that were read and not parsed
        self._searched = 0  # start of `_held` in which no head ends
        self._discarded: int | None = None  # bytes read since the end of the responses
        self._is_reading = True
        self._skipped = 0  # bytes of empty lines in front of the next head
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the header timeout, or refuse a connection over the limit."""
        transport = cast(asyncio.Transport, transport)  # the transport of uvloop is not a subclass
        self._transport = self._channel.transport = transport
        self._http.connection_made(self._channel)
        if len(self._http.connections) > self._limits.max_connections:
            transport.write(refusal(503, "Too many connections are open.", self._http.default_headers, retry_after_s=1))
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
        for handle in (self._head_timer, self._write_timer):
            if handle is not None:
                handle.cancel()
        self._held.clear()
        self._channel.is_closed = True
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the write timeout: the client reads slower than the response is written."""
        self._http.pause_writing()
        self._start_write_timer()

    def resume_writing(self) -> None:
        """Stop the write timeout."""
        self._http.resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()

    def refuse(self, status: int, detail: str) -> None:
        """Answer an invalid request, and close the connection. An open response is cut."""
        cycle = self._http.cycle
        if self._http.is_responding:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self._transport.abort()
                return
        target = bytes(self._held[: self._limits.max_head_bytes]).partition(b" ")[2]
        self._channel.write(refusal(status, detail, self._http.default_headers, is_openai=target.startswith(b"/v1/")))
        self._channel.close()

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

    def _wake(self) -> None:
        if not self._channel.is_closing():
            self._turns.enter(self)

    def _parse_head(self) -> bool:
        """Parse the next head. Returns False if it is incomplete or refused."""
        end = self._head_end()
        limits = self._limits
        if (self._held and self._held[0] < _LEAST) or self._skipped > _MAX_EMPTY_BYTES:
            self.refuse(400, "The request is not valid HTTP/1.1.")
        elif (end or len(self._held)) > limits.max_head_bytes:
            if b"\n" in self._held[: limits.max_head_bytes]:
                self.refuse(431, f"The head of the request is larger than {limits.max_head_bytes} bytes.")
            else:
                self.refuse(414, f"The request line is longer than {limits.max_head_bytes} bytes.")
        elif end is not None:
            if self._held.count(b"\n", 0, end) > limits.max_headers + 2:  # the request line, the empty line
                self.refuse(431, f"The request has more than {limits.max_headers} header lines.")
            else:
                self._searched = self._skipped = 0
                self._parse(end)
                return True
        return False

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

    def _start_write_timer(self) -> None:
        self._write_timer = self._loop.call_later(self._limits.write_timeout_s, self._on_write_timeout)

    def _on_write_timeout(self) -> None:
        if self._http.is_responding and self._http.cycle.more_body:
            self._start_write_timer()  # a client may send its whole body before it reads
        else:
            self._transport.abort()

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
            self._transport.close()


def raise_file_limit(connections: int) -> None:
    """Raise the soft limit on open files, up to the hard limit.

    Args:
        connections: maximum number of open connections. 1024 further files are allowed for.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
