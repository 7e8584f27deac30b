"""Attacks through imports and through state that later programs could see."""

from service.sandbox.base import Outcome
from tests.sandbox.attacks.base import Attack

D, E, O, C = Outcome.DENIED, Outcome.ERROR, Outcome.OUTPUT, Outcome.CRASHED  # noqa: E741

IMPORTS = [
    Attack("os", "import os\nos.system('touch CANARY')\nos.open('CANARY', 1)", D, D),
    Attack("subprocess", "import subprocess\nsubprocess.run(['touch', 'CANARY'])", D, D),
    Attack("sys", "import sys\nsys.modules['os'].open('CANARY', 1)", D, D),
    Attack("builtins", "import builtins\nbuiltins.open('CANARY', 'a')", D, D),
    Attack("importlib", "import importlib\nimportlib.import_module('os').open('CANARY', 1)", D, D),
    Attack("__import__", "__import__('os').open('CANARY', 1)", D, D),
    Attack("fractions.sys", "import fractions\nfractions.sys.modules['os'].open('CANARY', 1)", D, D),
    Attack("from fractions import sys", "from fractions import sys\nsys.modules['os'].open('CANARY', 1)", D, D),
    Attack("statistics.sys", "import statistics\nstatistics.sys.modules['os'].open('CANARY', 1)", D, D),
    Attack(
        "datetime.sys",
        "import datetime\ns = getattr(datetime, 'sys', None) or __import__('sys')\ns.modules['os'].open('CANARY', 1)",
        D,
        D,
    ),
    Attack("random._os", "import random\nrandom._os.open('CANARY', 1)", D, D),
    Attack("re.enum.sys", "import re\nre.enum.sys.modules['os'].open('CANARY', 1)", D, D),
    Attack("collections._sys", "import collections as c\nc._sys.modules['os'].open('CANARY', 1)", D, D),
    Attack(
        "operator.attrgetter", "from operator import attrgetter\nattrgetter('__class__')(1)\nopen('CANARY', 'a')", D, D
    ),
    Attack("operator.methodcaller", "import operator\noperator.methodcaller('mro')(int)\nopen('CANARY', 'a')", D, D),
    Attack("functools.wraps", "import functools\nfunctools.wraps(print)\nopen('CANARY', 'a')", D, D),
    Attack("functools.partial of open", "import functools\nfunctools.partial(open, 'CANARY', 'a')()", D, D),
    Attack("star import", "from math import *\nans = pi > 3", True, True),
    Attack("star import of os", "from os import *\nremove('CANARY')", D, D),
    Attack("star import of a submodule", "from os.path import *\nexists('CANARY')", D, False),
    Attack("private name by a star import", "from random import *\n_os.open('CANARY', 1)", E, E),
    Attack("star import in a function", "def f():\n    from math import *\n    return pi > 3\nans = f()", True, E),
    Attack("module as a class", "import os\nclass A(os): pass\nA.open('CANARY', 1)", D, E),
    Attack("exception of a missing module", "import os\ntry: os.x\nexcept ImportError as e: ans = e.name_from", D, E),
    Attack("exit function's module", "import sys\nsys.exit.__globals__['sys'].modules", D, E),
    Attack("sys.modules by star import", "from sys import *\nmodules['os'].open('CANARY', 1)", E, D),
    Attack("relative import", "from . import os", D, E),
    Attack("dotted import", "import os.path\nos.open('CANARY', 1)", D, D),
    Attack("facade's submodule", "import math.os", D, D),
    *(
        Attack(f"facade's own {name}", f"from math import {name}\nans = 'ESCAPED'", D, E)
        for name in ("member", "names", "read_member", "star_names", "items", "get", "keys", "mro", "register")
    ),
    Attack("import in a class body", "class A:\n    import os\nA.os.open('CANARY', 1)", D, D),
    Attack("import as a facade", "import os as math\nmath.open('CANARY', 1)", D, D),
    Attack(
        "import of a str subclass",
        "class S(str):\n    def __eq__(self, o): return True\n    def __hash__(self): "
        "return 0\n__import__(S('os'))\nopen('CANARY', 'a')",
        D,
        D,
    ),
    Attack("from sympy, used", 'from sympy import sympify\nsympify(\'__import__("os").open("CANARY", 1)\')', D, D),
    Attack("numpy, used", "import numpy as np\nnp.fromfile('CANARY')", D, D),
    Attack(
        "pickle", "import pickle\npickle.loads(b'cos\\nsystem\\n(S\"touch CANARY\"\\ntR.')\nopen('CANARY', 'a')", D, D
    ),
    Attack("ctypes", "import ctypes\nans = ctypes.CDLL(None).open(b'CANARY', 1)", D, -1),
    Attack("gc", "import gc\nlen(gc.get_objects())\nopen('CANARY', 'a')", D, D),
    Attack("code module", "import code\ncode.interact()", D, D),
    Attack("eval", 'ans = eval(\'open("CANARY", "a")\')', D, D),
    Attack("exec", 'exec(\'open("CANARY", "a")\')', D, D),
    Attack("compile", "compile('1', '', 'eval')\nopen('CANARY', 'a')", D, D),
    Attack("eval by another name", "e = eval\ne('1')\nopen('CANARY', 'a')", D, D),
    Attack("globals", "globals()['x'] = 1\nopen('CANARY', 'a')", D, D),
    Attack("vars", "vars()\nopen('CANARY', 'a')", E, D),
    Attack("dir", "dir()\nopen('CANARY', 'a')", D, D),
    Attack("breakpoint", "breakpoint()", D, E),
    Attack("input", "ans = input()", D, E),
    Attack("memoryview", "memoryview(b'x')\nopen('CANARY', 'a')", D, D),
]

