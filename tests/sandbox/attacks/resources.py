"""Attacks on time, memory, the parser and the output. Only those in `HANGS` reach the time limit."""

from service.sandbox.base import Outcome
from tests.sandbox.attacks.base import Attack

D, E, M, T, O, C = (  # noqa: E741
    Outcome.DENIED,
    Outcome.ERROR,
    Outcome.MEMORY,
    Outcome.TIMEOUT,
    Outcome.OUTPUT,
    Outcome.CRASHED,
)

HANGS = [
    Attack("endless loop", "while True: pass", T, T),
    Attack(
        "endless loop that swallows all",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        T,
        T,
    ),
    Attack("uncalled function that hangs", "def total():\n    while True: pass", T, T),
    Attack("last expression that hangs", "def f():\n    while True: pass\nf()", T, T),
    Attack("hang after the answer", "ans = 7\nwhile True: pass", T, T),
    Attack("power tower", "ans = 10**10**10", T, T),
    Attack("long sum", "ans = sum(range(10**12))", T, T),
    Attack("factorial", "import math\nans = math.factorial(10**7)", T, T),
    Attack("fraction of a large exponent", "from fractions import Fraction\nans = Fraction('1e100000000')", T, T),
    Attack("rounding far left", "ans = round(1, -10**8)", T, T),
    Attack("permutations", "from itertools import permutations\nans = sum(1 for _ in permutations(range(20)))", T, T),
    Attack("search without end", "from itertools import count\nans = -1 in count()", T, T),
    Attack(
        "consume cycle", "from itertools import cycle\nfrom collections import deque\ndeque(cycle([1]), maxlen=0)", T, T
    ),
    Attack(
        "hostile comparison",
        "class A:\n    def __lt__(self, o):\n        while True: pass\nans = sorted([A(), A()])",
        T,
        T,
    ),
    Attack("hostile hash", "class A:\n    def __hash__(self):\n        while True: pass\nans = {A()}", T, T),
    Attack(
        "hostile iterator",
        "class A:\n    def __iter__(self): return self\n    def __next__(self): return 1\nans = max(A())",
        T,
        T,
    ),
    Attack(
        "hostile text of an exception",
        "class X(Exception):\n    def __str__(self):\n        while True: pass\nraise X",
        T,
        T,
    ),
    Attack("slow solution", "def solution():\n    while True: pass", T, T),
    Attack("catastrophic expression", "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')", T, T),
    Attack("endless generator", "def g():\n    while True: yield 1\nans = sum(g())", T, T),
    Attack("quadratic text", "s = 'a' * 100000\nwhile True: s.replace('a', 'b')", T, T),
    Attack("hostile finally", "try: 1/0\nfinally:\n    while True: pass", T, T),
]

MEMORY = [
    Attack("integer of a large decimal", "from decimal import Decimal\nans = int(Decimal('1e99999999'))", M, M),
    Attack("long string", "ans = 'a' * 10**10", M, M),
    Attack("long list", "ans = [0] * 10**10", M, M),
    Attack("long bytes", "ans = bytes(10**10)", M, M),
    Attack("list of a range", "ans = list(range(10**9))", M, M),
    Attack("nested comprehension", "ans = [[0 for _ in range(10**6)] for _ in range(10**6)]", M, M),
    Attack("doubling list", "x = [0]\nwhile True: x += x", M, M),
    Attack("doubling string", "s = 'ab'\nwhile True: s += s", M, M),
    Attack("f-string width", "ans = f'{1:>10000000000}'", M, M),
    Attack("percent width", "ans = '%10000000000d' % 1", M, M),
    Attack("format width", "ans = '{:>1000000000}'.format(1)", M, M),
    Attack("expandtabs", "ans = '\\t'.expandtabs(10**9)", M, M),
    Attack("center", "ans = 'a'.center(10**10)", M, M),
    Attack("growing dict", "d = {}\nwhile True: d[len(d)] = 'x' * 1000", M, M),
    Attack(
        "caught and repeated",
        "x = []\nwhile True:\n    try: x.append('a' * 10**6)\n    except MemoryError: break\nans = 'a' * 10**9",
        M,
        M,
    ),
    Attack("caught and survived", "try: x = 'a' * 10**10\nexcept MemoryError: ans = 5", 5, 5),
    Attack("raised on purpose", "raise MemoryError", M, M),
    Attack("large shift", "ans = 1 << 10**10", M, M),
    Attack("growing deque", "from collections import deque\nd = deque()\nwhile True: d.extend([0] * 10**5)", M, M),
    Attack("repeat into a tuple", "from itertools import repeat\nans = tuple(repeat(1, 10**10))", M, M),
    Attack("product", "from itertools import product\nans = list(product(range(1000), repeat=4))", M, M),
]

