"""Runtime guards: attribute access, writes, builtins.

`policy.py` adds calls of these guards to a program. They expose no module, frame, code object or private attribute. A
program can change only its own objects. Everything else raises a `RefusedError` that names it. The kernel lock holds
even if a guard fails.
"""

import builtins
import string
from _string import formatter_field_name_split  # type: ignore[import-not-found]  # CPython's own parser
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Context, Decimal
from fractions import Fraction
from types import FunctionType
from typing import Any

from RestrictedPython.transformer import INSPECT_ATTRIBUTES

from service.sandbox.facades import FACADES, Facade, MissingPackage, end_program, import_facade
from service.sandbox.policy import READABLE_SPECIAL_ATTRIBUTES, SPECIAL_METHODS, RefusedError, is_private

_OFFERED_BUILTINS = (
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
_HIDDEN_ATTRIBUTES = INSPECT_ATTRIBUTES | {"mro"}
HIDDEN_OF_TYPES: dict[str, tuple[type, ...]] = dict.fromkeys(
    ("obj", "path", "name_from", "with_traceback", "add_note"), (BaseException,)
)
"""Attribute → types that hide it. `libraries.py` adds those of arrays, as it adds types to the next two."""

CONTAINERS: set[type] = {dict, list, set, bytearray, defaultdict, Counter, OrderedDict, deque}
"""Types whose items a program may change."""

_SUBCLASSABLE: frozenset[type] = frozenset({object, int, float, str, list, dict, tuple, set, *_EXCEPTIONS.values()})
NAMEABLE: set[type] = {
    *(int, float, complex, bool, str, bytes, tuple, frozenset, range, slice, type(None), object, Fraction, Decimal),
    *(date, datetime, time, timedelta, timezone, *CONTAINERS, *_EXCEPTIONS.values()),
}
"""Types that `type()` may return. The type of a function or of a class could create functions and classes."""


class Guards:
    """Guards of one program. They record its classes and recognize its functions.

    Args:
        write: called with the text that the program prints.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._print_text = write
        self._own_classes: set[type] = set()
        self._globals: dict[str, Any] = {"__builtins__": self._builtins(), "__name__": "__main__"}

    @property
    def namespace(self) -> dict[str, Any]:
        """Globals of the program."""
        return self._globals

    def read(self, target: object, name: str) -> Any:
        """Guarded `target.name`."""
        if isinstance(target, Facade | MissingPackage):
            return target.member(name)
        if name in _HIDDEN_ATTRIBUTES or (name.startswith("_") and not self._may_read_private(target, name)):
            raise RefusedError(f"the attribute {name!r} is reserved")
        if name in HIDDEN_OF_TYPES and _is_kind(target, HIDDEN_OF_TYPES[name]):
            raise RefusedError(f"the attribute {name!r} is reserved")
        if name in ("format", "format_map"):
            return self._format(target, name)
        return getattr(target, name)

    def write(self, target: object, name: str | None = None) -> Any:
        """Target of a store or deletion, of attribute `name` or of an item, if the program may change it."""
        kind = type(target)
        own = kind in self._own_classes or (kind is type and target in self._own_classes)
        if own or (name is None and kind in CONTAINERS):
            return target
        if kind is Context and name is not None:
            return target
        if isinstance(target, FunctionType) and target.__globals__ is self._globals:
            return target
        raise RefusedError(f"{_article(kind.__name__)} may not be changed")

    def make_class(self, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
        """Create a class of the program. This is the metaclass of all its classes."""
        for base in bases:
            if base not in self._own_classes and base not in _SUBCLASSABLE:
                raise RefusedError("only classes of the program, exceptions and plain types may be subclassed")
        made = type(name, bases, namespace)
        self._own_classes.add(made)
        return made

    def super(self, target: object, name: str) -> Any:
        """Special method of a `super()` object, such as `super().__init__`."""
        if type(target) is not super or name not in SPECIAL_METHODS:
            raise RefusedError(f"the attribute {name!r} is reserved")
        return getattr(target, name)

    def print(self, *values: object, sep: str | None = " ", end: str | None = "\n", **others: object) -> None:
        """`print` into the output of the program."""
        if others.get("file") is not None:
            raise RefusedError("print to a file is not allowed")
        self._print_text((" " if sep is None else sep).join(map(str, values)) + ("\n" if end is None else end))

    def type_of(self, value: object, *more: object) -> type:
        """`type` with one argument."""
        kind = type(value)
        if more or (kind not in NAMEABLE and kind not in self._own_classes):
            raise RefusedError("type() is offered for data and for the program's own objects")
        return kind

    def getattr(self, target: object, name: str, *default: object) -> Any:
        """`getattr` with the guard of an attribute read."""
        try:
            return self.read(target, _require_public(name))
        except AttributeError:
            if not default:
                raise
            return default[0]

    def hasattr(self, target: object, name: str) -> bool:
        """`hasattr`, false for refused attributes."""
        try:
            self.read(target, _require_public(name))
        except (AttributeError, RefusedError):
            return False
        return True

    def setattr(self, target: object, name: str, value: object) -> None:
        """`setattr` with the guard of an attribute store."""
        setattr(self.write(target, _require_public(name)), name, value)

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
        if name in READABLE_SPECIAL_ATTRIBUTES:
            return isinstance(target, type | FunctionType)
        kind = type(target)
        return not is_private(name) and (kind in self._own_classes or (kind is type and target in self._own_classes))

    def _format(self, target: object, name: str) -> Any:
        """Guarded `text.format` and `str.format`."""
        if isinstance(target, super):
            raise RefusedError(f"the attribute {name!r} is reserved")
        bound = isinstance(target, str)
        if not bound and not (isinstance(target, type) and issubclass(target, str)):
            return getattr(target, name)

        def formatted(*arguments: Any, **keywords: Any) -> str:
            text, *rest = (target, *arguments) if bound else arguments
            if name == "format_map":
                return _Formatter(self.read).vformat(text, (), rest[0])
            return _Formatter(self.read).vformat(text, rest, keywords)

        return formatted


class _Formatter(string.Formatter):
    """`str.format` with guarded attribute reads. The C method reads attributes unguarded (`"{0.__class__}"`)."""

    def __init__(self, read: Callable[[object, str], Any]) -> None:
        self._read = read

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, int | str]:
        first, rest = formatter_field_name_split(field_name)
        value = self.get_value(first, args, kwargs)
        for is_attribute, key in rest:
            value = self._read(value, key) if is_attribute else value[key]
        return value, first


def _is_kind(target: object, kinds: tuple[type, ...]) -> bool:
    """Whether it is an instance or a subclass of one of the types."""
    return isinstance(target, kinds) or (isinstance(target, type) and issubclass(target, kinds))


def _require_public(name: str) -> str:
    if type(name) is not str:
        raise TypeError("attribute name must be string")
    if is_private(name):
        raise RefusedError(f"the attribute {name!r} is reserved")
    return name


def _refused_builtin(name: str) -> Callable[..., None]:
    def refused(*_: object, **__: object) -> None:
        raise RefusedError(f"{name}() is not available to programs")

    return refused


def _article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


_STATIC_BUILTINS: dict[str, Any] = {
    **{name: _refused_builtin(name) for name in vars(builtins) if not name.startswith("_")},
    **{name: getattr(builtins, name) for name in _OFFERED_BUILTINS},
    **_EXCEPTIONS,
    "exit": end_program,
    "quit": end_program,
    "__import__": import_facade,
    "math": FACADES["math"],  # models forget its import
    "__build_class__": builtins.__build_class__,
}
