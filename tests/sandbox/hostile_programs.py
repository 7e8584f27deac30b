"""Hostile programs for each modern feature, generated: routes to an attribute × attributes.

A route reads an attribute without naming it in the program's own syntax, or makes a class that has it. A program that
succeeds sets `ans` to ESCAPED.
"""

from collections.abc import Mapping

TARGETS = {
    "__class__": "(5)",
    "__globals__": "function",
    "__code__": "function",
    "__closure__": "function",
    "__self__": "[].append",
    "__func__": "Own().method",
    "__subclasses__": "object",
    "__mro__": "int",
    "__base__": "bool",
    "__reduce_ex__": "(5)",
    "__init_subclass__": "object",
    "__getattribute__": "'text'",
    "mro": "int",
    "gi_frame": "generator",
    "gi_code": "generator",
    "with_traceback": "ValueError()",
    "obj": "AttributeError()",
    "add_note": "KeyError()",
}
"""Attribute → expression of an object that has it."""

HOOKS = (
    "__getattr__ __getattribute__ __setattr__ __new__ __del__ __init_subclass__ __class_getitem__ __set_name__ __get__ "
)
HOOKS += (
    "__prepare__ __instancecheck__ __subclasscheck__ __mro_entries__ __reduce__ __reduce_ex__ __dict__ __class__ _read_"
)
"""Special names that a program must not define."""

SETUP = """
def function(): return cell
cell = 1
def _generate(): yield 1
generator = _generate()
class Own:
    def method(self): pass
class Taker:
    def __radd__(self, other):
        global got
        got = other
        return 1
class Text(str): pass
got = None
"""

