"""JSON Lines: numbered lines of a body, and their values.

Byte order marks, the carriage returns of Windows and blank lines are left out. Blank lines count in the numbers.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from service.errors import ConfigurationError, json_reason

Line = tuple[int, bytes]
"""Line number, counted from 1, and content without the line end."""
BOM = b"\xef\xbb\xbf"
"""Byte order mark of UTF-8."""

_PIECE_BYTES = 1 << 16
_SEPARATORS = str.maketrans({char: f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"})


class LineSplitter:
    """Splits a body that arrives in pieces. Only a line feed ends a line.

    Args:
        max_line_bytes: maximum size of a line. A longer line is cut right after this size.
    """

    def __init__(self, max_line_bytes: int = sys.maxsize // 2) -> None:
        self._max_line_bytes = max_line_bytes
        self._number = 0
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[Line]:
        """Lines that end in the next piece of the body."""
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._number += 1
            if end or self._size:
                yield from self._line(end)
        self._add(rest)

    def end(self) -> Iterator[Line]:
        """Last line of a body that does not end with a line feed."""
        if self._size:
            self._number += 1
            yield from self._line(b"")

    def _line(self, end: bytes) -> Iterator[Line]:
        """Line with this end, unless it is blank."""
        if self._size:
            self._add(end)
            end = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
        line = end.removeprefix(BOM)[: self._max_line_bytes + 2].removesuffix(b"\r")[: self._max_line_bytes + 1]
        if line and not line.isspace():
            yield self._number, line

    def _add(self, part: bytes) -> None:
        """Append to the incomplete line as much as its check needs."""
        kept = part[: max(0, self._max_line_bytes + len(BOM) + 2 - self._size)]
        if kept:
            self._parts.append(kept)
            self._size += len(kept)


def file_lines(path: Path, max_line_bytes: int = sys.maxsize // 2) -> Iterator[Line]:
    """Lines of a file that are not blank. A longer line than the maximum is cut right after it."""
    splitter = LineSplitter(max_line_bytes)
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield from splitter.feed(piece)
    yield from splitter.end()


def json_value(line: bytes) -> Any:
    """Value of a line. NaN, the missing value of data frames, is None.

    Raises:
        ValueError: the line is not UTF-8 text or not valid JSON. `json_reason` words it.
        RecursionError: the value is nested too deeply.
    """
    return json.loads(line.decode(), parse_constant=lambda name: None if name == "NaN" else float(name))


def json_line(fields: object) -> bytes:
    """Line of a value. Lone surrogates, which UTF-8 cannot encode, are escaped."""
    try:
        return json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(fields).encode()


def escaped(text: str) -> str:
    """JSON text with escapes for the separators at which `str.splitlines` and its like end a line."""
    return text if text.isascii() else text.translate(_SEPARATORS)


def is_encodable(text: str) -> bool:
    """Whether UTF-8 can encode a text, which may hold lone surrogates from JSON."""
    return encodable(text) == text


def encodable(text: str) -> str:
    """Text with a question mark for each lone surrogate, which UTF-8 cannot encode."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def json_objects(lines: Iterable[Line], place: str, unit: str = "line") -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and fields of each line, for a file without invalid lines.

    Args:
        lines: the lines.
        place: name of the file.
        unit: name of a line in messages.

    Raises:
        ConfigurationError: a line is not a JSON object. The lines before it have been yielded.
    """
    for number, line in lines:
        where = f"{place}, {unit} {number}: the {unit} is not"
        try:
            fields = json_value(line)
        except (ValueError, RecursionError) as error:
            raise ConfigurationError(f"{where} valid JSON: {json_reason(error)}") from None
        if not isinstance(fields, dict):
            raise ConfigurationError(f"{where} a JSON object.")
        yield number, fields
