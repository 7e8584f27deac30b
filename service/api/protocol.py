"""Uvicorn protocol with header and write timeouts and a connection limit.

The limits of request bodies are in `middleware.py`.
"""

import asyncio
import json
import resource
from collections.abc import Callable, Collection
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

_SPARE_FILES = 1024
_FULL = json.dumps(
    {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "Too many connections are open.",
        "request_id": None,
        "errors": [],
    }
).encode()
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(_FULL), _FULL)
)


class TimeoutProtocol(asyncio.Protocol):
    """Mixin of one connection, in front of a protocol of uvicorn. `timeout_protocol` combines the two."""

    header_timeout_s: float
    write_timeout_s: float
    max_connections: int

    # Attributes of uvicorn's protocols.
    connections: Collection[object]
    cycle: Any
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the header timeout, or refuse a connection over the limit."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self.transport.write(_REFUSAL)
            self.transport.close()
        else:
            self._start_timer(self.header_timeout_s, self._on_header_timeout)

    def data_received(self, data: bytes) -> None:
        """Parse bytes. A complete head stops the header timeout."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._is_responding:
            self._stop_timer()
        elif self._timer is None:  # the next request of this connection, or the rest of a refused one
            self._start_timer(self.header_timeout_s, self._on_header_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timeouts."""
        self._stop_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the write timeout: the client reads slower than the response is written."""
        super().pause_writing()
        self._start_timer(self.write_timeout_s, self._on_write_timeout)

    def resume_writing(self) -> None:
        """Stop the write timeout."""
        super().resume_writing()
        self._stop_timer()

    @property
    def _is_responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _on_header_timeout(self) -> None:
        self._timer = None
        if not self._is_responding:
            self.transport.abort()

    def _on_write_timeout(self) -> None:
        self._timer = None
        if self._is_responding and self.cycle.more_body:  # a client may send its whole body before it reads
            self._start_timer(self.write_timeout_s, self._on_write_timeout)
        else:
            self.transport.abort()

    def _start_timer(self, seconds: float, callback: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, callback)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def timeout_protocol(
    *,
    header_timeout_s: float,
    write_timeout_s: float,
    max_connections: int,
    parser: type[asyncio.Protocol] = AutoHTTPProtocol,
) -> type[asyncio.Protocol]:
    """Protocol class for `uvicorn.Config(http=…)`.

    Args:
        header_timeout_s: seconds for the head of a request, from the connection or the first byte of the next request.
        write_timeout_s: seconds without progress after which an unread response is dropped.
        max_connections: maximum number of open connections. A further one gets 503 and is closed.
        parser: protocol of uvicorn, on httptools if that is installed, else on h11.
    """
    limits = {
        "header_timeout_s": header_timeout_s,
        "write_timeout_s": write_timeout_s,
        "max_connections": max_connections,
    }
    return type("TimeoutProtocol", (TimeoutProtocol, parser), limits)


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