PARSER = [
    Attack("recursion", "def f(): return f()\nf()", E, E),
    Attack("recursion in a method", "class A:\n    def __eq__(self, o): return self == o\nans = A() == A()", E, E),
    Attack("recursion in repr", "class A:\n    def __repr__(self): return repr(self)\nprint(A())", E, E),
    Attack("caught recursion", "def f():\n    try: return f()\n    except RecursionError: return 5\nans = f()", 5, 5),
    Attack("parentheses", "ans = " + "(" * 10000 + "1" + ")" * 10000, E, E),
    Attack("minus signs", "ans = " + "-" * 10000 + "1", E, E),
    Attack("many terms", "ans = " + "+".join(["1"] * 20000), E, E),
    Attack("attribute chain", "ans = x" + ".a" * 10000, E, E),
    Attack("many calls", "ans = " + "f(" * 90 + "1" + ")" * 90, E, E),
    Attack("nested blocks", "".join(" " * n + "if 1:\n" for n in range(120)) + " " * 120 + "ans = 1", E, E),
    Attack("null byte", "ans = 1\x00", E, E),
    Attack("lone surrogate", "ans = '\ud800'", E, E),
    Attack("escaped surrogate", "ans = '\\ud800'", O, O),
    Attack("look-alike dunder", "ans = ().__ｃlass__", D, O),
    Attack("look-alike guard", "_ｒead_ = 1\nans = 1", D, 1),
    Attack("coding cookie", "# coding: rot13\nnaf = 1\nans = 5", 5, 5),
    Attack("long integer literal", "ans = " + "9" * 5000, E, E),
    Attack("nested f-string", "ans = f'{f\"{1}\"}'", "1", "1"),
    Attack("nothing", "", E, E),
    Attack("tabs and spaces", "if 1:\n\tans = 1\n        ans = 2", E, E),
]

OUTPUT = [
    Attack("endless print", "while True: print('x' * 100)", O, O),
    Attack(
        "swallowed print limit", "try:\n    while True: print('x' * 100)\nexcept BaseException: pass\nans = 5", O, O
    ),
    Attack("one large print", "print('x' * 10**7)", O, O),
    Attack("print to a file", "print('x', file=open('CANARY', 'a'))", D, D),
    Attack("print to an object", "class W:\n    def write(self, s): pass\nprint('x', file=W())\nans = 1", 1, 1),
    *(
        Attack(
            f"print of a str subclass in {place}",
            "class T(str):\n    def __len__(self): return 0\n    def __radd__(self, other): return self\n"
            "    def __add__(self, other): return self\n    def join(self, texts): return self\n"
            "    def __str__(self): return self\nt = T('x' * 10**4)\n"
            f"for i in range(100): {call}\nans = 1",
            O,
            O,
        )
        for place, call in {
            "end": "print(i, end=t)",
            "sep": "print(1, 2, sep=t)",
            "a value": "print(t)",
            "write": "import sys; sys.stdout.write(t)",
        }.items()
    ),
    Attack("print with hostile separator", "print(1, 2, sep=5)", E, E),
    Attack("terminal escapes", "print('\\x1b[2J51')", "2J51", "2J51"),
    Attack("blank prints", "print()\nprint('  ')", E, E),
    Attack("large exception", "raise ValueError('x' * 10**6)", E, E),
    Attack("exit", "exit(3)", E, E),
    Attack("exit with an answer", "ans = 5\nraise SystemExit", 5, 5),
    Attack("KeyboardInterrupt", "raise KeyboardInterrupt", E, E),
    Attack("GeneratorExit", "raise GeneratorExit", E, E),
    Attack("long answer", "ans = 'x' * 50000", O, O),
    Attack("write to stdout", "import sys\nsys.stdout.write('5\\n')", "5", "5"),
    Attack("write to stderr", "import sys\nsys.stderr.write('x')\nans = 5", 5, 5),
]

RESOURCES = {"memory": MEMORY, "parser": PARSER, "output": OUTPUT}
