"""Text formatting with guarded reads.

The C method `str.format` reads attributes unguarded (`"{0.__class__}"`). A subclass may call it under any name that it
has not overridden.
"""

import string
from _string import formatter_field_name_split  # type: ignore[import-not-found]  # CPython's own parser
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Read = Callable[[object, str], Any]
"""Guarded read of an attribute."""


def format_method(read: Read, target: object, name: str) -> Any:
    """Guarded `text.format` or `str.format`. Another object's own method of that name is returned as it is.

    Args:
        read: guarded read of an attribute.
        target: object that the program reads the method from.
        name: `format` or `format_map`.
    """
    kind = target if isinstance(target, type) else type(target)
    found = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
    if found is not vars(str)[name]:
        return getattr(target, name)

    def formatted(*arguments: Any, **keywords: Any) -> str:
        text, *rest = arguments if target is kind else (target, *arguments)
        formatter = _Formatter(read)
        return formatter.vformat(text, (), rest[0]) if name == "format_map" else formatter.vformat(text, rest, keywords)

    return formatted


def exact_text(value: object) -> str:
    """Text of a value, never of a subclass of `str`, whose methods the program may have written."""
    return str.__str__(str(value))


_AUTOMATIC, _MANUAL = "automatic field numbering", "manual field specification"


class _Formatter(string.Formatter):
    """`str.format` with guarded reads, for one text."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._numbering: str | None = None  # chosen by the first field with or without a number
        self._fields = 0

    def parse(self, format_string: str) -> Iterable[Any]:
        """Parse a text and number its fields, as `str.format` also numbers `{[0]}` and `{.real}`."""
        for literal, field, spec, conversion in super().parse(format_string):
            yield literal, None if field is None else self._number(field), spec, conversion

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, int | str]:
        first, rest = formatter_field_name_split(field_name)
        value = self.get_value(first, args, kwargs)
        for is_attribute, key in rest:
            value = self._read(value, key) if is_attribute else value[key]
        return value, first

    def _number(self, field: str) -> str:
        first, _ = formatter_field_name_split(field)
        if isinstance(first, str) and first:
            return field
        numbering = _AUTOMATIC if first == "" else _MANUAL
        if self._numbering not in (None, numbering):
            raise ValueError(f"cannot switch from {self._numbering} to {numbering}")
        self._numbering = numbering
        self._fields += 1
        return field if numbering is _MANUAL else f"{self._fields - 1}{field}"
