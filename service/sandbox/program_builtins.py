"""Builtins of programs, and the types that their guards know."""

import builtins
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

from service.sandbox.facades import FACADES, end_program
from service.sandbox.names import RefusedError

_OFFERED_BUILTINS = (
    "abs all any ascii bin bool bytes bytearray callable chr classmethod complex dict divmod enumerate filter float "
    "format frozenset hash hex id int isinstance issubclass iter len list map max min next object oct ord pow property "
    "range repr reversed round set slice sorted staticmethod str sum super tuple zip "
    "None True False Ellipsis NotImplemented"
).split()
_EXCEPTIONS = {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException) and not name.endswith("Group")
}
CONTAINERS: set[type] = {
    *(dict, list, set, bytearray, defaultdict, Counter, OrderedDict, deque, ChainMap, UserDict, UserList),
    type(Context().traps),
}
"""Types whose items a program may change."""

NAMEABLE: set[type] = {
    *(int, float, complex, bool, str, bytes, tuple, frozenset, range, slice, type(None), object, Fraction, Decimal),
    *(date, datetime, time, timedelta, timezone, *CONTAINERS),
}
"""Types that `type()` may return, besides exceptions. The type of a function or of a class could create others."""


def _refused_builtin(name: str) -> Callable[..., None]:
    def refused(*_: object, **__: object) -> None:
        raise RefusedError(f"{name}() is not available to programs")

    return refused


BUILTINS: dict[str, Any] = {
    **{name: _refused_builtin(name) for name in vars(builtins) if not name.startswith("_")},
    **{name: getattr(builtins, name) for name in _OFFERED_BUILTINS},
    **_EXCEPTIONS,
    "exit": end_program,
    "quit": end_program,
    "math": FACADES["math"],  # models forget its import
    "__build_class__": builtins.__build_class__,
}
"""Name → builtin, the same for every program. `guards.py` adds those that need its guards."""