_READS: Mapping[str, tuple[str, ...]] = {
    "operator": (
        "from operator import attrgetter\ngot = attrgetter('NAME')(TARGET)",
        "from operator import methodcaller\nmethodcaller('NAME')(TARGET); got = 1",
        "from operator import attrgetter\ngot = attrgetter('real', 'NAME')(TARGET)[1]",
        "from operator import attrgetter\ngot = list(map(attrgetter(*['NAME']), [TARGET]))[0]",
    ),
    "match": (
        "match TARGET:\n    case object(NAME=x): got = x",
        "match [1, {'k': TARGET}]:\n    case [_, {'k': object(NAME=x)}]: got = x",
        "class A:\n    __match_args__ = ('NAME',)\nclass B(A, type(TARGET)): pass\nmatch B():\n    case A(x): got = x",
        "t = TARGET\nmatch 1:\n    case t.NAME: pass\n    case _: got = 1",
        "from collections import namedtuple\nfrom typing import Protocol\nclass A(namedtuple('P', 'NAME'), Protocol): pass\n"
        "match TARGET:\n    case A(x): got = x",
        "from typing import NamedTuple\nfrom abc import ABC\nclass P(NamedTuple):\n    NAME: int\nclass A(P, ABC): pass\n"
        "A.register(type(TARGET))\nmatch TARGET:\n    case A(x): got = x",
        "from typing import NamedTuple, Protocol\nclass A(NamedTuple('P', [('NAME', int)]), Protocol): pass\n"
        "match TARGET:\n    case A(x): got = x",
        "from dataclasses import make_dataclass\nfrom typing import Protocol\nA = make_dataclass('A', ['NAME'], bases=(Protocol,))\n"
        "match TARGET:\n    case A(x): got = x",
        "from collections import namedtuple\nfrom typing import Protocol\nP = namedtuple('P', 'NAME real')\nclass A(P, Protocol): pass\n"
        "class B(A): pass\nmatch TARGET:\n    case B(x) | B(x, _): got = x",
    ),
    "formatting": (
        "got = '{0.NAME}'.format(TARGET)",
        "got = '{.NAME}'.format(TARGET)",
        "got = Text('{a.NAME!r}').format(a=TARGET)",
        "got = Text.format_map('{a.NAME}', {'a': TARGET})",
        "got = '{:{.NAME}}'.format('x', TARGET)",
    ),
    "functools": (
        "from functools import reduce\ngot = reduce(getattr, ['NAME'], TARGET)",
        "from functools import partial\ngot = partial(getattr, TARGET)('NAME')",
        "from functools import wraps\ndef f(): pass\ngot = getattr(wraps(TARGET)(f), 'NAME')",
        "from functools import wraps\ngot = wraps(TARGET, assigned=('NAME',))(Own()).NAME",
        "from functools import update_wrapper\nupdate_wrapper(Own(), TARGET, ('NAME',))\ngot = 1",
        "from functools import cached_property\nclass A:\n    x = cached_property(lambda s: getattr(TARGET, 'NAME'))\ngot = A().x",
    ),
    "augmented assignment": (
        "t = TARGET\nt.NAME += Taker()",
        "class A(type(TARGET)): pass\nA.NAME += Taker()",
        "class A(type(TARGET)):\n    def f(self): self.NAME += Taker()\nA().f()",
        "class A(type(TARGET)): pass\na = [A()]\na[0].NAME -= Taker()\ngot = 1",
    ),
    "contextlib": (
        "from contextlib import closing\ngot = closing(TARGET).thing.NAME",
        "from contextlib import ExitStack\nwith ExitStack() as s: got = getattr(s.push(TARGET), 'NAME')",
        "from contextlib import contextmanager\n@contextmanager\ndef f(): yield TARGET\nwith f() as t: got = t.NAME",
        "from contextlib import nullcontext\nwith nullcontext(TARGET) as t: got = getattr(t, 'NA' 'ME')",
    ),
    "copy and json": (
        "import copy\ngot = getattr(copy.copy(TARGET), 'NAME')",
        "import copy\ngot = copy.copy(TARGET).NAME",
        "import json\ngot = json.dumps(TARGET, default=lambda o: getattr(TARGET, 'NAME'))\ngot = getattr(TARGET, 'NAME')",
        "import json\ngot = json.loads('{\"a\": 1}', object_hook=lambda d: getattr(TARGET, 'NAME'))",
    ),
    "data classes": (
        "from dataclasses import dataclass, field\n@dataclass\nclass A:\n    x: object = field(default_factory=lambda: TARGET.NAME)\ngot = A().x",
        "from dataclasses import dataclass, astuple\n@dataclass\nclass A(type(TARGET)):\n    NAME: int = 1\n"
        "a = A()\ndel a.NAME\ndel A.NAME\ngot = astuple(a)",
        "from dataclasses import dataclass\n@dataclass\nclass A(Text):\n    format: int = 1\na = A()\ndel a.format\ndel A.format\n"
        "match a:\n    case A(f): got = f('{0.NAME}', TARGET)",
        "from dataclasses import dataclass\nimport dataclasses\ngot = dataclasses.NAME",
    ),
    "enumerations": (
        "from enum import Enum\nclass E(Enum):\n    A = TARGET\ngot = E.A.value.NAME",
        "from enum import Enum\nclass E(Enum):\n    A = 1\ngot = getattr(E.A, 'NAME')",
        "from enum import Enum\nclass E(Enum):\n    A = 1\n    def f(self): return self.name.NAME\ngot = E.A.f()",
        "from enum import Enum\nclass E(Text, Enum):\n    A = '{0.NAME}'\ngot = E.A.format(TARGET)",
    ),
    "streams": (
        "import sys\ngot = sys.stdout.NAME",
        "import sys\nclass W:\n    def write(self, text): self.t = getattr(TARGET, 'NAME')\nw = W()\nprint(1, file=w)\ngot = w.t",
        "import io\ngot = io.StringIO('x').NAME",
        "import sys\nprint('{0.NAME}'.format(TARGET), file=sys.stderr)\ngot = 1",
    ),
    "classes": (
        "class A:\n    def f(self): return super().NAME\ngot = A().f()",
        "class A:\n    x = 5\n    def f(self): return self.__class__.NAME\ngot = A().f()",
        "t = TARGET\ngot = t.__class__.NAME",
        "got = TARGET.__class__.__name__.NAME",
        "got = vars(Own())['NAME']",
    ),
}

