"""Runtime guards: attribute access, writes, builtins.

`policy.py` adds calls of these guards to a program. They expose no module, frame, code object or private attribute. A
program can change only its own objects. Everything else raises a `RefusedError` that names it. The kernel lock holds
even if a guard fails.
"""

import enum
import functools
from collections.abc import Callable, Iterable, Mapping
from decimal import Context
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from service.sandbox.classes import Classes
from service.sandbox.facades import find_facade
from service.sandbox.formatting import exact_text, format_method
from service.sandbox.modules import Facade, MissingPackage, import_facade, member_of, star_names
from service.sandbox.names import (
    FORMAT_METHODS,
    HIDDEN_ATTRIBUTES,
    HIDDEN_OF_TYPES,
    SET_ATTRIBUTE,
    SPECIAL_METHODS,
    RefusedError,
    is_plain,
    is_private,
)
from service.sandbox.program_builtins import BUILTINS, CONTAINERS, NAMEABLE
from service.sandbox.program_facades import PROGRAM_FACADES, Stream

_MODULES = (Facade, MissingPackage)
_NAMED = (type, FunctionType, MethodType, BuiltinFunctionType)
_READABLE_OF_TYPES: Mapping[str, tuple[type, ...]] = {
    "__name__": _NAMED,
    "__qualname__": _NAMED,
    "__doc__": _NAMED,
    "__members__": (enum.EnumMeta,),
    "__cause__": (BaseException,),
    **dict.fromkeys(("_fields", "_field_defaults", "_asdict", "_make", "_replace"), (tuple,)),
}
"""Special attribute → types whose instances and subclasses have it, and a program may read it from them."""


class _Snapshot(dict[str, Any]):
    """Attributes of an object at one moment. A change would be lost, so each one is refused."""

    def _refuse(self, *_: object, **__: object) -> None:
        raise RefusedError("the attribute '__dict__' may not be changed")

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse  # type: ignore[assignment]


