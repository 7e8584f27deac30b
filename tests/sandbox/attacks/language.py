"""Attacks on the language policy. Without the policy they reach plain Python, and the kernel refuses them."""

from service.sandbox.base import Outcome
from tests.sandbox.attacks.base import Attack

D, E, O = Outcome.DENIED, Outcome.ERROR, Outcome.OUTPUT  # noqa: E741

OPEN = "__builtins__['open']('CANARY', 'a')"
WALK = """
for c in ().__class__.__base__.__subclasses__():
    if c.__name__ == '_wrap_close':
        c.__init__.__globals__['open']('CANARY', 'a')
        ans = 'ESCAPED'
"""

ATTRIBUTES = [
    Attack("dunder walk", WALK, D, E),
    Attack("function globals", "def f(): pass\nf.__globals__['__builtins__']['open']('CANARY', 'a')", D, D),
    Attack("function code", "def f(): return 1\nf.__code__ = (lambda: 2).__code__\nans = f()", D, 2),
    Attack("builtins by name", OPEN, D, D),
    Attack("builtins through print", "print.__self__.open('CANARY', 'a')", D, D),
    Attack("getattr of a dunder", "getattr((), '__class__').__base__\nopen('CANARY', 'a')", D, D),
    Attack("name built at run time", "getattr((), '__cl' + 'ass__')\nopen('CANARY', 'a')", D, D),
    Attack(
        "name of a str subclass",
        "class S(str):\n    def __eq__(self, o): return False\ngetattr((), S('__class__'))\nopen('CANARY', 'a')",
        E,
        E,
    ),
    Attack("getattr by map", "list(map(getattr, [()], ['__class__']))\nopen('CANARY', 'a')", D, D),
    Attack(
        "getattr by reduce",
        "from functools import reduce\nreduce(getattr, ['__class__', '__base__'], ())\nopen('CANARY', 'a')",
        D,
        D,
    ),
    Attack("getattr with a default", "ans = getattr(1, '__class__', 5)\nopen('CANARY', 'a')", D, D),
    Attack("hasattr of a dunder", "ans = hasattr((), '__class__')", False, True),
    Attack("setattr of a dunder", "class A: pass\nsetattr(A, '__getattr__', lambda s, n: 1)\nans = A().x", D, 1),
    Attack("class of an instance", "class A: pass\na = A()\na.__class__ = int", D, E),
    Attack("mro of a type", "type(1).mro()[1]\nopen('CANARY', 'a')", D, D),
    Attack("three-argument type", "ans = type('X', (), {'__getattr__': lambda s, n: 7})().anything", D, 7),
    Attack("type of type", "type(type(1))('X', (), {})\nopen('CANARY', 'a')", D, D),
    Attack("type of a function", "f = type(lambda: 1)\nopen('CANARY', 'a')", D, D),
    Attack("metaclass keyword", "class M(type): pass\nclass A(metaclass=M): pass\nopen('CANARY', 'a')", D, D),
    Attack("subclass of type", "class M(type): pass\nopen('CANARY', 'a')", D, D),
    Attack("class-body dunder", "class A:\n    __getattr__ = lambda s, n: 7\nans = A().x", D, 7),
    Attack("getattribute method", "class A:\n    def __getattribute__(self, n): return 7\nans = A().x", D, 7),
    Attack("class_getitem method", "class A:\n    def __class_getitem__(cls, n): return 7\nans = A[1]", D, 7),
    Attack("init_subclass method", "class A:\n    def __init_subclass__(cls): pass\nopen('CANARY', 'a')", D, D),
    Attack("del method", "class A:\n    def __del__(self): open('CANARY', 'a')\nA()\nans = 1", D, 1),
    Attack("object.__subclasses__", "object.__subclasses__()\nopen('CANARY', 'a')", D, D),
    Attack("super of object", "super(int, 1).__getattribute__('__class__')\nopen('CANARY', 'a')", D, D),
    Attack(
        "super format",
        "class S(str):\n    def f(self): return super().format(self)\n"
        "S('{0.__class__.__init__.__globals__}').f()\nopen('CANARY', 'a')",
        D,
        E,
    ),
    Attack(
        "bound method's function",
        "class A:\n    def f(self): pass\nA().f.__func__.__globals__\nopen('CANARY', 'a')",
        D,
        D,
    ),
    Attack("private of a facade", "import math\nmath._members", D, E),
    Attack("private import", "from math import _members", D, E),
    Attack(
        "private of a namedtuple",
        "from collections import namedtuple\nP = namedtuple('P', 'x')\nP._make\nopen('CANARY', 'a')",
        D,
        D,
    ),
    Attack(
        "namedtuple code injection",
        "from collections import namedtuple\nclass S(str):\n"
        "    def isidentifier(self): return True\nnamedtuple('P', [S('x=open(1)')])",
        E,
        E,
    ),
    Attack(
        "wrapped function of a cache",
        "from functools import lru_cache\n@lru_cache\ndef f(): return 1\n"
        "f.__wrapped__.__globals__\nopen('CANARY', 'a')",
        D,
        D,
    ),
    Attack("reduce protocol", "ans = (1).__reduce_ex__(2)\nopen('CANARY', 'a')", D, D),
    Attack("generic alias origin", "list[int].__origin__\nopen('CANARY', 'a')", D, D),
]

