"""Plain values of numpy's and sympy's results.

The conversion runs in the locked child, on hostile objects, before the answer is encoded.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from service.sandbox.wire import MAX_ITEMS

_FLOAT_BITS = 53


def convert(value: object) -> object:
    """Plain value of a result. Expressions and values of other types are returned as they are.

    Only exact types are converted, because a subclass may override every method.
    """
    conversion = _CONVERSIONS.get(type(value))
    return value if conversion is None else conversion(value)


def _float(value: Any) -> float:
    # A shorter sympy.Float, such as round(pi.evalf(), 2), is the decimal that it prints.
    return float(value if value._prec >= _FLOAT_BITS else str(value))


def _fraction(value: Any) -> Fraction:
    return Fraction(value.p, value.q)


def _array(value: Any) -> object:
    """Nested lists, but for an array that is too long. An array without dimensions is a number."""
    return value.tolist() if value.size <= MAX_ITEMS else value


def _arguments(value: Any) -> list[object]:
    return list(value.args)


MATRIX: type = type(sympy.Matrix([[1]]))
NUMPY_SCALARS = frozenset(np.sctypeDict.values())
SYMPY_INTEGERS = frozenset(type(sympy.Integer(value)) for value in (-1, 0, 1, 2))
SYMPY_RATIONALS = frozenset({sympy.Rational, type(sympy.S.Half)})
_CONVERSIONS: dict[type, Callable[[Any], object]] = {
    **{kind: int for kind in NUMPY_SCALARS if issubclass(kind, np.integer)},
    **{kind: float for kind in NUMPY_SCALARS if issubclass(kind, np.floating)},
    **dict.fromkeys(SYMPY_INTEGERS, int),
    **dict.fromkeys(SYMPY_RATIONALS, _fraction),
    sympy.Float: _float,
    BooleanTrue: bool,
    BooleanFalse: bool,
    np.bool_: bool,
    np.str_: str,
    np.ndarray: _array,
    MATRIX: list,
    sympy.FiniteSet: _arguments,
    type(sympy.S.EmptySet): _arguments,
    sympy.Tuple: _arguments,
}