class Guards:
    """Guards of one program. They record its classes and recognize its functions.

    Args:
        write: called with the text that the program prints.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self.classes = Classes()
        self.stdout: Any = Stream(write)
        self.stderr: Any = Stream(lambda _: None)
        self._facades: dict[str, Facade] = {}
        self._globals: dict[str, Any] = {"__builtins__": self._builtins(), "__name__": "__main__"}

    def __deepcopy__(self, _: object) -> "Guards":
        return self  # a copy of `print` has the same guards, and shows them to no method of the program

    @property
    def namespace(self) -> dict[str, Any]:
        """Globals of the program."""
        return self._globals

    def read(self, target: object, name: str) -> Any:
        """Guarded `target.name`."""
        if isinstance(target, _MODULES):
            return member_of(target, name)
        self._check_read(target, name)
        if name in FORMAT_METHODS and not isinstance(target, super):
            return format_method(self.read, target, name)
        if name == "__dict__":
            return _Snapshot((key, value) for key, value in vars(target).items() if not is_private(key))
        return getattr(target, name)

    def plain(self, target: object, name: str) -> Any:
        """Target of an attribute read that Python does itself."""
        if not isinstance(target, _MODULES):
            self._check_read(target, name)
        if name in FORMAT_METHODS:
            raise RefusedError(f"the attribute {name!r} is reserved")
        return target

    def update(self, target: object, name: str) -> Any:
        """Target of `target.name += value`, which Python reads and writes itself."""
        return self.plain(self.write(target, name), name)

    def write(self, target: object, name: str | None = None) -> Any:
        """Target of a store or deletion, of attribute `name` or of an item, if the program may change it."""
        kind = type(target)
        if self.classes.is_own(target) or (name is None and kind in CONTAINERS):
            return target
        if kind is Context and name is not None:
            return target
        if isinstance(target, FunctionType) and target.__globals__ is self._globals:
            return target
        raise RefusedError(f"{_article(kind.__name__)} may not be changed")

    def super(self, target: object, name: str) -> Any:
        """Special method of a `super()` object, such as `super().__init__`."""
        if type(target) is not super or (name not in SPECIAL_METHODS and name != SET_ATTRIBUTE):
            raise RefusedError(f"the attribute {name!r} is reserved")
        method: Any = getattr(target, name)
        if name != SET_ATTRIBUTE:
            return method
        changed = getattr(target, "__self__", None)
        return lambda key, value: self._set(method, changed, key, value)

    def print(
        self, *values: object, sep: str | None = " ", end: str | None = "\n", file: object = None, flush: bool = False
    ) -> None:
        """`print` into the output of the program, or into an object with a method `write`."""
        separator, ending = (_separator(text, plain) for text, plain in ((sep, " "), (end, "\n")))
        text = separator.join(map(exact_text, values)) + ending
        self.read(self.stdout if file is None else file, "write")(text)

    def type_of(self, value: object, *more: object) -> type:
        """`type` with one argument."""
        kind = type(value)
        nameable = kind in NAMEABLE or issubclass(kind, BaseException) or self.classes.is_own(value)
        if more or not nameable or issubclass(kind, type):
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

    def set_in_object(self, target: object, name: str, value: object) -> None:
        """`object.__setattr__` with the guard of an attribute store."""
        self._set(functools.partial(object.__setattr__, target), target, name, value)

    def _set(self, method: Callable[[str, object], None], target: object, name: str, value: object) -> None:
        self.write(target, _require_public(name))
        method(name, value)

    def delattr(self, target: object, name: str) -> None:
        """`delattr` with the guard of a deletion."""
        delattr(self.write(target, _require_public(name)), name)

    def vars(self, target: object) -> Any:
        """`vars` with one argument."""
        return self.read(target, "__dict__")

    def import_module(
        self, name: str, _globals: object = None, _locals: object = None, names: object = None, _level: int = 0
    ) -> Facade | MissingPackage:
        """`import` of a module, as a facade."""
        return import_facade(name, names, self._facade)

    def star_names(self, module: str) -> Iterable[str] | None:
        """Names that `from module import *` binds, or None for a module that is not offered."""
        return star_names(self._facade(module))

    def require(self, imported: object) -> None:
        """Raise `RefusedImportError` for an import whose failure the program catches."""
        if isinstance(imported, MissingPackage):
            member_of(imported, "")

    def register(self, register: Any, kind: object) -> Any:
        """Decorator `function.register` of `functools.singledispatch`, for the type in an annotation."""
        own = getattr(register, "__self__", register)
        if isinstance(own, functools.singledispatchmethod) or (
            isinstance(own, FunctionType) and own.__globals__ is vars(functools)
        ):
            return register(kind)
        return register

    def _builtins(self) -> dict[str, Any]:
        own = "print getattr hasattr setattr delattr vars".split()
        return {
            **BUILTINS,
            **{name: getattr(self, name) for name in own},
            "type": self.type_of,
            "__import__": self.import_module,
            "_read_": self.read,
            "_write_": self.write,
            "_plain_": self.plain,
            "_update_": self.update,
            "_setattr_": self.set_in_object,
            "_super_": self.super,
            "_type_": self.type_of,
            "_require_": self.require,
            "_register_": self.register,
            "__metaclass__": self.classes,
        }

    def _facade(self, name: str) -> Facade | None:
        if name in PROGRAM_FACADES and name not in self._facades:
            self._facades[name] = PROGRAM_FACADES[name](self)
        return self._facades.get(name) or find_facade(name)

    def _check_read(self, target: object, name: str) -> None:
        if is_plain(name):
            return
        hidden = name in HIDDEN_ATTRIBUTES or (name in HIDDEN_OF_TYPES and _is_kind(target, HIDDEN_OF_TYPES[name]))
        hidden = hidden or (name in FORMAT_METHODS and isinstance(target, super))
        if hidden or (name.startswith("_") and not self._may_read_private(target, name)):
            raise RefusedError(f"the attribute {name!r} is reserved")

    def _may_read_private(self, target: object, name: str) -> bool:
        if name in _READABLE_OF_TYPES:
            return _is_kind(target, _READABLE_OF_TYPES[name]) or (not is_private(name) and self._is_own(target, name))
        if name == "__dict__":
            return self.classes.is_own(target) and not isinstance(target, type)
        return not is_private(name) and self._is_own(target, name)

    def _is_own(self, target: object, name: str) -> bool:
        """Whether a program may read a private attribute of an object, in a method through `super()` also."""
        if type(target) is super:
            target = getattr(target, "__self__", None)
        return self.classes.is_own(target) and not (isinstance(target, type) and hasattr(type(target), name))


def _is_kind(target: object, kinds: tuple[type, ...]) -> bool:
    """Whether it is an instance or a subclass of one of the types."""
    return isinstance(target, kinds) or (isinstance(target, type) and issubclass(target, kinds))


def _separator(text: object, plain: str) -> str:
    if text is not None and not isinstance(text, str):
        raise TypeError(f"sep and end must be None or a string, not {type(text).__name__}")
    return plain if text is None else exact_text(text)


def _require_public(name: str) -> str:
    if type(name) is not str:
        raise TypeError("attribute name must be string")
    if is_private(name):
        raise RefusedError(f"the attribute {name!r} is reserved")
    return name


def _article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"