_DEFINITIONS: Mapping[str, tuple[str, ...]] = {
    "slots": (
        "class A: __slots__ = ('NAME',)\ngot = A()",
        "class A: __slots__ = 'NAME'\ngot = A()",
        "class A: __slots__ = {'NAME': 1}\ngot = A()",
        "class A: __slots__ = iter(['x', 'NAME'])\ngot = A()",
    ),
    "data classes": (
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    NAME: object\ngot = A(int)",
        "from dataclasses import dataclass, field\n@dataclass\nclass A:\n    NAME: object = field(default=int)\ngot = A()",
    ),
    "enumerations": (
        "from enum import Enum\nE = Enum('E', {'NAME': lambda *a: 1})\ngot = E",
        "from enum import Enum\nE = Enum('E', [('A', 1), ('NAME', lambda *a: 1)])\ngot = E",
        "from enum import Enum\nclass B(Enum): pass\ngot = B('E', 'A NAME')",
        "from enum import Enum\nclass E(Enum):\n    A = 1\n    NAME = lambda *a: 1\ngot = E",
    ),
    "named tuples": (
        "from collections import namedtuple\ngot = namedtuple('P', ['NAME'])(1)",
        "from collections import namedtuple\ngot = namedtuple('P', 'x NAME', rename=False)",
        "from collections import namedtuple\nP = namedtuple('P', 'x')\ngot = P(1)._replace(**{'NAME': 1})",
        "from typing import NamedTuple\nclass P(NamedTuple):\n    NAME: object\ngot = P(int)",
        "from typing import NamedTuple\ngot = NamedTuple('P', [('NAME', int)])",
    ),
    "names of another type": (
        "from types import SimpleNamespace\nclass S(str):\n    def startswith(self, *a): return False\n"
        "class T(SimpleNamespace): pass\ngot = T(**{S('NAME'): T})",
        "from enum import Enum\nclass S(str):\n    def startswith(self, *a): return False\ngot = Enum('E', {S('NAME'): 1})",
        "from dataclasses import make_dataclass\nclass S(str):\n    def startswith(self, *a): return False\n"
        "got = make_dataclass('A', [S('NAME')])",
        "from dataclasses import make_dataclass\ngot = make_dataclass('A', ['x'], namespace={'NAME': lambda *a: 1})",
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass A:\n    x: int\n    def f(self):\n"
        "        object.__setattr__(self, 'NAME', 5)\na = A(1)\na.f()\ngot = a",
        "class A:\n    def f(self): super().__setattr__('NAME', 5)\nA().f()\ngot = 1",
    ),
    "typing": (
        "from typing import Protocol\nclass A(Protocol):\n    def NAME(self, *a): return 1\ngot = A",
        "from typing import Generic, TypeVar\nclass A(Generic[TypeVar('T')]):\n    NAME = 1\ngot = A",
        "from typing import TypedDict\nclass A(TypedDict):\n    NAME: int\ngot = A",
        "from typing import Any\nclass A(Any):\n    def f(self): self.NAME = int\nA().f()\ngot = 1",
    ),
    "abstract classes": (
        "from abc import ABC\nclass A(ABC):\n    def NAME(self, *a): return 1\ngot = A",
        "from abc import ABCMeta\ngot = ABCMeta('A', (), {'NAME': 1}).NAME",
        "from collections.abc import Sequence\nclass A(Sequence):\n    NAME = 1\ngot = A",
        "from abc import ABC, abstractmethod\nclass A(ABC): pass\nsetattr(A, 'NAME', abstractmethod(lambda *a: 1))\ngot = A",
    ),
    "star imports": (
        "from math import NAME\ngot = NAME",
        "from dataclasses import *\ngot = NAME",
        "try:\n    from enum import NAME as x\nexcept ValueError: pass\ngot = x",
        "import typing as t\ngot = t.NAME",
    ),
    "operators": (
        "class A:\n    def __add__(self, o): return 1\n    NAME = __add__\ngot = A",
        "class A: pass\nA.NAME = lambda *a: 1\ngot = A",
        "class A:\n    def f(self): pass\n    NAME: int = 1\ngot = A",
        "class NAME: pass\ngot = NAME",
    ),
}


def programs() -> dict[str, list[str]]:
    """Feature → programs."""
    made: dict[str, list[str]] = {}
    for feature, routes in _READS.items():
        for route in routes:
            for name, target in TARGETS.items():
                made.setdefault(feature, []).append(_program(route, name, target))
    for feature, routes in _DEFINITIONS.items():
        for route in routes:
            for name in HOOKS.split():
                made.setdefault(feature, []).append(_program(route, name, "5"))
    return made


def _program(route: str, name: str, target: str) -> str:
    steps = route.replace("NAME", name).replace("TARGET", target)
    return f"{SETUP}{steps}\nif got is not None: ans = 'ESCAPED'"
