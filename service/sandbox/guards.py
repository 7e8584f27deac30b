"""What a program under the policy can touch: guarded attributes and writes, its builtins, its classes.

It stands behind the calls that `policy.py` writes into a program. It promises that no module, frame, code object or
private attribute is handed out, that only the program's own objects are changed, and that what is missing fails with
a `RefusedError` that names it. A guard that were fooled would still sit inside the kernel lock.
"""

import builtins
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Context, Decimal
from fractions import Fraction
from types import FunctionType
from typing import Any

from RestrictedPython.transformer import INSPECT_ATTRIBUTES

from service.sandbox.facades import Absent, Facade, import_facade
from service.sandbox.formatting import safe_format
from service.sandbox.policy import METHODS, READABLE, RefusedError, is_private

_OFFERED = (
    "abs all any ascii bin bool bytes bytearray callable chr classmethod complex dict divmod enumerate filter float "
    "format frozenset hash hex int isinstance issubclass iter len list map max min next object oct ord pow property "
    "range repr reversed round set slice sorted staticmethod str sum super tuple zip "
    "None True False Ellipsis NotImplemented"
).split()
_EXCEPTIONS = {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException) and not name.endswith("Group")
}
_HIDDEN = INSPECT_ATTRIBUTES | {"mro"}
_HIDDEN_IN_EXCEPTIONS = frozenset({"obj", "path", "name_from", "with_traceback", "add_note"})
_CONTAINERS: frozenset[type] = frozenset({dict, list, set, bytearray, defaultdict, Counter, OrderedDict, deque})
_SUBCLASSABLE: frozenset[type] = frozenset({object, int, float, str, list, dict, tuple, set, *_EXCEPTIONS.values()})
_NAMEABLE: frozenset[type] = frozenset(
    {int, float, complex, bool, str, bytes, tuple, frozenset, range, slice, type(None), object, Fraction, Decimal}
    | {date, datetime, time, timedelta, timezone, *_CONTAINERS, *_EXCEPTIONS.values()}
)
"""The types that `type()` gives away. A function's or a class's type would make functions and classes."""


class Guards:
    """The guards of one program; they know which classes and functions are its own.

    Args:
        write: takes the text that the program prints.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._print_text = write
        self._own_classes: set[type] = set()
        self._globals: dict[str, Any] = {"__builtins__": self._builtins(), "__name__": "__main__"}

    @property
    def namespace(self) -> dict[str, Any]:
        """The program's globals."""
        return self._globals

    def read(self, target: object, name: str) -> Any:
        """`target.name`."""
        if isinstance(target, Facade | Absent):
            return target.member(name)
        if name in _HIDDEN or (name.startswith("_") and not self._may_read_private(target, name)):
            raise RefusedError(f"the attribute {name!r} is reserved")
        if name in _HIDDEN_IN_EXCEPTIONS and isinstance(target, BaseException):
            raise RefusedError(f"the attribute {name!r} is reserved")
        if name in ("format", "format_map"):
            return self._format(target, name)
        return getattr(target, name)

    def write(self, target: object, name: str | None = None) -> Any:
        """The target of a store or a deletion (of attribute `name`, or of an item), if it may be changed."""
        kind = type(target)
        own = kind in self._own_classes or (kind is type and target in self._own_classes)
        if own or (name is None and kind in _CONTAINERS):
            return target
        if kind is Context and name is not None:
            return target
        if isinstance(target, FunctionType) and target.__globals__ is self._globals:
            return target
        raise RefusedError(f"{_article(kind.__name__)} may not be changed")

    def make_class(self, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
        """The metaclass of the program's classes."""
        for base in bases:
            if base not in self._own_classes and base not in _SUBCLASSABLE:
                raise RefusedError("only classes of the program, exceptions and plain types may be subclassed")
        made = type(name, bases, namespace)
        self._own_classes.add(made)
        return made

    def super(self, target: object, name: str) -> Any:
        """`super().__init__` and its like."""
        if type(target) is not super or name not in METHODS:
            raise RefusedError(f"the attribute {name!r} is reserved")
        return getattr(target, name)

    def print(self, *values: object, sep: str | None = " ", end: str | None = "\n", **others: object) -> None:
        """`print`, into the program's own output."""
        if others.get("file") is not None:
            raise RefusedError("print to a file is not allowed")
        self._print_text((" " if sep is None else sep).join(map(str, values)) + ("\n" if end is None else end))

    def type_of(self, value: object, *more: object) -> type:
        """`type` with one argument."""
        kind = type(value)
        if more or (kind not in _NAMEABLE and kind not in self._own_classes):
            raise RefusedError("type() is offered for data and for the program's own objects")
        return kind

    def getattr(self, target: object, name: str, *default: object) -> Any:
        """`getattr`, as guarded as a plain read."""
        try:
            return self.read(target, _public(name))
        except AttributeError:
            if not default:
                raise
            return default[0]

    def hasattr(self, target: object, name: str) -> bool:
        """`hasattr`; what is refused is not there."""
        try:
            self.read(target, _public(name))
        except (AttributeError, RefusedError):
            return False
        return True

    def setattr(self, target: object, name: str, value: object) -> None:
        """`setattr`, as guarded as a plain store."""
        setattr(self.write(target, _public(name)), name, value)

    def _builtins(self) -> dict[str, Any]:
        return {
            **_STATIC_BUILTINS,
            "print": self.print,
            "type": self.type_of,
            "getattr": self.getattr,
            "hasattr": self.hasattr,
            "setattr": self.setattr,
            "_read_": self.read,
            "_write_": self.write,
            "_super_": self.super,
            "__metaclass__": self.make_class,
        }

    def _may_read_private(self, target: object, name: str) -> bool:
        if name in READABLE:
            return isinstance(target, type | FunctionType)
        kind = type(target)
        return not is_private(name) and (kind in self._own_classes or (kind is type and target in self._own_classes))

    def _format(self, target: object, name: str) -> Any:
        """`text.format` and `str.format`: the C method would read attributes unguarded."""
        if isinstance(target, super):
            raise RefusedError(f"the attribute {name!r} is reserved")
        bound = isinstance(target, str)
        if not bound and not (isinstance(target, type) and issubclass(target, str)):
            return getattr(target, name)

        def formatted(*arguments: Any, **keywords: Any) -> str:
            text, *rest = (target, *arguments) if bound else arguments
            if name == "format_map":
                return safe_format(self.read, text, (), rest[0])
            return safe_format(self.read, text, rest, keywords)

        return formatted


def _public(name: str) -> str:
    if type(name) is not str:
        raise TypeError("attribute name must be string")
    if is_private(name):
        raise RefusedError(f"the attribute {name!r} is reserved")
    return name


def _refuser(name: str) -> Callable[..., None]:
    def refused(*_: object, **__: object) -> None:
        raise RefusedError(f"{name}() is not available to programs")

    return refused


def _exit(*_: object) -> None:
    raise SystemExit


def _article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


_STATIC_BUILTINS: dict[str, Any] = {
    **{name: _refuser(name) for name in vars(builtins) if not name.startswith("_")},
    **{name: getattr(builtins, name) for name in _OFFERED},
    **_EXCEPTIONS,
    "exit": _exit,
    "quit": _exit,
    "__import__": import_facade,
    "__build_class__": builtins.__build_class__,
}
