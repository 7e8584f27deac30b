"""Attacks on the connections of a service: `python -m tests.support.attacks NAME PORT SECONDS`."""

import contextlib
import itertools
import json
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterator

Sent = Iterator[bytes]
"""Pieces that one connection sends."""

_HEAD = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: %b\r\n%b\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
_PROBLEM = json.dumps({"problem": "How many?", "paths": {"cot": 64, "pot": 0}, "policy": "fixed"}).encode()
_JSON, _LINES = b"application/json", b"application/x-ndjson"


_kept: list[socket.socket] = []


def _endless(start: bytes, piece: bytes) -> Sent:
    return itertools.chain([start], itertools.repeat(piece))


def _drip(start: bytes, slow: bytes) -> Sent:
    yield start
    for byte in itertools.cycle(slow):
        time.sleep(0.01)
        yield bytes([byte])


def _flood(path: bytes) -> Sent:
    return _endless(b"", (_GET % path) * 1000)


def _parts(path: bytes, field: str, part: bytes) -> bytes:
    """Request whose message has as many parts as its body has room for."""
    parts = b",".join([part] * (63_000 // (len(part) + 1)))
    body = b'{"model":"twinpath","%b":[{"role":"user","content":[%b]}]}' % (field.encode(), parts)
    return _HEAD % (path, _JSON, b"Content-Length: %d\r\n" % len(body)) + body


def _stream() -> bytes:
    return _HEAD % (b"/solve/stream", _JSON, b"Content-Length: %d\r\n" % len(_PROBLEM)) + _PROBLEM


ATTACKS: dict[str, tuple[int, Callable[[], Sent]]] = {
    "header value without end": (1, lambda: _endless(b"GET /health HTTP/1.1\r\nHost: x\r\nx: ", b"a" * 65536)),
    "header lines without end": (1, lambda: _endless(b"GET / HTTP/1.1\r\nHost: x\r\n", b"a: b\r\n" * 10000)),
    "request line without end": (20, lambda: _endless(b"GET /", b"a" * 65536)),
    "requests of 20 connections, nothing read": (20, lambda: iter([(_GET % b"/") * 14000])),
    "requests of 60 connections, nothing read": (60, lambda: iter([(_GET % b"/") * 14000])),
    "documents of 60 connections, nothing read": (60, lambda: iter([(_GET % b"/openapi.json") * 14000])),
    "requests without end": (20, lambda: _flood(b"/health")),
    "a head that drips during a stream": (1, lambda: _drip(_stream(), b"GET /health HTTP/1.1\r\n")),
    "chunks of one byte": (20, lambda: _endless(_HEAD % (b"/solve", _JSON, _CHUNKED), b"1\r\n \r\n" * 5000)),
    "chunks of one byte in a batch": (
        20, lambda: _endless(_HEAD % (b"/solve/batch", _LINES, _CHUNKED), b"1\r\n\n\r\n" * 5000),
    ),
    "chunk extension without end": (
        20, lambda: _endless(_HEAD % (b"/solve/batch", _LINES, _CHUNKED) + b"1;", b"a" * 65536),
    ),
    "trailers without end": (
        20, lambda: _endless(_HEAD % (b"/solve/batch", _LINES, _CHUNKED) + b"0\r\n", b"a: b\r\n" * 10000),
    ),
    "empty lines without end": (20, lambda: _endless(b"", b"\r\n" * 30000)),
    "content of many parts": (
        4, lambda: _endless(b"", _parts(b"/v1/chat/completions", "messages", b'{"type":"text","text":""}')),
    ),
    "content of many short parts": (
        4, lambda: _endless(b"", _parts(b"/v1/responses", "input", b'{"type":"text"}')),
    ),
    "content of many invalid parts": (4, lambda: _endless(b"", _parts(b"/v1/chat/completions", "messages", b"{}"))),
    "bytes that are no HTTP": (20, lambda: _endless(b"", b"\x16\x03\x01" * 20000)),
}  # fmt: skip
"""Name → number of connections, and maker of what each sends."""


def run(name: str, port: int, seconds: float) -> None:
    """Attack for a time. A connection that the service closed is opened again."""
    count, make = ATTACKS[name]
    end = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for _ in range(count):
            _open(selector, port, make())
        while time.monotonic() < end:
            for key, _ in selector.select(0.1):
                _send(selector, key, port, make)


def _open(selector: selectors.BaseSelector, port: int, pieces: Sent) -> None:
    raw = socket.create_connection(("127.0.0.1", port))
    raw.setblocking(False)
    selector.register(raw, selectors.EVENT_WRITE, [pieces, b""])


def _send(selector: selectors.BaseSelector, key: selectors.SelectorKey, port: int, make: Callable[[], Sent]) -> None:
    raw, state = key.fileobj, key.data
    assert isinstance(raw, socket.socket)
    try:
        state[1] = state[1] or next(state[0])
        state[1] = state[1][raw.send(state[1]) :]
    except BlockingIOError:
        return
    except StopIteration:  # all is sent, and the connection stays open
        selector.unregister(raw)
        _kept.append(raw)
    except OSError:
        selector.unregister(raw)
        raw.close()
        with contextlib.suppress(OSError):
            _open(selector, port, make())


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