GUARDS = [
    Attack("shadow a guard by assignment", "_read_ = lambda o, n: 7\nans = (1).real", D, 1),
    Attack(
        "shadow a guard by positional-only argument", "def f(_read_, /): return (1).real\nans = f(lambda o, n: 7)", D, 1
    ),
    Attack("shadow a guard by keyword argument", "def f(*, _write_): return 1\nans = f(_write_=1)", D, 1),
    Attack("shadow a guard by lambda", "ans = (lambda _read_: (1).real)(lambda o, n: 7)", D, 1),
    Attack("shadow a guard by import-as", "import math as _read_\nans = 1", D, 1),
    Attack("shadow a guard by except-as", "try: 1/0\nexcept Exception as _read_: pass\nans = 1", D, 1),
    Attack("shadow a guard by walrus", "ans = (_read_ := 5)", D, 5),
    Attack("shadow a guard by global", "def f():\n    global _read_\n    _read_ = 1\nf()\nans = 1", D, 1),
    Attack(
        "shadow a guard by nonlocal",
        "def f():\n    _write_ = 1\n    def g():\n        nonlocal _write_\n        _write_ = 2\n    g()\nf()\nans = 1",
        D,
        1,
    ),
    Attack("shadow a guard by for", "for _read_ in [1]: pass\nans = 1", D, 1),
    Attack("shadow a guard by comprehension", "ans = [_read_ for _read_ in [1]]", D, 1),
    Attack("shadow a guard by def", "def _read_(o, n): return 7\nans = (1).real", D, 1),
    Attack("shadow a guard by class", "class _read_: pass\nans = 1", D, 1),
    Attack(
        "shadow a guard by with",
        "class C:\n    def __enter__(self): return 1\n    def __exit__(self, *a): pass\n"
        "with C() as _read_: pass\nans = 1",
        D,
        1,
    ),
    Attack("shadow a guard by starred", "a, *_read_ = [1, 2]\nans = a", D, 1),
    Attack("delete a guard", "del _read_\nans = 1", D, E),
    Attack("call a guard", "ans = _read_((), '__class__')", D, E),
    Attack("shadow print", "print = 5\nans = print", D, 5),
    Attack("call the recorder of results", "_keep_(7)\nans = 1", D, 1),
    Attack("shadow the recorder of results", "_stop_ = _keep_ = lambda v: 7\n(1).__class__", D, E),
    Attack("recorder by a star import", "from __future__ import annotations\nfrom math import *\n_keep_(pi)", D, E),
    Attack("walk from a recorder", "_keep_.__self__", D, O),
    Attack("match an attribute value", "import math\nmatch 3:\n    case math.pi: ans = 1\n    case _: ans = 7", 7, 7),
    Attack(
        "match a key attribute", "import math\nmatch {}:\n    case {math.pi: x}: ans = 1\n    case _: ans = 7", 7, 7
    ),
    Attack("shadow a guard by match", "match 3:\n    case _read_: ans = 7", D, 7),
    Attack("shadow a guard by match star", "match [3]:\n    case [*_read_]: ans = 7", D, 7),
    Attack("shadow a guard by match rest", "match {1: 2}:\n    case {**_read_}: ans = 7", D, 7),
    Attack("shadow a guard by match as", "match 3:\n    case int() as _read_: ans = 7", D, 7),
    Attack("replace builtins", "__builtins__ = {}\nans = 1", D, 1),
    Attack("top-level special method", "def __import__(*a): return 7\nans = 1", D, 1),
    Attack("match a class attribute", "match ():\n    case object(__class__=c): ans = 7", D, 7),
    Attack(
        "except star", "try:\n    raise ExceptionGroup('', [ValueError()])\nexcept* ValueError as e:\n    ans = 1", D, 1
    ),
    Attack("async function", "async def f(): return 1\nf().cr_frame\nopen('CANARY', 'a')", D, D),
    Attack("async comprehension", "async def f(): return [x async for x in y]\nans = 1", D, 1),
    Attack("type parameters", "def f(x: [open('CANARY', 'a')]): return x\nans = f(1)", 1, D),
    Attack("annotation with a side effect", "x: open('CANARY', 'a') = 1\nans = x", 1, D),
    Attack("decorator that is refused", "@open\ndef f(): pass\nans = 1", D, E),
    Attack("default that is refused", "def f(x=open('CANARY', 'a')): pass\nans = 1", D, D),
]

