"""Facades of `typing` and `types`."""

import collections
import typing
from collections.abc import Callable, Iterable, Mapping
from types import GenericAlias, MappingProxyType, UnionType
from typing import Any

from service.sandbox.classes import ABSTRACT_TYPES, Classes, Generic, Hint, NamedTuple, Protocol, TypedDict
from service.sandbox.modules import Facade
from service.sandbox.names import RefusedError, is_private


def typing_facade(classes: Classes) -> Facade:
    """Facade of `typing`. A name without a value at run time is a hint, because the policy drops annotations."""
    hints = {name: Hint() for name in typing.__all__ if name not in _EVALUATED}
    abstract = {name: kind for name, kind in ABSTRACT_TYPES.items() if name in hints}
    own = {**_TYPING, "NamedTuple": _Records(classes), **dict.fromkeys(_DECORATORS, _unchanged)}
    return Facade("typing", {**hints, **abstract, **own})


class _Records:
    """`typing.NamedTuple`, as a base class and as a function.

    Args:
        classes: classes of the program.
    """

    __slots__ = ("_classes",)

    def __init__(self, classes: Classes) -> None:
        self._classes = classes

    def __mro_entries__(self, _: object) -> tuple[type, ...]:
        return (NamedTuple,)

    def __call__(self, name: str, fields: Iterable[tuple[str, Any]]) -> Any:
        return self._classes.add(collections.namedtuple(name, [field for field, _ in fields]))


def types_facade(classes: Classes) -> Facade:
    """Facade of `types`. `SimpleNamespace` is a class of the program."""

    def __init__(self: Any, **values: Any) -> None:  # noqa: N807
        for name, value in values.items():
            if is_private(name):
                raise RefusedError(f"the attribute {name!r} is reserved")
            setattr(self, name, value)

    def __repr__(self: Any) -> str:  # noqa: N807
        return f"namespace({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def __eq__(self: Any, other: Any) -> Any:  # noqa: N807
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    namespace = type("SimpleNamespace", (), {"__init__": __init__, "__repr__": __repr__, "__eq__": __eq__})
    return Facade("types", {"MappingProxyType": MappingProxyType, "SimpleNamespace": classes.add(namespace)})


def _of_alias(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Function of `typing` for types whose parameters are kept: `list[int]`, `int | str`, and plain ones."""

    def checked(kind: Any) -> Any:
        if not isinstance(kind, type | GenericAlias | UnionType):
            raise RefusedError("the parameters of a hint are not kept")
        return function(kind)

    return checked


def _unchanged(value: Any) -> Any:
    return value


_EVALUATED = frozenset("get_type_hints get_overloads clear_overloads is_typeddict dataclass_transform".split())
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
    "Protocol": Protocol,
    "TypedDict": TypedDict,
    "NewType": lambda _name, _kind: _unchanged,
    "TYPE_CHECKING": False,
    "assert_type": lambda value, _kind, /: value,
    "get_args": _of_alias(typing.get_args),
    "get_origin": _of_alias(typing.get_origin),
    "cast": lambda _kind, value: value,
}
