"""Facades of numpy and sympy: functions and constants by name.

Left out is what reads or writes files, evaluates text, compiles code, reaches memory or returns modules.
"""

import builtins
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy
import sympy.abc

from service.sandbox.expressions import parse_arithmetic
from service.sandbox.facades import FACADES, SEED
from service.sandbox.library_code import nsolve
from service.sandbox.modules import Facade, MissingPackage
from service.sandbox.names import RefusedError

_NUMPY = (
    "abs absolute add all allclose amax amin any append arange arccos arcsin arctan arctan2 argmax argmin argsort "
    "argwhere around array array_equal asarray average bincount bitwise_and bitwise_or bitwise_xor bool_ cbrt ceil "
    "clip column_stack concatenate convolve copy corrcoef cos cosh count_nonzero cov cross cumprod cumsum deg2rad "
    "degrees delete diag diff digitize divide divmod dot e equal exp expand_dims expm1 eye fabs fix flip float16 "
    "float32 float64 floating floor floor_divide fmod full full_like gcd gradient greater greater_equal histogram "
    "hstack hypot identity inf inner insert int16 int32 int64 int8 integer interp intersect1d isclose isfinite isin "
    "isinf isnan kron lcm less less_equal linspace log log10 log1p log2 logical_and logical_not logical_or "
    "logical_xor logspace matmul max maximum mean median meshgrid min minimum mod multiply nan nanmax nanmean "
    "nanmin nansum ndenumerate ndim ndindex negative newaxis nonzero not_equal number ones ones_like outer "
    "percentile pi poly poly1d polyadd polyder polyfit polymul polyval positive power prod ptp quantile rad2deg "
    "radians ravel real reciprocal remainder repeat reshape rint roll roots rot90 round searchsorted setdiff1d "
    "shape sign sin sinh size sort split sqrt square squeeze stack std subtract sum take tan tanh tile trace "
    "transpose trapezoid tril triu true_divide trunc uint16 uint32 uint64 uint8 union1d unique var vdot vectorize "
    "vstack where zeros zeros_like"
)
_LINALG = "det eig eigh eigvals eigvalsh inv LinAlgError lstsq matrix_power matrix_rank norm pinv qr solve"
_RANDOM = (
    "beta binomial choice exponential gamma geometric normal permutation poisson rand randint randn random "
    "random_sample shuffle standard_normal triangular uniform"
)
_SYMPY = (
    "Abs acos acosh Add And apart arg asin asinh atan atan2 atanh binomial cancel catalan cbrt ceiling collect comp "
    "Complement conjugate cos cosh cot count_roots csc deg degree denom Derivative det diff diophantine "
    "discriminant div divisor_count divisor_sigma divisors Dummy E EmptySet Eq Equality exp expand expand_log "
    "expand_trig Expr eye factor factor_list factorial factorial2 factorint false fibonacci FiniteSet Float floor "
    "frac fraction gcd gcd_list gcdex Ge GoldenRatio Gt harmonic I igcd ilcm im Integer integer_log integer_nthroot "
    "Integral integrate Intersection Interval isprime lcm lcm_list Le limit linear_eq_to_matrix linsolve ln log "
    "logcombine Lt lucas Matrix Max Min Mod mod_inverse Mul multiplicity N n_order nan Naturals Ne nextprime "
    "nonlinsolve Not npartitions nroots nsimplify Number numer ones oo Or perfect_power pi Piecewise Poly "
    "posify Pow powdenest powsimp preorder_traversal prevprime prime primefactors primepi primerange primorial prod "
    "Product product quo rad radsimp randprime Rational ratsimp re real_root real_roots Reals reduce_inequalities "
    "rem resultant root roots S sec separatevars series sieve sign simplify sin sinh solve solve_linear_system "
    "solve_poly_system solve_rational_inequalities solve_univariate_inequality solveset sqrt sqrtdenest Sum "
    "summation Symbol symbols tan tanh terms_gcd together totient trigsimp true trunc Tuple Union Wild zeros zoo"
)
_RENAMED_IN_NUMPY_2 = {
    "Inf": "inf",
    "NaN": "nan",
    "cumproduct": "cumprod",
    "float_": "float64",
    "in1d": "isin",
    "int_": "int64",
    "product": "prod",
    "round_": "round",
    "trapz": "trapezoid",
}
"""Names that models learned from numpy 1."""

RANDOM_STATE = np.random.RandomState(SEED)
"""Generator of a program's `numpy.random`."""


class LibraryFacade(Facade):
    """Facade of a library. A name that it lacks may be imported, and its use is refused.

    A star import shadows no builtin.
    """

    __slots__ = ()

    def __init__(self, name: str, members: Mapping[str, Any]) -> None:
        super().__init__(name, members, [name for name in members if not hasattr(builtins, name)])

    def __getattr__(self, name: str) -> Any:
        return self._members[name] if name in self._members else MissingPackage(f"{self._name}.{name}")


class _ArrayType(type):
    """Type of `_Array`, which recognizes arrays and makes none: `ndarray()` does not set its memory."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, np.ndarray)

    def __call__(cls, *_: object, **__: object) -> None:
        raise RefusedError("numpy.ndarray() is not offered; use numpy.zeros()")


class _Array(metaclass=_ArrayType):
    """Replacement of `numpy.ndarray`, for `isinstance`."""


def library_facades() -> Mapping[str, Facade]:
    """Module name → facade."""
    linalg = LibraryFacade("numpy.linalg", _members(np.linalg, _LINALG))
    drawing = LibraryFacade(
        "numpy.random", _members(RANDOM_STATE, _RANDOM) | {"default_rng": _generator, "seed": _seed}
    )
    symbols = {name: value for name, value in vars(sympy.abc).items() if type(value) is sympy.Symbol}
    letters = LibraryFacade("sympy.abc", symbols)
    return {
        "numpy": LibraryFacade("numpy", _numpy_members() | {"linalg": linalg, "random": drawing}),
        "numpy.linalg": linalg,
        "numpy.random": drawing,
        "sympy": LibraryFacade("sympy", _sympy_members() | {"abc": letters}),
        "sympy.abc": letters,
    }


def _numpy_members() -> dict[str, Any]:
    return {
        **_members(np, _NUMPY),
        **{name: getattr(np, new) for name, new in _RENAMED_IN_NUMPY_2.items()},
        "bool": bool,
        "empty": np.zeros,
        "empty_like": np.zeros_like,
        "float": float,
        "int": int,
        "math": FACADES["math"],
        "ndarray": _Array,
        "set_printoptions": _ignore,
    }


def _sympy_members() -> dict[str, Any]:
    return {
        **_members(sympy, _SYMPY),
        "init_printing": _ignore,
        "nsolve": nsolve,
        "parse_expr": parse_arithmetic,
        "symbols": _symbols,
        "sympify": sympy.sympify,
    }


def _members(source: Any, names: str) -> dict[str, Any]:
    return {name: getattr(source, name) for name in names.split()}


def _generator(seed: Any = SEED) -> Any:
    return np.random.default_rng(seed)


def _seed(seed: Any = SEED) -> None:
    RANDOM_STATE.seed(seed)


def _symbols(names: Any, **assumptions: Any) -> Any:
    """`sympy.symbols` without `cls`: generated code would call a function by the name that a program gives it."""
    if "cls" in assumptions:
        raise RefusedError("sympy.symbols() is offered without cls")
    return sympy.symbols(names, **assumptions)


def _ignore(*_: object, **__: object) -> None:
    """Do nothing. Programs call it to change the output of a notebook."""
