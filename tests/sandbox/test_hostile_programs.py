"""Hostile programs of each modern feature: none reaches a reserved attribute, none defines one."""

import ast
import sys
import types
from collections.abc import Iterator

import pytest

from service.sandbox.base import Outcome
from service.sandbox.classes import Classes
from service.sandbox.dataclass_facade import DataClasses
from service.sandbox.facades import FACADES
from service.sandbox.guards import Guards
from service.sandbox.modules import Facade
from service.sandbox.policy import restrict
from service.sandbox.program_facades import PROGRAM_FACADES
from service.sandbox.runner import Runner
from service.sandbox.wire import decode
from tests.sandbox.attacks.base import Attack
from tests.sandbox.attacks.run import failures
from tests.sandbox.hostile_programs import SETUP, programs
from tests.sandbox.programs import plain_answers

PROGRAMS = programs()
REFUSED = {Outcome.DENIED, Outcome.ERROR, Outcome.OUTPUT}


@pytest.fixture
def recursion_limit() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.parametrize("feature", PROGRAMS)
def test_no_route_reaches_a_reserved_attribute(feature: str, recursion_limit: None) -> None:
    runner = Runner(policy=True, output_bytes=1000)
    outcomes = {program: decode(runner.run(program.encode()), 0.0) for program in PROGRAMS[feature]}
    assert len(outcomes) >= 50
    assert {program[len(SETUP) :]: e for program, e in outcomes.items() if e.outcome not in REFUSED} == {}


def test_plain_python_lets_most_of_them_through() -> None:
    """Shows that the programs are hostile: without the policy they reach the attribute."""
    answers = plain_answers(program for feature in PROGRAMS.values() for program in feature)
    assert answers.count("ESCAPED") > 0.4 * len(answers)


@pytest.mark.parametrize(
    "program",
    [
        "from functools import singledispatch\n@singledispatch\ndef f(x): pass\nclass A:\n    a: 'TEXT'\nf.register(A())",
        "from functools import singledispatch\n@singledispatch\ndef f(x): pass\n@f.register\ndef g(x: 'TEXT'): pass",
        "from functools import singledispatch\n@singledispatch\ndef f(x): pass\ndef g(x: 'TEXT'): pass\nf.register(g)",
        "from functools import singledispatch\nfrom dataclasses import dataclass\n@singledispatch\ndef f(x): pass\n"
        "@dataclass\nclass A:\n    a: 'TEXT' = 1\nf.register(A())",
        "from functools import singledispatchmethod\nfrom typing import NamedTuple\nclass A(NamedTuple):\n    a: 'TEXT'\n"
        "class B:\n    @singledispatchmethod\n    def f(self, x): pass\n    f.register(A(1))",
        "from functools import wraps, singledispatch\n@singledispatch\ndef f(x): pass\ndef g(x: 'TEXT'): pass\n"
        "@wraps(g)\ndef h(x): pass\nf.register(h)",
        "from collections import namedtuple\nnamedtuple('P', 'x=TEXT')",
        "from enum import Enum\nclass A(Enum):\n    a: 'TEXT' = 1\nfrom functools import singledispatch\n"
        "singledispatch(print).register(A.a)",
    ],
)
def test_no_annotation_is_evaluated(program: str) -> None:
    text = "().__class__.__base__.__subclasses__().clear() or print(7)"
    execution = decode(Runner(policy=True, output_bytes=1000).run(program.replace("TEXT", text).encode()), 0.0)
    assert execution.outcome is Outcome.ERROR
    assert "register" in execution.detail or "identifiers" in execution.detail or "dispatch" in execution.detail


@pytest.mark.slow
@pytest.mark.parametrize("policy", [True, False], ids=["policy-and-lock", "lock-alone"])
async def test_they_have_no_effect_outside_the_sandbox(policy: bool) -> None:
    attacks = [Attack(program, program, 0, 0) for feature in PROGRAMS.values() for program in feature]
    lines = await failures(attacks, policy=policy)
    assert [line for line in lines if "reached" in line or "replaced" in line] == []


def test_no_public_attribute_of_a_facade_reaches_a_module_or_a_frame() -> None:
    guards = Guards(print)
    modules = [guards.import_module(name) for name in (*FACADES, *PROGRAM_FACADES)]
    level: list[object] = [*modules, *_samples()]
    seen: dict[int, object] = {}
    found: list[str] = []
    for _ in range(3):
        following: list[object] = []
        for target in level:
            if id(target) in seen:
                continue
            seen[id(target)] = target
            for name, value in _parts(guards, target):
                if _is_forbidden(value, guards):
                    found.append(f"{type(target).__name__}.{name}")
                elif not isinstance(value, int | str | float | bool | None):
                    following.append(value)
        level = following
    assert found == []
    assert len(seen) > 1500


