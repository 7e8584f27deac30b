"""Importable modules under the policy: facades with selected functions.

An import returns a facade instead of a module, because a module exposes its own imports
(`fractions.sys.modules["os"]`). Programs import many modules without use (`os`, `numpy`). The import of any other
module therefore returns a `MissingPackage`, which refuses its first use.
"""

import __future__

import bisect
import calendar
import cmath
import collections
import copy
import datetime
import decimal
import fractions
import functools
import heapq
import itertools
import json
import math
import operator
import random
import re
import statistics
import string
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any

from service.sandbox.policy import RefusedError, RefusedImportError

SEED = 0
"""Seed of every program's random numbers, so that the same program has the same answer."""

MAX_PATTERN_CHARACTERS, MAX_TEXT_CHARACTERS = 1_000, 100_000

LIBRARY_NAMES = frozenset({"numpy", "sympy"})
"""Packages that the libraries lane offers."""

_IMPORTED_BY_C = ("_strptime", "unicodedata")
"""Modules that C code imports through the program's builtins. The C code then reads them from `sys.modules`."""


class Facade:
    """Replacement of a module, with fixed members."""

    __slots__ = ("_members", "_name")

    def __init__(self, name: str, members: Mapping[str, Any]) -> None:
        self._name = name
        self._members = MappingProxyType(dict(members))

    @property
    def names(self) -> Iterable[str]:
        """Names of its members."""
        return self._members.keys()

    def __getattr__(self, name: str) -> Any:  # what `from math import sqrt` calls
        return self.member(name)

    def member(self, name: str) -> Any:
        """Member of this name. Raises `RefusedError` if it is not offered."""
        if name not in self._members:
            raise RefusedError(f"{self._name}.{name} is not offered")
        return self._members[name]


LIBRARIES: dict[str, Facade] = {}
"""Module name → facade of numpy and sympy. Only `libraries.py` fills it, in the zygote of the libraries lane."""


class MissingPackage:
    """Replacement of a module that is not offered, or of a name in it. Every use raises `RefusedImportError`."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> "MissingPackage":  # what `from sympy import Symbol` calls
        return MissingPackage(self._name)

    def __call__(self, *_: object, **__: object) -> None:
        self.member("")

    def member(self, _: str) -> Any:
        """Raise `RefusedImportError`: there are no members."""
        hint = "; set sandbox_libraries" if self._name in LIBRARY_NAMES else ""
        raise RefusedImportError(f"{self._name} is not available to programs{hint}")


def import_facade(
    name: str, _globals: object, _locals: object, names: object, _level: int = 0
) -> Facade | MissingPackage:
    """Implementation of `import` in a program. Raises `RefusedImportError` for a submodule of a facade."""
    if type(name) is not str:
        raise RefusedImportError("the name of a module must be a string")
    if name in FACADES:
        return FACADES[name]
    root = name.partition(".")[0]
    if root in LIBRARIES:
        return _import_library(root, name) if names else LIBRARIES[root]
    if root in FACADES:
        raise RefusedImportError(f"import of {name[:50]} is not allowed")
    return MissingPackage(root[:50])


def star_names(module: str) -> Iterable[str] | None:
    """Names that `from module import *` binds, or None for a module that is not offered."""
    facade = FACADES.get(module) or LIBRARIES.get(module)
    return facade.names if facade is not None else None


def end_program(*_: object) -> None:
    """`exit` of a program."""
    raise SystemExit


def _import_library(root: str, name: str) -> Facade | MissingPackage:
    """Module for `from name import …`. The functions of sympy's other submodules are members of sympy itself."""
    if name in LIBRARIES:
        return LIBRARIES[name]
    return LIBRARIES[root] if root == "sympy" else MissingPackage(name)


def _facade(module: ModuleType, names: str) -> Facade:
    return Facade(module.__name__, {name: getattr(module, name) for name in names.split()})


def _facade_of_all(module: ModuleType) -> Facade:
    """Facade of all public members. The module must be written in C and hold only functions and numbers."""
    return Facade(module.__name__, {name: value for name, value in vars(module).items() if not name.startswith("_")})


