"""Untrusted text, made safe for a terminal."""

import unicodedata

_NOT_PRINTED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str, encoding: str = "utf-8") -> str:
    """Text without escape sequences, control characters and bidirectional overrides.

    Line feeds and tabs stay. Every other such character, and every character outside the encoding, is replaced.

    Args:
        text: untrusted text.
        encoding: encoding of the terminal.
    """
    lines = text.replace("\r\n", "\n")
    shown = "".join(
        _REPLACEMENT if unicodedata.category(char) in _NOT_PRINTED and char not in "\n\t" else char for char in lines
    )
    return shown.encode(encoding, "replace").decode(encoding)


def one_line(text: str, encoding: str = "utf-8") -> str:
    """`printable` text with single spaces for all white space."""
    return printable(" ".join(text.split()), encoding)
