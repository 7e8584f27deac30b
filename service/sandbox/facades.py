"""Importable modules under the policy: facades with selected functions.

`program_facades.py` has those whose functions read attributes or make classes.
"""

import __future__

import abc
import bisect
import calendar
import cmath
import copy
import datetime
import decimal
import enum
import fractions
import heapq
import io
import itertools
import json
import math
import numbers
import random
import re
import statistics
import string
import textwrap
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any

from service.sandbox.classes import ABSTRACT, ABSTRACT_TYPES
from service.sandbox.enumerations import ENUMERATIONS
from service.sandbox.modules import LIBRARIES, Facade, members_of
from service.sandbox.names import RefusedError

SEED = 0
"""Seed of every program's random numbers, so that the same program has the same answer."""

MAX_PATTERN_CHARACTERS, MAX_TEXT_CHARACTERS = 1_000, 100_000

_IMPORTED_BY_C = ("_strptime", "unicodedata")
"""Modules that C code imports through the program's builtins. The C code then reads them from `sys.modules`."""


def find_facade(name: str) -> Facade | None:
    """Facade of a module, the same for every program."""
    return FACADES.get(name) or LIBRARIES.get(name)


def end_program(*_: object) -> None:
    """`exit` of a program."""
    raise SystemExit


def _facade(module: ModuleType, names: str) -> Facade:
    return Facade(module.__name__, members_of(module, names))


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


def _dumps(value: Any, **options: Any) -> str:
    return json.dumps(value, **_checked(options, "default ensure_ascii indent separators skipkeys sort_keys"))


def _loads(text: str | bytes, **options: Any) -> Any:
    return json.loads(text, **_checked(options, "object_hook object_pairs_hook parse_float parse_int"))


def _dump(value: Any, file: Any, **options: Any) -> None:
    _checked_file(file).write(_dumps(value, **options))


def _load(file: Any, **options: Any) -> Any:
    return _loads(_checked_file(file).read(), **options)


_JSON = {"dump": _dump, "dumps": _dumps, "load": _load, "loads": _loads}


def _checked_file(file: Any) -> Any:
    if type(file) is not io.StringIO:
        raise RefusedError("json reads and writes only a StringIO")
    return file


def _checked(options: dict[str, Any], offered: str) -> dict[str, Any]:
    for name in options:
        if name not in offered.split():
            raise RefusedError(f"the option {name} is not offered")
    return options


def _do_nothing(*_: object, **__: object) -> None:
    """`time.sleep`: a program has no time to wait."""


def _copy(value: Any) -> Any:
    return copy.copy(value)


def _deepcopy(value: Any) -> Any:
    return copy.deepcopy(value)


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
        "abc": Facade(
            "abc",
            members_of(abc, "ABC abstractclassmethod abstractmethod abstractproperty abstractstaticmethod")
            | {"ABCMeta": ABSTRACT},
        ),
        "collections.abc": Facade("collections.abc", ABSTRACT_TYPES),
        "copy": Facade("copy", {"copy": _copy, "deepcopy": _deepcopy}),
        "datetime": _facade(datetime, "UTC date datetime time timedelta timezone MINYEAR MAXYEAR"),
        "decimal": _facade(
            decimal,
            "Context Decimal MAX_EMAX MAX_PREC MIN_EMIN getcontext localcontext setcontext "
            "ROUND_UP ROUND_DOWN ROUND_CEILING ROUND_FLOOR ROUND_HALF_UP ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_05UP "
            "Clamped DecimalException DivisionByZero FloatOperation Inexact InvalidOperation Overflow Rounded "
            "Subnormal Underflow",
        ),
        "enum": Facade(
            "enum", {kind.__name__: kind for kind in ENUMERATIONS} | {"auto": enum.auto, "unique": enum.unique}
        ),
        "fractions": _facade(fractions, "Fraction"),
        "heapq": _facade(heapq, "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest"),
        "itertools": _facade_of_all(itertools),
        "io": _facade(io, "StringIO"),
        "json": Facade("json", members_of(json, "JSONDecodeError") | _JSON),
        "math": _facade_of_all(math),
        "numbers": _facade(numbers, "Complex Integral Number Rational Real"),
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
            | members_of(re, "A ASCII DOTALL I IGNORECASE M MULTILINE Match Pattern S U UNICODE VERBOSE X error"),
        ),
        "statistics": _facade(statistics, " ".join(statistics.__all__)),
        "string": _facade(
            string,
            "Template ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits printable "
            "punctuation whitespace",
        ),
        "textwrap": _facade(textwrap, "dedent fill indent shorten wrap"),
        "time": Facade(
            "time",
            members_of(
                time,
                "asctime ctime gmtime localtime mktime monotonic monotonic_ns perf_counter perf_counter_ns "
                "process_time strftime strptime time time_ns",
            )
            | {"sleep": _do_nothing},
        ),
    }
)
"""Module name → facade. `program_facades.py` has those that need the guards of a program."""