def _limit_lengths(function: Callable[..., Any]) -> Callable[..., Any]:
    """Function of `re` that refuses long patterns and texts."""

    def limited(pattern: Any, *arguments: Any, **keywords: Any) -> Any:
        if isinstance(pattern, str) and len(pattern) > MAX_PATTERN_CHARACTERS:
            raise RefusedError("the regular expression is too long")
        if any(isinstance(argument, str) and len(argument) > MAX_TEXT_CHARACTERS for argument in arguments):
            raise RefusedError("the text is too long for a regular expression")
        return function(pattern, *arguments, **keywords)

    return limited


def _dumps(value: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:
    return json.dumps(value, indent=indent, sort_keys=sort_keys)


def _loads(text: str | bytes) -> Any:
    return json.loads(text)


def _copy(value: Any) -> Any:
    return copy.copy(value)


def _deepcopy(value: Any) -> Any:
    return copy.deepcopy(value)


class _TypeHint:
    """Replacement of the names in `typing`. Programs rarely use it, because the policy drops annotations."""

    def __getitem__(self, _: object) -> "_TypeHint":
        return self


_TYPING_NAMES = "Any Callable ClassVar Final Generic Iterable Iterator Literal Mapping Optional Sequence TypeVar Union"
_RANDOM = random.Random(SEED)  # noqa: S311 (not used for secrets)

for _module in _IMPORTED_BY_C:
    import_module(_module)  # ahead of time: a locked child cannot read files

FACADES: Mapping[str, Facade] = MappingProxyType(
    {
        "__future__": Facade("__future__", dict.fromkeys(__future__.all_feature_names)),
        "bisect": _facade(bisect, "bisect bisect_left bisect_right insort insort_left insort_right"),
        "calendar": _facade(
            calendar,
            "isleap leapdays weekday monthrange monthcalendar timegm day_name day_abbr month_name month_abbr "
            "MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY",
        ),
        "cmath": _facade_of_all(cmath),
        "collections": _facade(collections, "Counter OrderedDict defaultdict deque namedtuple"),
        "copy": Facade("copy", {"copy": _copy, "deepcopy": _deepcopy}),
        "datetime": _facade(datetime, "date datetime time timedelta timezone MINYEAR MAXYEAR"),
        "decimal": _facade(
            decimal,
            "Decimal getcontext localcontext ROUND_UP ROUND_DOWN ROUND_CEILING ROUND_FLOOR ROUND_HALF_UP "
            "ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_05UP InvalidOperation DivisionByZero Overflow Inexact",
        ),
        "fractions": _facade(fractions, "Fraction"),
        "functools": _facade(functools, "reduce lru_cache cache partial cmp_to_key"),
        "heapq": _facade(heapq, "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest"),
        "itertools": _facade_of_all(itertools),
        "json": Facade("json", {"dumps": _dumps, "loads": _loads}),
        "math": _facade_of_all(math),
        "operator": _facade(
            operator,
            "abs add and_ concat contains countOf eq floordiv ge gt index indexOf inv invert itemgetter le lshift lt "
            "mod mul ne neg not_ or_ pos pow rshift sub truediv truth xor",
        ),
        "random": Facade(
            "random",
            {
                name: getattr(_RANDOM, name)
                for name in "random randint randrange choice choices shuffle sample uniform gauss seed getrandbits "
                "betavariate expovariate normalvariate triangular".split()
            }
            | {"Random": lambda seed=SEED: random.Random(seed)},  # noqa: S311
        ),
        "re": Facade(
            "re",
            {
                name: _limit_lengths(getattr(re, name))
                for name in "compile match fullmatch search findall finditer sub subn split escape".split()
            }
            | {name: getattr(re, name) for name in "I IGNORECASE M MULTILINE S DOTALL X VERBOSE A ASCII".split()},
        ),
        "statistics": _facade(
            statistics,
            "mean fmean median median_low median_high mode multimode stdev pstdev variance pvariance quantiles "
            "geometric_mean harmonic_mean correlation covariance StatisticsError",
        ),
        "string": _facade(
            string,
            "ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits printable punctuation "
            "whitespace",
        ),
        "sys": Facade("sys", {"exit": end_program, "maxsize": sys.maxsize}),
        "typing": Facade(
            "typing",
            {name: _TypeHint() for name in _TYPING_NAMES.split()}
            | {"Dict": dict, "FrozenSet": frozenset, "List": list, "Set": set, "Tuple": tuple, "Type": object},
        ),
    }
)
"""Module name → facade."""
