"""Enumerations of programs.

`enum.Enum("E", names)` makes a class from any names, special methods among them. Here it takes names of members only.
"""

import enum
from collections.abc import Mapping
from typing import Any

from service.sandbox.names import RefusedError, is_private


class EnumerationType(enum.EnumMeta):
    """Type of the enumerations of programs."""

    def __call__(cls, value: Any, names: Any = None, *more: Any, start: int = 1) -> Any:  # type: ignore[override]
        if more:
            raise RefusedError("an enumeration takes one list of names")
        if names is None:
            return super().__call__(value)
        if type(value) is not str:
            raise TypeError("the name of an enumeration must be a string")
        return super().__call__(value, _members(names), start=start)


def _members(names: Any) -> list[Any]:
    """Names of members, or pairs of name and value."""
    if isinstance(names, str):
        names = str.split(str.replace(names, ",", " "))
    listed = list(names.items()) if isinstance(names, Mapping) else list(names)
    members = [item if type(item) is str else tuple(item) for item in listed]
    for member in members:
        name = member if type(member) is str else member[0]
        if type(name) is not str or is_private(name):
            raise RefusedError("the name of a member must be a public string")
    return members


class Enum(enum.Enum, metaclass=EnumerationType):
    """`enum.Enum`."""


class IntEnum(enum.IntEnum, metaclass=EnumerationType):
    """`enum.IntEnum`."""


class StrEnum(enum.StrEnum, metaclass=EnumerationType):
    """`enum.StrEnum`."""


class Flag(enum.Flag, metaclass=EnumerationType):
    """`enum.Flag`."""


class IntFlag(enum.IntFlag, metaclass=EnumerationType):
    """`enum.IntFlag`."""


ENUMERATIONS: tuple[type, ...] = (Enum, IntEnum, StrEnum, Flag, IntFlag)
