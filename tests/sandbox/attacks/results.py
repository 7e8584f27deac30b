"""Attacks through the answer of a program."""

from service.sandbox.base import Outcome
from tests.sandbox.attacks.base import Attack

D, E, O, C = Outcome.DENIED, Outcome.ERROR, Outcome.OUTPUT, Outcome.CRASHED  # noqa: E741

ANSWERS = [
    Attack("nan", "ans = float('nan')", O, O),
    Attack("infinity", "ans = float('inf')", O, O),
    Attack("decimal nan", "from decimal import Decimal\nans = Decimal('nan')", O, O),
    Attack("decimal of a large exponent", "from decimal import Decimal\nans = Decimal('1e999999')", O, O),
    Attack("zero of a large exponent", "from decimal import Decimal\nans = Decimal('0e999999')", O, O),
    Attack("exact decimal", "from decimal import Decimal\nans = Decimal('1.' + '1' * 1000)", O, O),
    Attack("complex", "ans = 1j", O, O),
    Attack("none", "ans = None", E, E),
    Attack("bool", "ans = True", True, True),
    Attack("function", "def ans(): return 1", O, O),
    Attack("class", "class ans: pass", O, O),
    Attack("generator", "ans = (i for i in [1])", O, O),
    Attack("endless iterator", "from itertools import count\nans = count()", O, O),
    Attack("range", "ans = range(10)", O, O),
    Attack("dict", "ans = {'a': 1, 'b': 2}", O, O),
    Attack("set", "ans = {1, 2}", O, O),
    Attack("dict of one value", "ans = {'a': 1}", 1, 1),
    Attack("set of one value", "ans = {1}", 1, 1),
    Attack("value with its unit", "ans = (7, 'pens')", 7, 7),
    Attack("dict that contains itself", "ans = {}\nans['a'] = ans", O, O),
    Attack("dict subclass", "class M(dict):\n    def values(self): return [7]\nans = M(a=1)", O, O),
    Attack(
        "list of a str subclass", "class S(str):\n    def __iter__(self): raise SystemExit\nans = (7, S('x'))", O, O
    ),
    Attack("key that lies", "class K:\n    def lower(self): return 'answer'\nx = {K(): 1}\nanswer = 7", 7, 7),
    Attack("hostile last expression", "class A:\n    def __eq__(self, o): raise SystemExit\nA()", O, O),
    Attack("endless last expression", "import itertools\nitertools.count()", O, O),
    Attack("function as last expression", "def f(n): return n\nf", E, E),
    Attack("return in a loop", "while True:\n    return 7", 7, 7),
    Attack("return that is caught", "try:\n    return 7\nexcept BaseException: pass\nans = 8", 8, 8),
    Attack("return in a class", "class A:\n    return 7", E, E),
    Attack("error with a hostile text", "ans = 7\nclass X(Exception):\n    def __str__(self): raise X\nraise X", 7, 7),
    Attack(
        "errno that raises", "class E(PermissionError):\n    @property\n    def errno(self): raise E\nraise E", E, E
    ),
    Attack("errno that lies", "class E(PermissionError):\n    errno = 1\nraise E", E, E),
    Attack("class that raises", "class E(Exception):\n    __class__ = property(lambda s: 1 / 0)\nraise E", D, E),
    Attack("error whose text exits", "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E", E, E),
    Attack(
        "error whose text is a str subclass",
        "class T(str):\n    def __getitem__(self, i): raise SystemExit\n    def __format__(self, f): return self\n"
        "class E(Exception):\n    def __str__(self): return T('x')\nraise E",
        E,
        E,
    ),
    Attack("error that answers with an errno", "class E(OSError): pass\nraise E(1, 'x')", E, E),
    Attack("error before the last assignment", "ans = 3\nans = ans + x", E, E),
    Attack("refusal after the answer", "ans = 7\nopen('CANARY', 'a')", D, D),
    Attack("bytes", "ans = b'1'", O, O),
    Attack("facade", "import math\nans = math", O, O),
    Attack("exception", "ans = ValueError(5)", O, O),
    Attack("huge integer", "ans = 10**5000", O, O),
    Attack("huge negative integer", "ans = -2**1024", O, O),
    Attack("largest integer", "ans = 2**1024 - 1", 2**1024 - 1, 2**1024 - 1),
    Attack("huge fraction", "from fractions import Fraction\nans = Fraction(1, 10**5000)", O, O),
    Attack("cyclic list", "ans = []\nans.append(ans)", O, O),
    Attack("deep list", "ans = []\nfor _ in range(1000): ans = [ans]", O, O),
    Attack("list that doubles", "ans = [1]\nfor _ in range(40): ans = [ans, ans]", O, O),
    Attack("long list", "ans = [0] * 10**6", O, O),
    Attack("list of lists", "ans = [[0] * 1000] * 1000", O, O),
    Attack("list with an object", "ans = [1, object()]", O, O),
    Attack("int subclass with __eq__", "class N(int):\n    def __eq__(self, o): return True\nans = N(5)", O, O),
    Attack("str subclass", "class S(str):\n    def __len__(self): return 1\nans = S('x' * 100)", O, O),
    Attack("list subclass", "class L(list):\n    def __iter__(self):\n        while True: yield 1\nans = L()", O, O),
    Attack("hostile repr", "class A:\n    def __repr__(self): raise SystemExit\nans = A()", O, O),
    Attack("reduce to a call", "class A:\n    def __reduce__(self): return (open, ('CANARY', 'a'))\nans = A()", D, O),
    Attack("__class__ that lies", "class A:\n    @property\n    def __class__(self): return int\nans = A()", D, O),
    Attack("exception that cannot be shown", "class X(Exception):\n    def __str__(self): raise X\nraise X", E, E),
    Attack("exception whose text is no text", "class X(Exception):\n    def __str__(self): return 5\nraise X", E, E),
    Attack("surrogate in an exception", "raise ValueError('\\ud800')", E, E),
    Attack("exception named as another", "class MemoryError(Exception): pass\nraise MemoryError", E, E),
    Attack("denial of its own", "raise PermissionError(1, 'x')", D, D),
    Attack("numbers in a string", "ans = '1e999999999'", "1e999999999", "1e999999999"),
    Attack("tuple", "ans = (1, 2.5)", [1, 2.5], [1, 2.5]),
    Attack("solution with arguments", "def solution(n): return n", E, E),
    Attack("solution is a class", "class solution: pass", E, E),
    Attack("solution that raises", "def solution(): raise SystemExit", E, E),
    Attack("answer that is deleted", "ans = 5\ndel ans", E, E),
]

