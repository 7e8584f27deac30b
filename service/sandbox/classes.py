"""Classes of one program: their creation, bases, slots and special forms.

A class is plain, abstract, an enumeration, a protocol, a `NamedTuple` or a `TypedDict`. No program gets hold of a
metaclass, and none chooses the name of a special attribute.
"""

import enum
from abc import ABC, ABCMeta
from collections import Counter, OrderedDict, abc, defaultdict, deque, namedtuple
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ContextDecorator
from itertools import takewhile
from typing import Any

from service.sandbox.enumerations import ENUMERATIONS, EnumerationType
from service.sandbox.names import CLASS_LISTS, RefusedError, is_plain, is_private

PROTOCOL_MEMBERS, ANNOTATIONS = "__protocol_members__", "__annotation_texts__"
"""Reserved attributes of a class. `functools` evaluates the texts of `__annotations__`, so that name is not used."""

_PATTERN_NAMES = "__match_args__"


class Hint:
    """Replacement of a name in `typing` that has no value at run time. It can be subscripted, called and subclassed."""

    __slots__ = ()

    def __getitem__(self, _: object) -> "Hint":
        return self

    def __call__(self, *_: object, **__: object) -> "Hint":
        return self

    def __or__(self, _: object) -> "Hint":
        return self

    __ror__ = __or__

    def __iter__(self) -> Any:  # `Generic[*Ts]`
        yield self

    def __mro_entries__(self, _: object) -> tuple[type, ...]:
        return ()


ABSTRACT = Hint()
"""Replacement of `abc.ABCMeta`: the real one could make classes with any attribute."""


class Generic:
    """`typing.Generic`. A subclass and its parameters are the same class."""

    __slots__ = ()

    def __class_getitem__(cls, _: object) -> type:
        return cls


class _ProtocolType(ABCMeta):
    """Type of protocols. An object with all members is an instance."""

    def __instancecheck__(cls, instance: object) -> bool:
        members = vars(cls).get(PROTOCOL_MEMBERS)
        return super().__instancecheck__(instance) or (
            members is not None and all(hasattr(instance, name) for name in members)
        )


class Protocol(Generic, metaclass=_ProtocolType):
    """`typing.Protocol`."""

    __slots__ = ()


class _DictType(type):
    """Type of typed dictionaries, whose instances are plain dictionaries."""

    def __call__(cls, *arguments: Any, **items: Any) -> Any:
        if cls is TypedDict:  # TypedDict("Pen", {"price": int})
            return _DictType("TypedDict", (TypedDict,), {})
        return dict(*arguments, **items)


class TypedDict(dict[str, Any], metaclass=_DictType):
    """`typing.TypedDict`."""


class NamedTuple:
    """Base class that stands for `typing.NamedTuple`."""


ABSTRACT_TYPES: Mapping[str, type] = {
    name: kind for name in abc.__all__ if isinstance(kind := getattr(abc, name), type)
}
"""Name → abstract type of `collections.abc`."""

_SUBCLASSABLE: frozenset[type] = frozenset(
    {object, int, float, complex, str, bytes, list, dict, tuple, set, frozenset, Counter, OrderedDict, defaultdict}
    | {AbstractContextManager, ContextDecorator}
    | {deque, ABC, Generic, Protocol, TypedDict, NamedTuple, *ENUMERATIONS}
    | {*ABSTRACT_TYPES.values()}
)