FORMATS = [
    Attack("format attribute", "ans = '{0.__class__}'.format(1)", D, "<class 'int'>"),
    Attack("format walk", "def f(): pass\nans = '{0.__globals__[__name__]}'.format(f)", D, "__main__"),
    Attack("format of str", "ans = str.format('{0.__class__}', 1)", D, "<class 'int'>"),
    Attack("format by map", "ans = list(map(str.format, ['{0.__class__}'], [1]))[0]", D, "<class 'int'>"),
    Attack("format_map", "ans = '{a.__class__}'.format_map({'a': 1})", D, "<class 'int'>"),
    Attack("format of a subclass", "class S(str): pass\nans = S('{0.__class__}').format(1)", D, "<class 'int'>"),
    Attack(
        "format of a subclass's class", "class S(str): pass\nans = S.format('{0.__class__}', 1)", D, "<class 'int'>"
    ),
    Attack("nested format", "ans = '{0:{1.__class__}}'.format(1, 2)", D, E),
    Attack("getattr of format", "ans = getattr('{0.__class__}', 'format')(1)", D, "<class 'int'>"),
    Attack(
        "string.Formatter", "import string\nans = string.Formatter().format('{0.__class__}', 1)", D, "<class 'int'>"
    ),
    Attack(
        "Formatter.get_field",
        "import string\nans = str(string.Formatter().get_field('0.__class__', [1], {})[0])",
        D,
        "<class 'int'>",
    ),
    Attack("f-string attribute", "ans = f'{().__class__}'", D, "<class 'tuple'>"),
    Attack("f-string call", 'ans = f\'{open("CANARY", "a")}\'', D, D),
    Attack("percent format", "ans = '%(x)s' % {'x': 1}", "1", "1"),
    Attack("template substitution", "import string\nans = string.Template('$x').substitute(x=1)", "1", "1"),
    Attack("format with an import", "'{0.__class__.__init__.__globals__}'.format(open)", D, E),
]

FRAMES = [
    Attack("generator frame", "def g(): yield 1\ng().gi_frame.f_globals\nopen('CANARY', 'a')", D, D),
    Attack(
        "generator that runs itself",
        "def g():\n    yield x.gi_frame.f_back\nx = g()\nfor f in x: pass\nopen('CANARY', 'a')",
        D,
        D,
    ),
    Attack("generator frame by getattr", "g = (i for i in [1])\ngetattr(g, 'gi_frame')\nopen('CANARY', 'a')", D, D),
    Attack("generator code", "g = (i for i in [1])\ng.gi_code\nopen('CANARY', 'a')", D, D),
    Attack("traceback frame", "try: 1/0\nexcept Exception as e: e.__traceback__.tb_frame\nopen('CANARY', 'a')", D, D),
    Attack(
        "frame by with",
        "class C:\n    def __enter__(self): pass\n    def __exit__(self, t, e, b):\n"
        "        self.f = b.tb_frame\n        return False\nwith C(): 1/0",
        D,
        E,
    ),
    Attack("AttributeError.obj", "try: (1).nothing\nexcept AttributeError as e: ans = e.obj", D, 1),
    Attack("NameError.name", "try: nothing\nexcept NameError as e: ans = e.name", "nothing", "nothing"),
    Attack(
        "ImportError.path", "try:\n    import os.nothing\nexcept ImportError as e: e.path\nopen('CANARY', 'a')", D, D
    ),
    Attack(
        "exception context",
        "try:\n    try: 1/0\n    finally: [][0]\nexcept IndexError as e: e.__context__\nopen('CANARY', 'a')",
        D,
        D,
    ),
    Attack("with_traceback", "try: 1/0\nexcept Exception as e: e.with_traceback(None)\nopen('CANARY', 'a')", D, D),
    Attack(
        "stop iteration value",
        "def g():\n    yield 1\n    return 5\nx = g()\nnext(x)\ntry: next(x)\nexcept StopIteration as e: ans = e.value",
        5,
        5,
    ),
    Attack(
        "coroutine frame", "import types\n@types.coroutine\ndef g(): yield\ng().gi_frame\nopen('CANARY', 'a')", D, D
    ),
    Attack("sys._getframe", "import sys\nsys._getframe(1).f_globals\nopen('CANARY', 'a')", D, D),
    Attack("inspect.stack", "import inspect\ninspect.currentframe().f_back\nopen('CANARY', 'a')", D, D),
]

LANGUAGE = {"attributes": ATTRIBUTES, "guards": GUARDS, "formats": FORMATS, "frames": FRAMES}
