"""Facades whose members need the guards of one program.

Their functions read or change attributes by name, or make classes: `operator.attrgetter`, `functools.wraps`,
`dataclasses.dataclass`, `collections.namedtuple`.
"""

import collections
import contextlib
import functools
import operator
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any, Protocol

from service.sandbox.classes import ABSTRACT_TYPES, Classes, Generic, Hint, NamedTuple, TypedDict
from service.sandbox.classes import Protocol as ProgramProtocol
from service.sandbox.dataclass_facade import DataClasses
from service.sandbox.facades import FACADES, end_program
from service.sandbox.formatting import exact_text
from service.sandbox.modules import Facade, members_of
from service.sandbox.names import RefusedError

_MAX_RECURSION = 10_000
"""Highest recursion limit that a program may set. The stack of a child has room for nearly every recursion so deep."""

_COPIED_BY_WRAPS = ("__name__", "__qualname__", "__doc__")


class ProgramGuards(Protocol):
    """Guards of a program, as `guards.py` implements them."""

    classes: Classes
    stdout: "Stream"
    stderr: "Stream"

    def read(self, target: object, name: str) -> Any:
        """Guarded `target.name`."""

    def write(self, target: Any) -> Any:
        """Object that the program may change."""


class Stream:
    """`sys.stdout` or `sys.stderr` of a program.

    Args:
        write: called with each text.
    """

    __slots__ = ("_write",)

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def write(self, text: str) -> int:
        """Write a text and return its number of characters."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        exact = exact_text(text)
        self._write(exact)
        return len(exact)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Do nothing: the program's output is kept until it ends."""

    def isatty(self) -> bool:
        """Whether it is a terminal, which is never the case."""
        return False


def _collections(guards: ProgramGuards) -> Facade:
    names = "ChainMap Counter OrderedDict UserDict UserList defaultdict deque"
    members = members_of(collections, names) | {"namedtuple": _namedtuple(guards)}
    return Facade("collections", members | {"abc": FACADES["collections.abc"]}, star_names=members)


def _namedtuple(guards: ProgramGuards) -> Callable[..., Any]:
    def namedtuple(typename: str, field_names: Any, *, rename: bool = False, defaults: Any = None) -> Any:
        return guards.classes.add(collections.namedtuple(typename, field_names, rename=rename, defaults=defaults))

    return namedtuple


def _dataclasses(guards: ProgramGuards) -> Facade:
    return Facade("dataclasses", DataClasses(guards.read, guards.write, guards.classes).members())


def _functools(guards: ProgramGuards) -> Facade:
    def update_wrapper(wrapper: Any, wrapped: Any) -> Any:
        if isinstance(wrapper, FunctionType):
            guards.write(wrapper)
            for name in _COPIED_BY_WRAPS:
                with contextlib.suppress(AttributeError, RefusedError):
                    setattr(wrapper, name, guards.read(wrapped, name))
            if isinstance(wrapped, FunctionType):
                vars(wrapper).update(vars(wrapped))
        return wrapper

    def total_ordering(cls: Any) -> Any:
        return functools.total_ordering(guards.write(cls))

    names = (
        "reduce lru_cache cache partial partialmethod cmp_to_key cached_property singledispatch singledispatchmethod"
    )
    own = {
        "total_ordering": total_ordering,
        "update_wrapper": update_wrapper,
        "wraps": lambda wrapped: lambda wrapper: update_wrapper(wrapper, wrapped),
    }
    return Facade("functools", members_of(functools, names) | own)


def _operator(guards: ProgramGuards) -> Facade:
    def attrgetter(*names: str) -> Callable[[Any], Any]:
        getters = [_path_reader(guards, name) for name in names]
        return getters[0] if len(getters) == 1 else lambda target: tuple(get(target) for get in getters)

    def methodcaller(name: str, /, *arguments: Any, **keywords: Any) -> Callable[[Any], Any]:
        path = _path(name)
        return lambda target: functools.reduce(guards.read, path, target)(*arguments, **keywords)

    names = (
        "abs add and_ call concat contains countOf eq floordiv ge gt iadd iand ifloordiv ilshift imod imul index "
        "indexOf inv invert ior ipow irshift is_ is_not isub itemgetter itruediv ixor le length_hint lshift lt matmul "
        "mod mul ne neg not_ or_ pos pow rshift sub truediv truth xor"
    )
    return Facade("operator", members_of(operator, names) | {"attrgetter": attrgetter, "methodcaller": methodcaller})


def _path_reader(guards: ProgramGuards, names: str) -> Callable[[Any], Any]:
    path = _path(names)
    return lambda target: functools.reduce(guards.read, path, target)


def _path(names: str) -> list[str]:
    """Attributes of a dotted path."""
    if type(names) is not str:
        raise TypeError("attribute name must be a string")
    path = names.split(".")
    for name in path:
        if name.startswith("__"):
            raise RefusedError(f"the attribute {name!r} is reserved")
    return path


def _sys(guards: ProgramGuards) -> Facade:
    default = limit = sys.getrecursionlimit()

    def setrecursionlimit(wanted: int, /) -> None:
        nonlocal limit
        if type(wanted) is not int or wanted < 1:
            raise ValueError("recursion limit must be greater or equal than 1")
        limit = wanted
        sys.setrecursionlimit(max(default, min(wanted, _MAX_RECURSION)))

    names = "byteorder float_info getsizeof hexversion int_info intern maxsize maxunicode platform version version_info"
    own = {
        "argv": ["program.py"],
        "exit": end_program,
        "getrecursionlimit": lambda: limit,
        "setrecursionlimit": setrecursionlimit,
        "stderr": guards.stderr,
        "stdout": guards.stdout,
    }
    return Facade("sys", members_of(sys, names) | own)


def _typing(_: ProgramGuards) -> Facade:
    """Facade of `typing`. A name without a value at run time is a hint, because the policy drops annotations."""
    hints = {name: Hint() for name in typing.__all__ if name not in _EVALUATED}
    abstract = {name: kind for name, kind in ABSTRACT_TYPES.items() if name in hints}
    return Facade("typing", {**hints, **abstract, **_TYPING, **dict.fromkeys(_DECORATORS, _unchanged)})


def _unchanged(value: Any) -> Any:
    return value


_EVALUATED = frozenset(
    "get_args get_origin get_type_hints get_overloads clear_overloads is_typeddict dataclass_transform".split()
)
_DECORATORS = ("final", "no_type_check", "overload", "override", "runtime_checkable", "reveal_type")
_TYPING: Mapping[str, Any] = {
    "Dict": dict,
    "FrozenSet": frozenset,
    "List": list,
    "Set": set,
    "Text": str,
    "Tuple": tuple,
    "ChainMap": collections.ChainMap,
    "Counter": collections.Counter,
    "DefaultDict": collections.defaultdict,
    "Deque": collections.deque,
    "OrderedDict": collections.OrderedDict,
    "Generic": Generic,
    "NamedTuple": NamedTuple,
    "Protocol": ProgramProtocol,
    "TypedDict": TypedDict,
    "NewType": lambda _name, _kind: _unchanged,
    "TYPE_CHECKING": False,
    "assert_type": lambda value, _kind, /: value,
    "cast": lambda _kind, value: value,
}

PROGRAM_FACADES: Mapping[str, Callable[[ProgramGuards], Facade]] = {
    "collections": _collections,
    "dataclasses": _dataclasses,
    "functools": _functools,
    "operator": _operator,
    "sys": _sys,
    "typing": _typing,
}
"""Module name → function that makes its facade for one program."""