class Classes:
    """Classes that one program has made."""

    def __init__(self) -> None:
        self._own: set[type] = set()

    def is_own(self, target: object) -> bool:
        """Whether an object is a class of the program or a direct instance of one."""
        kind = type(target)
        return kind in self._own or self._has_made(kind) or (issubclass(kind, type) and self._has_made(target))

    def __prepare__(self, name: str, bases: tuple[Any, ...], **_: object) -> Any:
        """Namespace of a class body. That of an enumeration numbers its members."""
        if any(isinstance(base, enum.EnumMeta) for base in bases):
            return enum.EnumMeta.__prepare__(name, bases)
        return {}

    def __call__(
        self,
        name: str,
        bases: tuple[Any, ...],
        namespace: dict[str, Any],
        *,
        annotations: Iterable[tuple[str, str]] = (),
        declared: object = None,
        total: bool = True,
    ) -> Any:
        """Create a class of the program. This is the metaclass of all its classes.

        Args:
            name: name of the class.
            bases: base classes.
            namespace: attributes.
            annotations: name and text of each annotation in the body.
            declared: the program's `metaclass`, or None.
            total: the program's option of a `TypedDict`, which has no effect.

        Raises:
            RefusedError: a base, a metaclass or a slot is not offered.
        """
        if any(not self._is_subclassable(base) for base in bases):
            raise RefusedError("only classes of the program, exceptions and plain types may be subclassed")
        if declared is not None and declared is not ABSTRACT:
            raise RefusedError("only ABCMeta may be a metaclass")
        for key in CLASS_LISTS & namespace.keys():
            namespace[key] = _checked_names(key, namespace[key])
        if annotations:
            namespace[ANNOTATIONS] = dict(annotations)
        if NamedTuple in bases:
            record = self.record(name, [field for field, _ in annotations], namespace)
            bases = tuple(record if base is NamedTuple else base for base in bases)
        if Protocol in bases:
            namespace[PROTOCOL_MEMBERS] = _protocol_members(bases, namespace)
        return self.add(_metaclass(bases, declared)(name, bases, namespace))

    def add(self, made: type) -> Any:
        """Record a class as the program's own."""
        self._own.add(limit_patterns(made))
        return made

    def record(self, name: str, fields: list[str], namespace: dict[str, Any]) -> type:
        """Base class of a `NamedTuple`, whose defaults leave the namespace."""
        first = next((i for i, field in enumerate(fields) if field in namespace), len(fields))
        if any(field not in namespace for field in fields[first:]):
            raise TypeError("non-default namedtuple field cannot follow default field")
        namespace["__slots__"] = ()
        return limit_patterns(namedtuple(name, fields, defaults=[namespace.pop(field) for field in fields[first:]]))

    def _has_made(self, kind: Any) -> bool:
        # The members of an enumeration are initialized before its class is recorded.
        return kind in self._own or (type(kind) is EnumerationType and kind not in ENUMERATIONS)

    def _is_subclassable(self, base: object) -> bool:
        if not isinstance(base, type):
            return False
        return self._has_made(base) or base in _SUBCLASSABLE or _is_plain_exception(base)


def limit_patterns(cls: type) -> type:
    """Let positional patterns of a class read its attributes up to the first that needs a guard.

    Python reads these attributes itself, from any object that is an instance for `isinstance`.
    """
    names = getattr(cls, _PATTERN_NAMES, ())
    if not all(map(is_plain, names)):
        setattr(cls, _PATTERN_NAMES, tuple(takewhile(is_plain, names)))
    return cls


def _is_plain_exception(base: type) -> bool:
    return issubclass(base, BaseException) and base.__module__ == "builtins"


def _metaclass(bases: tuple[type, ...], declared: object) -> type:
    found: type = type if declared is None else ABCMeta
    for base in bases:
        if issubclass(type(base), found):
            found = type(base)
    return found


def _checked_names(key: str, names: object) -> tuple[str, ...]:
    """Names of slots, or of attributes that a positional pattern reads. Both become attributes without a guard."""
    listed = (names,) if isinstance(names, str) else tuple(names)  # type: ignore[arg-type]
    for name in listed:
        if type(name) is not str or (not is_plain(name) if key == _PATTERN_NAMES else is_private(name)):
            raise RefusedError(f"a name in {key} is reserved")
    return listed


def _protocol_members(bases: tuple[type, ...], namespace: Mapping[str, Any]) -> frozenset[str]:
    hidden = {"__module__", "__qualname__", "__doc__", "__slots__", "__classcell__", "__firstlineno__"}
    hidden |= {"__orig_bases__", ANNOTATIONS}
    own = {*namespace, *namespace.get(ANNOTATIONS, ())} - hidden
    return frozenset(own.union(*(vars(base).get(PROTOCOL_MEMBERS, ()) for base in bases)))
