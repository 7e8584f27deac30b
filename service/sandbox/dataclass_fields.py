"""Fields of data classes."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType, MemberDescriptorType
from typing import Any

from service.sandbox.classes import ANNOTATIONS, Hint
from service.sandbox.names import RefusedError

FIELDS = "__dataclass_fields__"

MISSING = Hint()
"""Default of a field without one."""

INIT_VARIABLE = "InitVar"

_CLASS_VARIABLE, _INIT_ONLY = re.compile(r"(?:\w+\.)?ClassVar\b"), re.compile(rf"(?:\w+\.)?{INIT_VARIABLE}\b")
_KEYWORDS_FOLLOW = re.compile(r"(?:\w+\.)?KW_ONLY")


class Field:
    """Field of a data class. Its type is not kept, because the policy drops annotations."""

    __slots__ = (
        *("compare", "default", "default_factory", "hash", "init", "init_only", "kw_only", "metadata", "name", "repr"),
    )

    def __init__(
        self,
        *,
        default: Any = MISSING,
        default_factory: Any = MISSING,
        init: bool = True,
        repr: bool = True,  # noqa: A002 (the name of the option)
        hash: bool | None = None,  # noqa: A002
        compare: bool = True,
        metadata: Mapping[Any, Any] | None = None,
        kw_only: Any = MISSING,
    ) -> None:
        if default is not MISSING and default_factory is not MISSING:
            raise ValueError("cannot specify both default and default_factory")
        self.name = ""
        self.default, self.default_factory = default, default_factory
        self.init, self.repr, self.hash, self.compare = init, repr, hash, compare
        self.metadata = MappingProxyType(dict(metadata or {}))
        self.kw_only = kw_only
        self.init_only = False

    @property
    def type(self) -> Any:
        """Type of the field. Raises `RefusedError`, because it is not kept."""
        raise RefusedError("the types of fields are not kept")

    @property
    def has_default(self) -> bool:
        """Whether the field may be left out of a call."""
        return self.default is not MISSING or self.default_factory is not MISSING


def collect_fields(cls: Any, kw_only: bool, frozen: bool, is_own: Callable[[type], bool]) -> dict[str, Field]:
    """Fields of a class and of its bases, which become an attribute of the class.

    Args:
        cls: data class.
        kw_only: whether all fields of the class are keywords.
        frozen: whether the class is frozen.
        is_own: returns whether the program made a class. A default is never an attribute of another class.
    """
    fields: dict[str, Field] = {}
    for base in cls.__mro__[-1:0:-1]:
        fields |= vars(base).get(FIELDS, {})
        if FIELDS in vars(base) and frozen is not ("__setattr__" in vars(base)):
            this, other = ("frozen", "non-frozen") if frozen else ("non-frozen", "frozen")
            raise TypeError(f"cannot inherit {this} dataclass from a {other} one")
    own: list[Field] = []
    for name, annotation in vars(cls).get(ANNOTATIONS, {}).items():
        if _KEYWORDS_FOLLOW.fullmatch(annotation):
            kw_only = True
        elif not _CLASS_VARIABLE.match(annotation):
            default = next((vars(base)[name] for base in cls.__mro__ if is_own(base) and name in vars(base)), MISSING)
            own.append(_field_of(default, name, kw_only, bool(_INIT_ONLY.match(annotation))))
    for field in own:  # after all names are set: the last one counts for a field that has two
        fields[field.name] = field
        if type(vars(cls).get(field.name)) is not Field:
            continue
        if field.default is MISSING:
            delattr(cls, field.name)
        else:
            setattr(cls, field.name, field.default)
    setattr(cls, FIELDS, fields)
    return fields


def _field_of(default: Any, name: str, kw_only: bool, init_only: bool) -> Field:
    if type(default) is MemberDescriptorType:  # a slot of the class, which has no default
        default = MISSING
    made = default if type(default) is Field else Field(default=default)
    made.name, made.init_only = name, init_only
    made.kw_only = kw_only if made.kw_only is MISSING else made.kw_only
    if type(made.default).__hash__ is None:
        raise ValueError(f"mutable default {type(made.default)} for field {name} is not allowed: use default_factory")
    return made
