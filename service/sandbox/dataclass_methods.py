"""Methods of data classes, as closures over the fields."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import FrozenInstanceError
from typing import Any

from service.sandbox.dataclass_fields import MISSING, Field
from service.sandbox.formatting import Read

ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "__lt__": lambda a, b: a < b,
    "__le__": lambda a, b: a <= b,
    "__gt__": lambda a, b: a > b,
    "__ge__": lambda a, b: a >= b,
}
"""Ordering method → comparison of the values."""


def init_method(name: str, fields: Mapping[str, Field], *, slots: bool) -> Callable[..., None]:
    accepted = [field for field in fields.values() if field.init]
    positional = [field for field in accepted if not field.kw_only]
    names = {field.name for field in accepted}
    for before, after in itertools.pairwise(positional):
        if before.has_default and not after.has_default:
            raise TypeError(f"non-default argument {after.name!r} follows default argument")

    def __init__(self: Any, *arguments: Any, **keywords: Any) -> None:  # noqa: N807
        if len(arguments) > len(positional):
            taken, passed = len(positional) + 1, len(arguments) + 1
            raise TypeError(f"{name}.__init__() takes {taken} positional arguments but {passed} were given")
        given = dict(zip((field.name for field in positional), arguments, strict=False))
        for key, value in keywords.items():
            if key in given or key not in names:
                problem = "multiple values for" if key in given else "an unexpected keyword"
                raise TypeError(f"{name}.__init__() got {problem} argument {key!r}")
            given[key] = value
        _require_all(name, [field for field in accepted if field.name not in given and not field.has_default])
        _set_fields(self, fields, given, slots=slots)

    return __init__


def _require_all(name: str, missing: Sequence[Field]) -> None:
    if missing:
        kind = "keyword-only" if missing[0].kw_only else "positional"
        listed = " and ".join(repr(field.name) for field in missing)
        plural = "s" if len(missing) > 1 else ""
        raise TypeError(f"{name}.__init__() missing {len(missing)} required {kind} argument{plural}: {listed}")


def _set_fields(target: Any, fields: Mapping[str, Field], given: Mapping[str, Any], *, slots: bool) -> None:
    passed = []
    for field in fields.values():
        if field.name in given:
            value = given[field.name]
        elif field.default_factory is not MISSING:
            value = field.default_factory()
        elif field.default is not MISSING and (field.init or slots):  # else the class has the default
            value = field.default
        else:
            continue
        if field.init_only:
            passed.append(value)
        else:
            object.__setattr__(target, field.name, value)
    if hasattr(type(target), "__post_init__"):
        target.__post_init__(*passed)


def repr_method(read: Read, names: list[str]) -> Callable[[Any], str]:
    running: set[int] = set()

    def __repr__(self: Any) -> str:  # noqa: N807
        if id(self) in running:
            return "..."
        running.add(id(self))
        try:
            shown = ", ".join(f"{name}={read(self, name)!r}" for name in names)
        finally:
            running.discard(id(self))
        return f"{type(self).__qualname__}({shown})"

    return __repr__


def values_reader(read: Read, names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda target: tuple(read(target, name) for name in names)


def compare_method(values: Callable[[Any], Any], compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return compare(values(self), values(other)) if type(other) is type(self) else NotImplemented

    return method


def set_hash(cls: Any, hashed: Callable[[Any], Any], *, eq: bool, frozen: bool, unsafe: bool) -> None:
    # Python sets __hash__ to None in a class that defines __eq__ only.
    own = vars(cls).get("__hash__", MISSING)
    explicit = own is not MISSING and not (own is None and "__eq__" in vars(cls))
    if unsafe and explicit:
        raise TypeError(f"Cannot overwrite attribute __hash__ in class {cls.__name__}")
    if unsafe or (eq and frozen and not explicit):
        cls.__hash__ = lambda self: hash(hashed(self))
    elif eq and not explicit:
        cls.__hash__ = None


def frozen_methods(cls: Any, fields: Mapping[str, Field]) -> tuple[Any, Any]:
    def refuse(verb: str, instance: Any, name: str) -> None:
        if type(instance) is cls or name in fields:
            raise FrozenInstanceError(f"cannot {verb} field {name!r}")

    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
        refuse("assign to", self, name)
        object.__setattr__(self, name, value)

    def __delattr__(self: Any, name: str) -> None:  # noqa: N807
        refuse("delete", self, name)
        object.__delattr__(self, name)

    return __setattr__, __delattr__
