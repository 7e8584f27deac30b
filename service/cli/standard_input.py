"""Texts on standard input, in place of arguments."""

import sys

from service.errors import InputError

DASH = "-"
"""Argument for the text on standard input."""


def is_piped(argument: str | None) -> bool:
    """Whether the text of an argument is on standard input. Without an argument, a terminal is not read."""
    return argument == DASH or (argument is None and sys.stdin is not None and not sys.stdin.isatty())


def text_from_stdin(max_bytes: int, field: str) -> str | None:
    """Text on standard input, or None if it is closed or blank.

    Args:
        max_bytes: maximum size in bytes.
        field: field of the request, for errors.

    Raises:
        InputError: the input is too long, or is not UTF-8.
    """
    if sys.stdin is None:
        return None
    content = sys.stdin.buffer.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise InputError(f"Standard input has over {max_bytes} bytes. Give a file with --input.", field)
    try:
        return content.decode("utf-8-sig").strip() or None
    except UnicodeDecodeError as error:
        raise InputError(f"Standard input is not UTF-8 text: byte {error.start} is invalid.", field) from None
