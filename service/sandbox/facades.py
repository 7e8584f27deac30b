"""The modules that a program under the policy may import: facades of chosen functions, never a module object.

It promises that an import yields nothing but the names listed here. A real module would hand out what it imported
itself (`fractions.sys.modules["os"]`). Packages that models import by habit and rarely use (`numpy`) can be imported
and refuse their first use; everything else is refused at the import.
"""

import __future__

import bisect
import calendar
import cmath
import collections
import datetime
import decimal
import fractions
import functools
import heapq
import itertools
import math
import operator
import random
import re
import statistics
import string
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any

from service.sandbox.policy import RefusedError, RefusedImportError

SEED = 0
"""Every program draws the same random numbers, so that the same problem has the same answer."""

MAX_PATTERN_CHARACTERS, MAX_TEXT_CHARACTERS = 1_000, 100_000

HABITS = frozenset({"numpy", "sympy", "scipy", "pandas", "matplotlib", "time"})
"""What many programs import and few use."""

_IMPORTED_BY_C = ("_strptime", "unicodedata")
"""Modules that C code imports through the program's builtins, but then takes from `sys.modules` itself."""


class Facade:
    """Stands for a module; its members are fixed."""

    __slots__ = ("_members", "_name")

    def __init__(self, name: str, members: Mapping[str, Any]) -> None:
        self._name = name
        self._members = MappingProxyType(dict(members))

    def __getattr__(self, name: str) -> Any:  # what `from math import sqrt` calls
        return self.member(name)

    def member(self, name: str) -> Any:
        """The member of that name; raises `RefusedError` if it is not offered."""
        if name not in self._members:
            raise RefusedError(f"{self._name}.{name} is not offered")
        return self._members[name]


class Absent:
    """Stands for a package that is not installed, or for a name of it; any use is refused."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> "Absent":  # what `from sympy import Symbol` calls
        return Absent(self._name)

    def __call__(self, *_: object, **__: object) -> None:
        self.member("")

    def member(self, _: str) -> Any:
        """Raises `RefusedError`: there are no members."""
        raise RefusedError(f"{self._name} is not available to programs")


def import_facade(name: str, _globals: object, _locals: object, _from: object, _level: int = 0) -> Facade | Absent:
    """What stands behind `import` in a program; raises `RefusedImportError` for what is not offered."""
    if type(name) is not str:
        raise RefusedImportError("a module's name must be a string")
    if name in FACADES:
        return FACADES[name]
    root = name.partition(".")[0]
    if root in HABITS or name in _IMPORTED_BY_C:
        return Absent(root)
    raise RefusedImportError(f"import of {name[:50]} is not allowed")


def _chosen(module: ModuleType, names: str) -> Facade:
    return Facade(module.__name__, {name: getattr(module, name) for name in names.split()})


def _public(module: ModuleType) -> Facade:
    """Every public member of a module that is written in C and holds nothing but functions and numbers."""
    return Facade(module.__name__, {name: value for name, value in vars(module).items() if not name.startswith("_")})


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of `re` that refuses patterns and texts of absurd length; time is the deadline's business."""

    def bounded(pattern: Any, *arguments: Any, **keywords: Any) -> Any:
        if isinstance(pattern, str) and len(pattern) > MAX_PATTERN_CHARACTERS:
            raise RefusedError("the regular expression is too long")
        if any(isinstance(argument, str) and len(argument) > MAX_TEXT_CHARACTERS for argument in arguments):
            raise RefusedError("the text is too long for a regular expression")
        return function(pattern, *arguments, **keywords)

    return bounded


class _Hint:
    """Stands for the names of `typing`; annotations are dropped, so it is hardly ever touched."""

    def __getitem__(self, _: object) -> "_Hint":
        return self


_HINTS = "Any Callable ClassVar Final Generic Iterable Iterator Literal Mapping Optional Sequence TypeVar Union"
_RANDOM = random.Random(SEED)  # noqa: S311 (no secret is drawn here)

for _module in _IMPORTED_BY_C:
    import_module(_module)  # ahead of time: a locked child can read no file

FACADES: Mapping[str, Facade] = MappingProxyType(
    {
        "__future__": Facade("__future__", dict.fromkeys(__future__.all_feature_names)),
        "bisect": _chosen(bisect, "bisect bisect_left bisect_right insort insort_left insort_right"),
        "calendar": _chosen(
            calendar,
            "isleap leapdays weekday monthrange monthcalendar timegm day_name day_abbr month_name month_abbr "
            "MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY",
        ),
        "cmath": _public(cmath),
        "collections": _chosen(collections, "Counter OrderedDict defaultdict deque namedtuple"),
        "datetime": _chosen(datetime, "date datetime time timedelta timezone MINYEAR MAXYEAR"),
        "decimal": _chosen(
            decimal,
            "Decimal getcontext localcontext ROUND_UP ROUND_DOWN ROUND_CEILING ROUND_FLOOR ROUND_HALF_UP "
            "ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_05UP InvalidOperation DivisionByZero Overflow Inexact",
        ),
        "fractions": _chosen(fractions, "Fraction"),
        "functools": _chosen(functools, "reduce lru_cache cache partial cmp_to_key"),
        "heapq": _chosen(heapq, "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest"),
        "itertools": _public(itertools),
        "math": _public(math),
        "operator": _chosen(
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
                name: _bounded(getattr(re, name))
                for name in "compile match fullmatch search findall finditer sub subn split escape".split()
            }
            | {name: getattr(re, name) for name in "I IGNORECASE M MULTILINE S DOTALL X VERBOSE A ASCII".split()},
        ),
        "statistics": _chosen(
            statistics,
            "mean fmean median median_low median_high mode multimode stdev pstdev variance pvariance quantiles "
            "geometric_mean harmonic_mean correlation covariance StatisticsError",
        ),
        "string": _chosen(
            string,
            "ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits printable punctuation "
            "whitespace",
        ),
        "typing": Facade(
            "typing",
            {name: _Hint() for name in _HINTS.split()}
            | {"Dict": dict, "FrozenSet": frozenset, "List": list, "Set": set, "Tuple": tuple, "Type": object},
        ),
    }
)
"""Module name → what a program gets for it."""
