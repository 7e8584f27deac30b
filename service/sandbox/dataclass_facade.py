"""Data classes without generated code.

The methods are closures over the fields. Every read of a field passes the program's guard, because a field may have the
name of a reserved attribute.
"""

import copy
import keyword
from collections.abc import Callable, Iterable, Mapping
from dataclasses import FrozenInstanceError
from typing import Any

from service.sandbox.classes import Classes, Hint, limit_patterns
from service.sandbox.dataclass_fields import FIELDS, INIT_VARIABLE, MISSING, Field, collect_fields
from service.sandbox.dataclass_methods import (
    ORDER,
    compare_method,
    frozen_methods,
    init_method,
    repr_method,
    set_hash,
    values_reader,
)
from service.sandbox.formatting import Read
from service.sandbox.names import SPECIAL_METHODS, RefusedError, is_private

_INIT_HINT = Hint()


class DataClasses:
    """Members of `dataclasses` for one program.

    Args:
        read: guarded read of an attribute.
        write: guard of a change of an object, which it returns.
        classes: classes of the program.
    """

    def __init__(self, read: Read, write: Callable[[Any], Any], classes: Classes) -> None:
        self._read, self._write, self._classes = read, write, classes

    def members(self) -> dict[str, Any]:
        """Name → member."""
        names = "dataclass fields asdict astuple replace is_dataclass make_dataclass".split()
        return {name: getattr(self, name) for name in names} | {
            "field": lambda **options: Field(**options),
            "FrozenInstanceError": FrozenInstanceError,
            INIT_VARIABLE: _INIT_HINT,
            "KW_ONLY": Hint(),
            "MISSING": MISSING,
        }

    def dataclass(self, cls: Any = None, /, **options: bool) -> Any:
        """`dataclasses.dataclass`, with or without options."""
        if cls is None:
            return lambda decorated: self._make(decorated, **options)
        return self._make(cls, **options)

    def fields(self, target: Any) -> tuple[Field, ...]:
        """Fields of a data class or of its instance."""
        kind = target if isinstance(target, type) else type(target)
        if not hasattr(kind, FIELDS):
            raise TypeError("must be called with a dataclass type or instance")
        return tuple(field for field in getattr(kind, FIELDS).values() if not field.init_only)

    def is_dataclass(self, target: Any) -> bool:
        """Whether an object is a data class or its instance."""
        return hasattr(target if isinstance(target, type) else type(target), FIELDS)

    def asdict(self, target: Any, *, dict_factory: Callable[[Any], Any] = dict) -> Any:
        """Dictionary of an instance, and of the instances in it."""
        self._require_instance(target, "asdict")
        return self._convert(target, lambda pairs: dict_factory(list(pairs)))

    def astuple(self, target: Any, *, tuple_factory: Callable[[Any], Any] = tuple) -> Any:
        """Tuple of an instance, and of the instances in it."""
        self._require_instance(target, "astuple")
        return self._convert(target, lambda pairs: tuple_factory([value for _, value in pairs]))

    def replace(self, target: Any, /, **changes: Any) -> Any:
        """Copy of an instance with other values."""
        self._require_instance(target, "replace")
        for field in getattr(type(target), FIELDS).values():
            if not field.init and field.name in changes:
                raise ValueError(
                    f"field {field.name} is declared with init=False, it cannot be specified with replace()"
                )
            if field.init and field.name not in changes:
                if field.init_only and field.default is MISSING:
                    raise ValueError(f"InitVar {field.name!r} must be specified with replace()")
                changes[field.name] = self._read(target, field.name)
        return type(target)(**changes)

    def make_dataclass(
        self,
        cls_name: str,
        fields: Iterable[Any],
        *,
        bases: Iterable[type] = (),
        namespace: Any = None,
        **options: bool,
    ) -> Any:
        """`dataclasses.make_dataclass`. The names have the rules of those in a class body."""
        attributes = dict(namespace or {})
        if any(_is_reserved(name) for name in (cls_name, *attributes)):
            raise RefusedError("a name in make_dataclass() is reserved")
        annotations: dict[str, str] = {}
        for item in fields:
            name, kind, *default = (item, None) if isinstance(item, str) else item
            _check_field_name(name, annotations)
            annotations[name] = INIT_VARIABLE if kind is _INIT_HINT else ""
            attributes |= dict.fromkeys([name], *default) if default else {}
        made = self._classes(cls_name, tuple(bases), attributes, annotations=annotations.items())
        return self._make(made, **options)

    def _require_instance(self, target: Any, function: str) -> None:
        if isinstance(target, type) or not self.is_dataclass(target):
            raise TypeError(f"{function}() should be called on dataclass instances")

    def _convert(self, value: Any, make: Callable[[Iterable[tuple[str, Any]]], Any]) -> Any:
        kind = type(value)
        if self.is_dataclass(value):
            return make((f.name, self._convert(self._read(value, f.name), make)) for f in self.fields(value))
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return kind(*(self._convert(item, make) for item in value))
        if issubclass(kind, list | tuple):
            return kind([self._convert(item, make) for item in value])
        if issubclass(kind, dict):
            return kind((self._convert(key, make), self._convert(item, make)) for key, item in value.items())
        return copy.deepcopy(value)

    def _make(
        self,
        cls: Any,
        *,
        init: bool = True,
        repr: bool = True,  # noqa: A002
        eq: bool = True,
        order: bool = False,
        unsafe_hash: bool = False,
        frozen: bool = False,
        match_args: bool = True,
        kw_only: bool = False,
        slots: bool = False,
        weakref_slot: bool = False,
    ) -> Any:
        self._write(cls)
        if order and not eq:
            raise ValueError("eq must be true if order is true")
        fields = collect_fields(cls, kw_only, frozen, self._classes.is_own)
        read, listed = self._read, [field for field in fields.values() if not field.init_only]
        methods: dict[str, Any] = {}
        if init:
            methods["__init__"] = init_method(cls.__name__, fields, slots=slots)
        if repr:
            methods["__repr__"] = repr_method(read, [f.name for f in listed if f.repr])
        values = values_reader(read, [f.name for f in listed if f.compare])
        if eq:
            methods["__eq__"] = compare_method(values, lambda a, b: a == b)
        for name, method in methods.items():
            if name not in vars(cls):
                setattr(cls, name, method)
        if order:
            for name, compare in ORDER.items():
                if name in vars(cls):
                    raise TypeError(f"Cannot overwrite attribute {name} in class {cls.__name__}")
                setattr(cls, name, compare_method(values, compare))
        hashed = values_reader(read, [f.name for f in listed if (f.compare if f.hash is None else f.hash)])
        set_hash(cls, hashed, eq=eq, frozen=frozen, unsafe=unsafe_hash)
        if frozen:
            cls.__setattr__, cls.__delattr__ = frozen_methods(cls, fields)
        if match_args and "__match_args__" not in vars(cls):
            cls.__match_args__ = tuple(f.name for f in fields.values() if f.init and f.kw_only is not True)  # type: ignore[misc]
            limit_patterns(cls)
        return self._with_slots(cls, fields) if slots else cls

    def _with_slots(self, cls: Any, fields: Mapping[str, Field]) -> Any:
        """Copy of a class whose fields are slots."""
        inherited = {name for base in cls.__mro__[1:] for name in vars(base).get("__slots__", ())}
        names = tuple(f.name for f in fields.values() if not f.init_only and f.name not in inherited)
        namespace = {name: value for name, value in vars(cls).items() if name not in fields}
        for name in ("__dict__", "__weakref__"):
            namespace.pop(name, None)
        return self._classes.add(type(cls)(cls.__name__, cls.__bases__, namespace | {"__slots__": names}))


def _is_reserved(name: object) -> bool:
    return type(name) is not str or (is_private(name) and name not in SPECIAL_METHODS)


def _check_field_name(name: object, seen: Iterable[str]) -> None:
    if type(name) is not str or not name.isidentifier() or keyword.iskeyword(name):
        raise TypeError(f"Field names must be valid identifiers: {name!r}")
    if is_private(name):
        raise RefusedError(f"the name {name!r} is reserved")
    if name in seen:
        raise TypeError(f"Field name duplicated: {name!r}")
