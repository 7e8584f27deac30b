"""HTTP/1.1 parser of a connection: uvicorn's protocol on h11."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_READ_BYTES = 16 * 1024
"""Maximum number of bytes of one read. A connection holds at most this and one head."""
_MAX_CHUNK_LINE_BYTES = 4096


class Parser(h11.Connection):
    """Parser that gives back what follows a request."""

    def take_unparsed(self) -> bytes:
        """Remove the bytes that were received and not parsed."""
        return bytes(self._receive_buffer.maybe_extract_at_most(MAX_READ_BYTES) or b"")


class HttpProtocol(H11Protocol):
    """Uvicorn's protocol on h11, without upgrades.

    Args:
        on_response: called after each response.
        on_invalid: called with status and detail of the refusal of an invalid request.
        options: arguments of uvicorn's protocols.
    """

    conn: Parser

    def __init__(self, on_response: Callable[[], None], on_invalid: Callable[[int, str], None], **options: Any) -> None:
        super().__init__(**options)
        self.conn = Parser(h11.SERVER, _MAX_CHUNK_LINE_BYTES)
        self._on_response = on_response
        self._on_invalid = on_invalid

    @property
    def is_received(self) -> bool:
        """Whether the current request has arrived completely."""
        return self.conn.their_state not in (h11.IDLE, h11.SEND_BODY, h11.ERROR)

    @property
    def is_responding(self) -> bool:
        """Whether a response is not complete."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def is_receiving(self) -> bool:
        """Whether the body of a request arrives whose response is not complete."""
        return self.is_responding and bool(self.cycle.more_body)

    @property
    def is_chunked(self) -> bool:
        """Whether the body of the current request has chunks."""
        return any(name == b"transfer-encoding" for name, _ in self.headers)

    @property
    def is_draining(self) -> bool:
        """Whether the response is complete, and the rest of its request still arrives."""
        return self.conn.their_state is h11.SEND_BODY and not self.is_responding

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers of every response, such as Date."""
        return self.server_state.default_headers

    def on_response_complete(self) -> None:
        """Continue with the next request."""
        super().on_response_complete()
        self._on_response()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that h11 could not parse. Its message could hold a header, so it is not sent."""
        error = sys.exc_info()[1]
        is_unknown_coding = isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == 501
        if is_unknown_coding:
            self._on_invalid(501, "The Transfer-Encoding must be chunked.")
        else:
            self._on_invalid(400, "The request is not valid HTTP/1.1.")

    def stop_keep_alive(self) -> None:
        """Stop the timeout of an idle connection."""
        self._unset_keepalive_if_required()

    def shutdown(self) -> None:
        """End a connection without an open request at once, and any other after its response."""
        if not self.transport.is_closing():
            super().shutdown()

    def _should_upgrade(self) -> bool:
        return False  # an offer of another protocol is ignored (RFC 9110, section 7.8)


class Channel(asyncio.Transport):
    """Transport of uvicorn's protocol, without its reads.

    Args:
        on_resume: called when the protocol can take more of a body.
        on_close: closes the connection.
    """

    transport: asyncio.Transport

    def __init__(self, on_resume: Callable[[], None], on_close: Callable[[], None]) -> None:
        super().__init__()
        self.is_paused = False
        self.is_closed = False
        self._written_bytes = 0
        self._on_resume = on_resume
        self._on_close = on_close

    @property
    def unsent_bytes(self) -> int:
        """Number of written bytes that the kernel has not taken."""
        return self.transport.get_write_buffer_size()

    @property
    def sent_bytes(self) -> int:
        """Number of written bytes that the kernel has taken."""
        return self._written_bytes - self.unsent_bytes

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Information of the transport."""
        return self.transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Whether no more can be written."""
        return self.is_closed or self.transport.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, unless the connection is closed."""
        if data and not self.is_closing():
            self._written_bytes += len(data)
            self.transport.write(data)

    def close(self) -> None:
        """Close the connection after what was written."""
        if not self.is_closing():
            self._on_close()

    def pause_reading(self) -> None:
        """Take no more of a body."""
        self.is_paused = True

    def resume_reading(self) -> None:
        """Take more of a body."""
        self.is_paused = False
        self._on_resume()
