"""Heads of requests before they are parsed: their limits, targets and origins."""

import re

from service.api.connection_limits import Limits

INVALID = 400, "The request is not valid HTTP/1.1."
_ORIGIN = re.compile(rb"\norigin:[ \t]*([!-~]+)[ \t]*\r?\n", re.IGNORECASE)
_LEAST = 0x21
"""Least byte that a request line may start with. A handshake of TLS starts with a lower one."""


def head_refusal(held: bytearray, end: int | None, limits: Limits) -> tuple[int, str] | None:
    """Status and detail of the refusal of a head.

    Args:
        held: bytes that begin with the head.
        end: end of the head in the held bytes. None until it has arrived.
        limits: limits of the connection.
    """
    if held and held[0] < _LEAST:
        return INVALID
    if (end or len(held)) > limits.max_head_bytes:
        if b"\n" in held[: limits.max_head_bytes]:
            return 431, f"The head of the request is larger than {limits.max_head_bytes} bytes."
        return 414, f"The request line is longer than {limits.max_head_bytes} bytes."
    if end and held.count(b"\n", 0, end) > limits.max_headers + 2:  # the request line, the empty line
        return 431, f"The request has more than {limits.max_headers} header lines."
    return None


def origin_of(head: bytes | bytearray) -> str:
    """Header Origin of a head. Empty if there is none."""
    found = _ORIGIN.search(head)
    return found[1].decode("latin-1") if found else ""


def target_of(head: bytes | bytearray) -> bytes:
    """Target of the request line of a head, without its query. Empty if there is none."""
    words = head.partition(b"\n")[0].split(maxsplit=2)
    return bytes(words[1].partition(b"?")[0]) if len(words) > 1 else b""
