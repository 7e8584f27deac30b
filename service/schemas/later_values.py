"""Enums of responses that may have values of a later version."""

import copyreg
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import GetCoreSchemaHandler, ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import CoreSchema, core_schema

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

_Kind = TypeVar("_Kind", bound=StrEnum)


class LaterValues:
    """Annotation of an enum whose unknown values become members of their own.

    Replicas are upgraded one by one, and their clients later.
    """

    def __get_pydantic_core_schema__(self, kind: type[StrEnum], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Schema that accepts later values. Pickle accepts them too."""
        copyreg.pickle(kind, _reduced)

        def member(value: Any, known: ValidatorFunctionWrapHandler) -> StrEnum:
            try:
                found: StrEnum = known(value)
            except ValidationError:
                if not isinstance(value, str) or value in list(kind) or not _NAME.fullmatch(value):
                    raise
                return _later_member(kind, value)
            return found

        return core_schema.no_info_wrap_validator_function(member, handler(kind))


def _reduced(member: _Kind) -> tuple[Callable[[type[_Kind], str], _Kind], tuple[type[_Kind], str]]:
    return _pickled_member, (type(member), member.value)


def _pickled_member(kind: type[_Kind], value: str) -> _Kind:
    return kind(value) if value in list(kind) else _later_member(kind, value)


def _later_member(kind: type[_Kind], value: str) -> _Kind:
    """Member that equals its text, and that the enum does not list."""
    member = str.__new__(kind, value)
    member._name_ = value.upper()
    member._value_ = value
    return member
