"""What a connection may cost before it asks for anything: uvicorn's HTTP protocol, with limits that it lacks.

A request's head must be whole in time, however slowly its bytes drip; a response that nobody reads is dropped; and
there is a most of open connections. Bodies have their own limits in `middleware.py`.
"""

import asyncio
import json
import resource
from collections.abc import Callable

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


def timeout_protocol(
    *,
    header_timeout_s: float,
    write_timeout_s: float,
    max_connections: int,
    parser: type[asyncio.Protocol] = AutoHTTPProtocol,
) -> type[asyncio.Protocol]:
    """The protocol for `uvicorn.Config(http=…)`.

    Args:
        header_timeout_s: seconds from a connection, or from the first byte of its next request, to the end of the head.
        write_timeout_s: seconds for which a response may be stuck because its reader takes nothing.
        max_connections: open connections at most; one more is answered 503 and closed.
        parser: uvicorn's own protocol; it has one on httptools, where that is installed, and one on h11.
    """

    class TimeoutProtocol(parser):  # type: ignore[misc, valid-type]
        """One connection."""

        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:
            """Refuse one too many; else wait for a head."""
            super().connection_made(transport)
            if len(self.connections) > max_connections:
                transport.write(_REFUSAL)
                transport.close()
            else:
                self._watch(header_timeout_s, self._late)

        def data_received(self, data: bytes) -> None:
            """Take in bytes; once they complete a head, its time has stopped."""
            if self.transport.is_closing():
                return
            super().data_received(data)
            if self._answering:
                self._unwatch()
            elif self._timer is None:  # the next request of this connection begins, or what is left of a refused one
                self._watch(header_timeout_s, self._late)

        def connection_lost(self, exc: Exception | None) -> None:
            """Stop waiting."""
            self._unwatch()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            """The reader lags behind."""
            super().pause_writing()
            self._watch(write_timeout_s, self._stuck)

        def resume_writing(self) -> None:
            """The reader has caught up."""
            super().resume_writing()
            self._unwatch()

        @property
        def _answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _late(self) -> None:
            self._timer = None
            if not self._answering:
                self.transport.abort()

        def _stuck(self) -> None:
            self._timer = None
            if self._answering and self.cycle.more_body:  # it may send all of its body before it reads
                self._watch(write_timeout_s, self._stuck)
            else:
                self.transport.abort()

        def _watch(self, seconds: float, then: Callable[[], None]) -> None:
            self._unwatch()
            self._timer = self.loop.call_later(seconds, then)

        def _unwatch(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return TimeoutProtocol


def raise_file_limit(connections: int) -> None:
    """Raise the soft limit on open files, where the hard one lets it, to so many connections and what else is open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