POISON = [
    Attack("facade attribute", "import math\nmath.sqrt = lambda x: 7\nans = math.sqrt(4)", D, 7),
    Attack("setattr of a facade", "import math\nsetattr(math, 'pi', 3)\nans = math.pi", D, 3),
    Attack("facade deletion", "import math\ndel math.pi\nans = 1", D, 1),
    Attack("library class", "from fractions import Fraction\nFraction.limit = 1\nans = Fraction.limit", D, 1),
    Attack("library function", "import statistics\nstatistics.mean.cache = 1\nans = 1", D, 1),
    Attack("Counter class", "from collections import Counter\nCounter.total = 7\nans = 1", D, 1),
    Attack("builtin type", "int.x = 1", D, E),
    Attack("builtins dict", "import builtins\nbuiltins.len = lambda x: 7\nans = len([])", D, C),
    Attack("random seed", "import random\nrandom.seed(5)\nans = random.randint(1, 10**9) > 0", True, True),
    Attack("decimal context", "from decimal import getcontext\ngetcontext().prec = 3\nans = getcontext().prec", 3, 3),
    Attack(
        "recursion limit",
        "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return n and 1 + f(n - 1)\nans = f(20000)",
        E,
        20000,
    ),
    Attack("sys.modules", "import sys\nsys.modules.clear()\nans = 1", D, 1),
    Attack(
        "class in json.dumps",
        "import json\nclass A(json.JSONEncoder): pass\nans = json.dumps({1}, cls=A)",
        D,
        E,
    ),
    Attack("default of json.dumps", "import json\nans = json.dumps({1}, default=lambda v: 5)", "5", "5"),
    Attack("hook of json.loads", "import json\nans = json.loads('{}', object_hook=open)", D, E),
    Attack("file of json", "import json\njson.dump(1, open('CANARY', 'a'))", D, D),
    Attack("deep json", "import json\nans = json.loads('[' * 100000)", E, E),
    Attack("copy of a facade", "import copy, math\ncopy.copy(math).pi = 3\nans = math.pi > 3.1", E, E),
    Attack("module of copy", "import copy\ncopy.copyreg.pickle(int, open)", D, E),
    Attack("copy of a function", "import copy\nans = copy.deepcopy(copy.copy) is copy.copy", True, True),
    Attack("copy of a class", "import copy\ncopy.copy(int).x = 1\nans = 5", D, E),
    Attack("copy of a guard", "import copy\nans = copy.deepcopy(getattr)(int, 'm' + 'ro')()[1] is object", D, True),
    Attack("memory of a copy", "import copy\nans = copy.deepcopy([1], {})", E, 1),
    Attack("json.dumps", "import json\njson.dumps = lambda *a: 'x'\nans = 1", D, C),
    Attack("sys.stdout", "import sys\nsys.stdout = None\nans = 1", D, 1),
    Attack("excepthook", "import sys\nsys.excepthook = 5\n1/0", D, E),
    Attack("atexit", "import atexit\natexit.register(open, 'CANARY', 'a')\nans = 1", D, 1),
    Attack(
        "class of the runner", "import service.sandbox.runner as r\nr.Outcome.OK\nr.Runner.run = None\nans = 1", D, 1
    ),
    Attack("gc freeze", "import gc\ngc.disable()\nans = 1", D, 1),
    Attack("trace function", "import sys\nsys.settrace(lambda *a: 1/0)\nans = 1", D, E),
    Attack("alarm", "import signal\nsignal.alarm(1)", D, 2**32 - 1),
]

MODULES = {"imports": IMPORTS, "poison": POISON}