def _parts(guards: Guards, target: object) -> Iterator[tuple[str, object]]:
    """Public attributes and items of an object."""
    for name in target._members if isinstance(target, Facade) else dir(target):
        yield name, _read(guards, target, name)
    if isinstance(target, tuple | list):
        yield from (("item", item) for item in target)
    if isinstance(target, dict | types.MappingProxyType):
        yield from (("item", item) for pair in target.items() for item in pair)


def _read(guards: Guards, target: object, name: str) -> object:
    try:
        return guards.read(target, name)
    except Exception:
        return None


def _is_forbidden(value: object, guards: Guards) -> bool:
    kinds = (types.ModuleType, types.FrameType, types.CodeType, types.TracebackType, Guards, Classes, DataClasses)
    makers = isinstance(value, type) and issubclass(value, type)
    return (
        isinstance(value, kinds)
        or makers
        or any(value is one for one in (open, eval, exec))
        or value is guards.namespace
    )


def _samples() -> list[object]:
    """Objects that programs get from the members."""
    text = """
import collections, contextlib, copy, dataclasses, datetime, decimal, enum, fractions, functools, io, itertools, json, random
import operator, re, statistics, string, sys, time, types, typing, abc
from collections.abc import *
@dataclasses.dataclass(order=True, frozen=True)
class Data:
    x: int = 1
class Color(enum.Enum):
    RED = enum.auto()
class Bits(enum.Flag):
    A = 1
class Shape(abc.ABC):
    @functools.cached_property
    def p(self): return 1
    @functools.singledispatchmethod
    def f(self, x): return 1
class Circle(Shape): pass
class Pair(typing.NamedTuple):
    x: int
class Stack(typing.Generic[typing.TypeVar('T')]): pass
class Draws(typing.Protocol):
    def draw(self): ...
class Movie(typing.TypedDict):
    x: int
@functools.singledispatch
def show(x): return 1
@functools.lru_cache
def cached(x): return x
@contextlib.contextmanager
def managed(): yield 1
def generate(): yield 1
try: Color(5)
except ValueError as e: error = e
try: json.loads('{')
except ValueError as e: other = e
samples = [Data, Data(), dataclasses.fields(Data), dataclasses.field(), Color, Color.RED, Bits.A, Shape, Circle, Circle(),
    Shape.p, Shape.f, Circle().f, Pair, Pair(1), Stack, Draws, Movie, show, show.registry, show.register, cached, cached.cache_info(),
    managed, managed(), generate(), (i for i in [1]), error, other, contextlib.ExitStack(), contextlib.suppress(), contextlib.closing(1),
    contextlib.nullcontext(), io.StringIO(), sys.stdout, sys.version_info, sys.float_info, time.gmtime(0), re.compile('x'), re.match('x', 'x'),
    random.Random(1), decimal.getcontext(), decimal.getcontext().traps, decimal.Decimal(1), fractions.Fraction(1), datetime.datetime(2024, 1, 1),
    statistics.NormalDist(), collections.ChainMap({}), collections.UserDict(), collections.UserList(), collections.deque(), list[int], int | str,
    typing.Optional[int], typing.TypeVar('T'), functools.partial(print), functools.partialmethod(print), print, getattr, type, len, [].append,
    Data.__doc__, Circle().f, lambda: 1, property(len), classmethod(len), super, itertools.count(), copy.copy, json.dumps,
    functools.cmp_to_key(len), functools.wraps(len), enum.auto(), Color.__members__, vars(Circle()), typing.NewType('X', int), iter([]), slice(1),
    contextlib.redirect_stdout(sys.stderr), contextlib.redirect_stdout, string.Template('$x'), types.SimpleNamespace(x=1),
    operator.attrgetter('x'), operator.methodcaller('x'), operator.itemgetter(1), dataclasses.dataclass, json.load, vars, id,
    functools.update_wrapper, functools.total_ordering, collections.namedtuple, collections.namedtuple('P', 'x')]
"""
    guards = Guards(print)
    tree = ast.parse(text)
    restrict(tree, guards.star_names)
    exec(compile(tree, "<program>", "exec", dont_inherit=True), guards.namespace)
    samples = guards.namespace["samples"]
    assert isinstance(samples, list)
    return samples
