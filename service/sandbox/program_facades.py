"""Facades whose members need the guards of one program.

Their functions read or change attributes by name, or make classes: `operator.attrgetter`, `functools.wraps`,
`dataclasses.dataclass`, `collections.namedtuple`.
"""

import collections
import contextlib
import functools
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any, Protocol

from service.sandbox.classes import Classes
from service.sandbox.dataclass_facade import DataClasses
from service.sandbox.facades import FACADES, end_program
from service.sandbox.formatting import exact_text
from service.sandbox.modules import Facade, MissingPackage, members_of
from service.sandbox.names import RefusedError
from service.sandbox.typing_facade import types_facade, typing_facade

_MAX_RECURSION = 10_000
"""Highest recursion limit that a program may set. The stack of a child has room for nearly every recursion so deep."""

_COPIED_BY_WRAPS = ("__name__", "__qualname__", "__doc__")


class ProgramGuards(Protocol):
    """Guards of a program, as `guards.py` implements them."""

    classes: Classes
    stdout: Any
    stderr: Any

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


def _contextlib(guards: ProgramGuards) -> Facade:
    names = "AbstractContextManager ContextDecorator ExitStack closing contextmanager nullcontext suppress"
    redirects = {
        "redirect_stderr": lambda target: _Redirection(guards, "stderr", target),
        "redirect_stdout": lambda target: _Redirection(guards, "stdout", target),
    }
    return Facade("contextlib", members_of(contextlib, names) | redirects)


class _Redirection:
    """Context manager that sends the program's printed text to another object."""

    __slots__ = ("_before", "_guards", "_stream", "_target")  # a public attribute would show the guards

    def __init__(self, guards: ProgramGuards, stream: str, target: Any) -> None:
        self._guards, self._stream, self._target = guards, stream, target

    def __enter__(self) -> Any:
        self._before = getattr(self._guards, self._stream)
        setattr(self._guards, self._stream, self._target)
        return self._target

    def __exit__(self, *_: object) -> None:
        setattr(self._guards, self._stream, self._before)


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
        "abs add and_ call concat contains countOf eq floordiv ge getitem gt iadd iand ifloordiv ilshift imod imul "
        "index indexOf inv invert ior ipow irshift is_ is_not isub itemgetter itruediv ixor le length_hint lshift lt "
        "matmul mod mul ne neg not_ or_ pos pow rshift sub truediv truth xor"
    )
    own = {
        "attrgetter": attrgetter,
        "delitem": lambda target, key: operator.delitem(guards.write(target), key),
        "methodcaller": methodcaller,
        "setitem": lambda target, key, value: operator.setitem(guards.write(target), key, value),
    }
    return Facade("operator", members_of(operator, names) | own)


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
        "stdin": MissingPackage("sys.stdin"),
        "stdout": guards.stdout,
    }
    return Facade("sys", members_of(sys, names) | own)


PROGRAM_FACADES: Mapping[str, Callable[[ProgramGuards], Facade]] = {
    "collections": _collections,
    "contextlib": _contextlib,
    "dataclasses": _dataclasses,
    "functools": _functools,
    "operator": _operator,
    "sys": _sys,
    "types": lambda guards: types_facade(guards.classes),
    "typing": lambda guards: typing_facade(guards.classes),
}
"""Module name → function that makes its facade for one program."""
