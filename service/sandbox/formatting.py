"""`str.format` for programs under the policy: the same result, with attributes read through the guard.

The built-in method walks attributes in C (`"{0.__class__}"`), past every guard; this one does not.
"""

import string
from _string import formatter_field_name_split  # type: ignore[import-not-found]  # CPython's own parser
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Read = Callable[[object, str], Any]


def safe_format(read: Read, text: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> str:
    """`text.format(*arguments, **keywords)`."""
    return _Formatter(read).vformat(text, arguments, keywords)


class _Formatter(string.Formatter):
    def __init__(self, read: Read) -> None:
        self._read = read

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, int | str]:
        first, rest = formatter_field_name_split(field_name)
        value = self.get_value(first, args, kwargs)
        for is_attribute, key in rest:
            value = self._read(value, key) if is_attribute else value[key]
        return value, first