FORGERY = [
    Attack(
        "forged reply",
        "import os, json, struct\nb = json.dumps(['ok', '', ['int', '0x7']]).encode()\n"
        "os.write(0, struct.pack('=I', len(b)) + b)\nos._exit(0)",
        D,
        7,
    ),
    Attack(
        "two replies",
        "import os, json, struct\nb = json.dumps(['ok', '', ['int', '0x7']]).encode()\n"
        "os.write(0, (struct.pack('=I', len(b)) + b) * 2)\nos._exit(0)",
        D,
        7,
    ),
    Attack("forged length", "import os, struct\nos.write(0, struct.pack('=I', 2**32 - 1) + b'x')\nwhile 1: pass", D, O),
    Attack("forged empty reply", "import os, struct\nos.write(0, struct.pack('=I', 0))", D, C),
    Attack("forged garbage", "import os, struct\nos.write(0, struct.pack('=I', 4) + b'\\xff\\xfe\\xfd\\xfc')", D, C),
    Attack("half a reply", "import os, struct\nos.write(0, struct.pack('=I', 100) + b'[')\nos._exit(0)", D, C),
    Attack("forged nesting", "import os, struct\nb = b'[' * 10000\nos.write(0, struct.pack('=I', len(b)) + b)", D, C),
    Attack(
        "forged nan",
        'import os, struct\nb = b\'["ok", "", ["float", "nan"]]\'\nos.write(0, struct.pack(\'=I\', len(b)) + b)',
        D,
        O,
    ),
    Attack(
        "forged huge integer",
        'import os, struct\nb = b\'["ok", "", ["int", "0x\' + b\'f\' * 9000 + b\'"]]\'\n'
        "os.write(0, struct.pack('=I', len(b)) + b)",
        D,
        O,
    ),
    Attack(
        "forged decimal",
        'import os, struct\nb = b\'["ok", "", ["decimal", "1e999999999"]]\'\n'
        "os.write(0, struct.pack('=I', len(b)) + b)",
        D,
        O,
    ),
    Attack(
        "forged zero denominator",
        'import os, struct\nb = b\'["ok", "", ["fraction", ["0x1", "0x0"]]]\'\n'
        "os.write(0, struct.pack('=I', len(b)) + b)",
        D,
        O,
    ),
    Attack(
        "forged tag",
        'import os, struct\nb = b\'["ok", "", ["object", "x"]]\'\nos.write(0, struct.pack(\'=I\', len(b)) + b)',
        D,
        O,
    ),
    Attack(
        "forged outcome",
        "import os, struct\nb = b'[\"splendid\", \"\", null]'\nos.write(0, struct.pack('=I', len(b)) + b)",
        D,
        C,
    ),
    Attack(
        "forged detail",
        "import os, struct\nb = b'[\"error\", 5, null]'\nos.write(0, struct.pack('=I', len(b)) + b)",
        D,
        C,
    ),
    Attack("flooded pipe", "import os\nwhile True: os.write(0, b'\\xff' * 65536)", D, O),
    Attack("closed pipe", "import os\nos.close(0)", D, D),
    Attack("silent exit", "import os\nos._exit(0)", D, C),
    Attack("harvest subverted", "import service.sandbox.runner as r\nr.encode = lambda *a: 1/0\nans = 5", D, C),
]

RESULTS = {"answers": ANSWERS, "forgery": FORGERY}
