"""Wire format between service and sandbox child.

The service sends one program and receives one reply. A hostile child may write any bytes, and `decode` returns an
`Execution` for all of them. It checks exact tags, exact types and sizes, and neither unpickles nor evaluates anything.
"""

import json
import math
import struct
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from service.sandbox.base import Execution, Outcome, Value

HEADER = struct.Struct("=I")
"""Length in bytes of the program or reply that follows."""

MAX_INT_BITS = 1024  # the range of a float, so that no later conversion raises OverflowError
MAX_DEPTH, MAX_ITEMS = 8, 1000
DETAIL_CHARACTERS = 200
_MAX_DECIMAL_DIGITS = _MAX_DECIMAL_EXPONENT = 308


class NotAValueError(Exception):
    """The result is not a `Value`. The message has the reason."""


Convert = Callable[[object], object]
"""Returns the plain value of a library's object, and other objects as they are."""


def unchanged(value: object) -> object:
    """Conversion without libraries."""
    return value


def frame(body: bytes) -> bytes:
    """Message of a program or a reply: its length, then its bytes."""
    return HEADER.pack(len(body)) + body


def encode(outcome: Outcome, detail: str = "", value: object = None, convert: Convert = unchanged) -> bytes:
    """Body of a reply.

    Args:
        outcome: category of the result.
        detail: one line, which is cut to 200 characters.
        value: the answer, which is ignored unless `outcome` is OK.
        convert: conversion of objects that are not a `Value`.

    Raises:
        NotAValueError: the outcome is OK and `value` is not a `Value`.
    """
    tagged = _Tagger(convert).tag(value) if outcome is Outcome.OK else None
    return json.dumps([outcome.value, detail[:DETAIL_CHARACTERS], tagged]).encode()


def decode(body: bytes, seconds: float) -> Execution:
    """Execution that a reply describes. Never raises.

    Args:
        body: bytes from the child, possibly forged.
        seconds: duration of the run.

    Returns:
        The execution. It is CRASHED for an invalid reply, and OUTPUT for an invalid value.
    """
    try:
        name, detail, tagged = json.loads(body)
        outcome = Outcome(name)
        if type(detail) is not str:
            raise TypeError
    except (ValueError, TypeError, RecursionError):
        return Execution(Outcome.CRASHED, None, "the process sent an invalid reply", seconds)
    if outcome is not Outcome.OK:
        return Execution(outcome, None, one_line(detail), seconds)
    try:
        return Execution(outcome, _untag(tagged, 0), "", seconds)
    except (NotAValueError, ValueError, TypeError, ArithmeticError):
        return Execution(Outcome.OUTPUT, None, "the process sent an invalid value", seconds)


def one_line(text: str) -> str:
    """Text as one printable line of at most 200 characters."""
    return "".join(c if c.isprintable() else " " for c in text[:DETAIL_CHARACTERS])


class _Tagger:
    """Tags one answer and counts the items of all its lists."""

    def __init__(self, convert: Convert) -> None:
        self._convert = convert
        self._items_left = MAX_ITEMS

    def tag(self, value: object, depth: int = 0) -> list[Any]:
        # Exact types: a subclass may override every method that a conversion would call.
        tag, make = _TAGS.get(type(value), ("", None))
        if make is not None:
            return [tag, make(value)]
        if type(value) is not list and type(value) is not tuple:
            converted = self._convert(value)
            if converted is not value:
                return self.tag(converted, depth)
            raise NotAValueError(f"a {_noun(type(value))} is not a valid answer")
        self._items_left -= len(value)
        if depth == MAX_DEPTH or self._items_left < 0:
            raise NotAValueError("the list is too long or too deeply nested")
        return ["list", [self.tag(item, depth + 1) for item in value]]


def _noun(kind: type) -> str:
    return "symbolic expression" if str(kind.__module__).startswith("sympy.") else kind.__name__


def _untag(tagged: Any, depth: int) -> Value:
    if type(tagged) is not list or len(tagged) != 2 or type(tagged[0]) is not str:
        raise TypeError
    tag, payload = tagged
    if tag == "list":
        if type(payload) is not list or depth == MAX_DEPTH or len(payload) > MAX_ITEMS:
            raise TypeError
        return [_untag(item, depth + 1) for item in payload]
    return _UNTAGS[tag](payload) if tag in _UNTAGS else _refuse(tag)


def _refuse(_: object) -> Value:
    raise NotAValueError


def _int_to_hex(value: int) -> str:
    if value.bit_length() > MAX_INT_BITS:
        raise NotAValueError(f"an integer of {value.bit_length()} bits is too large")
    return hex(value)


def _hex_to_int(payload: Any) -> int:
    if type(payload) is not str or len(payload) > MAX_INT_BITS // 4 + len("-0x"):
        raise TypeError
    return _checked_int(int(payload, 16))


def _checked_int(value: int) -> int:
    _int_to_hex(value)
    return value


def _float_to_hex(value: float) -> str:
    if not math.isfinite(value):
        raise NotAValueError(f"{value} is not a finite number")
    return value.hex()


def _hex_to_float(payload: Any) -> float:
    if type(payload) is not str or len(payload) > 32:
        raise TypeError
    value = float.fromhex(payload)
    _float_to_hex(value)
    return value


def _fraction_to_pair(value: Fraction) -> list[str]:
    return [_int_to_hex(value.numerator), _int_to_hex(value.denominator)]


def _pair_to_fraction(payload: Any) -> Fraction:
    numerator, denominator = payload
    return Fraction(_hex_to_int(numerator), _hex_to_int(denominator))


def _checked_decimal(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise NotAValueError(f"{value} is not a finite number")
    if abs(value.adjusted()) > _MAX_DECIMAL_EXPONENT or len(value.as_tuple().digits) > _MAX_DECIMAL_DIGITS:
        raise NotAValueError("the decimal has too many digits or too large an exponent")
    return value


def _text_to_decimal(payload: Any) -> Decimal:
    if type(payload) is not str or len(payload) > 2 * _MAX_DECIMAL_DIGITS:
        raise TypeError
    return _checked_decimal(Decimal(payload))


def _checked_bool(payload: Any) -> bool:
    if type(payload) is not bool:
        raise TypeError
    return payload


def _checked_text(payload: Any) -> str:
    if type(payload) is not str:
        raise TypeError
    try:
        payload.encode()
    except UnicodeEncodeError:
        raise NotAValueError("the text is not valid Unicode") from None
    return payload


_TAGS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    int: ("int", _int_to_hex),
    float: ("float", _float_to_hex),
    bool: ("bool", _checked_bool),
    str: ("str", _checked_text),
    Fraction: ("fraction", _fraction_to_pair),
    Decimal: ("decimal", lambda value: str(_checked_decimal(value))),
}
_UNTAGS: dict[str, Callable[[Any], Value]] = {
    "int": _hex_to_int,
    "float": _hex_to_float,
    "bool": _checked_bool,
    "str": _checked_text,
    "fraction": _pair_to_fraction,
    "decimal": _text_to_decimal,
}
