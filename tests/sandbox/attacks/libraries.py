"""Attacks through numpy and sympy, for the libraries lane."""

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

_REACH = '__import__("os").open("CANARY", 1)'
"""Text that sympy evaluates as Python, without the policy."""

_SOLVE = "y = Symbol('y')\nnsolve([x - s, y - 2], [x, y], [1, 1])"
"""System whose generated code contains the symbol `s`."""


def _numpy(name: str, code: str, policy: object, lock: object) -> Attack:
    return Attack(name, f"import numpy as np\n{code}", policy, lock)  # type: ignore[arg-type]


def _sympy(name: str, code: str, policy: object, lock: object) -> Attack:
    return Attack(name, f"import sympy\nx = sympy.Symbol('x')\n{code}", policy, lock)  # type: ignore[arg-type]


ARRAY_FILES = [
    _numpy("load", "ans = np.load('CANARY')", D, D),
    _numpy("save", "np.save('CANARY.new', np.arange(3))", D, D),
    _numpy("savetxt", "np.savetxt('CANARY', np.arange(3))", D, D),
    _numpy("loadtxt", "ans = np.loadtxt('CANARY', dtype=str)", D, D),
    _numpy("fromfile", "ans = np.fromfile('CANARY')", D, D),
    _numpy("tofile", "np.arange(3).tofile('CANARY')", D, D),
    _numpy("tofile of a scalar's class", "np.float64.tofile(np.float64(1), 'CANARY')", D, D),
    _numpy("dump", "np.arange(3).dump('CANARY')", D, D),
    _numpy("memmap", "ans = np.memmap('CANARY', mode='r+')", D, D),
    _numpy("open_memmap", "ans = np.lib.format.open_memmap('CANARY', 'w+', shape=(1,))", D, D),
    _numpy("genfromtxt", "ans = np.genfromtxt('CANARY')", D, D),
    _numpy("getattr", "getattr(np.arange(3), 'to' + 'file')('CANARY')", D, D),
    _numpy("from import", "from numpy import load as mean\nans = mean('CANARY')", D, D),
    _numpy("submodule", "from numpy.lib.npyio import NpzFile\nNpzFile('CANARY')", D, D),
    _numpy("entropy", "ans = np.random.SeedSequence().entropy", D, D),
]

ARRAY_CODE = [
    _numpy(
        "pickle in load",
        "import io, os\nclass A:\n    def __reduce__(self): return os.open, ('CANARY', 1)\n"
        "file = io.BytesIO()\nnp.save(file, np.array([A()], dtype=object))\nfile.seek(0)\n"
        "np.load(file, allow_pickle=True)",
        D,
        D,
    ),
    _numpy("ctypes", "c = np.ctypeslib.ctypes.CDLL(None)\nans = c.open(b'CANARY', 1)", D, D),
    _numpy("ctypes of an array", "a = np.arange(3)\nans = a.ctypes._ctypes.CDLL(None).open(b'CANARY', 1)", D, -1),
    _numpy("ctypes of a generator", "ans = np.random.default_rng(1).bit_generator.ctypes", D, O),
    _numpy("f2py", "np.f2py.compile('end')", D, D),
    _numpy("testing", 'np.testing.runstring(\'open("CANARY", "a")\', {})', D, D),
    _numpy("module of a module", "np.lib._datasource.os.open('CANARY', 1)", D, D),
    _numpy("memory outside", "ans = int(np.lib.stride_tricks.as_strided(np.arange(2), (9**12,))[8**12])", D, C),
    _numpy("memory of the heap", "ans = np.empty(10**6).any()", False, False),
    _numpy("bytes of an array", "a = np.arange(3)\na.data.cast('b')[0] = 7\nans = int(a[0])", D, 7),
    _numpy(
        "memory that resize frees",
        "a = np.zeros(8)\nb = a[:]\na.resize((10**6,), refcheck=False)\nans = len(b)",
        D,
        8,
    ),
    _numpy("resize by its name", "getattr(np.arange(3), 're' + 'size')((9,), refcheck=False)", D, E),
    _numpy("resize of the class", "np.ndarray.resize(np.arange(3), (9,), refcheck=False)", E, E),
    _numpy("array that is not set", "ans = np.ndarray((3,), int, np.zeros(9), 8).tolist()", D, [0, 0, 0]),
    _numpy("type of an array", "ans = type(np.arange(3))((3,)).size", D, 3),
    _numpy("frombuffer", "ans = np.frombuffer(b'abcdefgh', int)[0] > 0", D, True),
    _numpy("view as objects", "ans = len(np.zeros(1, int).view('V8').getfield('V4').tolist()[0])", D, 4),
    _numpy("getfield", "ans = np.arange(3).getfield('i4', 4).tolist()", D, [0, 0, 0]),
    _numpy("setfield", "a = np.zeros(2, int)\na.setfield(1, 'i4', 4)\nans = int(a[0])", D, 2**32),
    _numpy("byteswap", "ans = int(np.arange(2).byteswap()[1])", D, 2**56),
    _numpy("base", "a = np.arange(4)\nans = a[:2].base.size", D, 4),
    _numpy("strides", "a = np.arange(4)\na.strides = 16\nans = 1", D, E),
    _numpy("strides by setattr", "setattr(np.arange(4), 'strides', 16)", D, E),
    _numpy("element type", "a = np.arange(4)\na.dtype = 'f8'\nans = 1", D, 1),
    _numpy("flags", "a = np.arange(4)\na.flags.writeable = False\nans = 1", D, 1),
    _numpy(
        "address in an interface",
        "class A: __array_interface__ = {'data': (8, False), 'shape': (9,), 'typestr': '<i8', 'version': 3}\n"
        "ans = int(np.array(A())[0])",
        D,
        C,
    ),
    _numpy("array of objects", "ans = np.arange(3).astype(object).tolist()", [0, 1, 2], [0, 1, 2]),
    _numpy("array into itself", "a = np.arange(4)\nnp.add(a[:3], 1, out=a[1:])\nans = a.tolist()", *[[0, 1, 2, 3]] * 2),
    _numpy("setflags", "a = np.arange(3)\na.setflags(write=False)\nans = a.flags.writeable", D, False),
    _numpy("library attribute", "np.pi = 3\nans = np.pi", D, 3),
    _numpy("library class", "np.ndarray.x = 3", D, E),
    _numpy("attribute of an array", "a = np.arange(4)\na.shape = 2, 2\nans = a.tolist()", D, [[0, 1], [2, 3]]),
    _numpy("format", "ans = '{0.__class__}'.format(np.arange(3))", D, "<class 'numpy.ndarray'>"),
    _numpy("format of an item", "ans = np.array(['{0.__class__}'])[0].format(1)", D, "<class 'int'>"),
]

SYMBOLIC_CODE = [
    _sympy("sympify", f"sympy.sympify('{_REACH}')", D, D),
    _sympy("S", f"sympy.S('{_REACH}')", D, D),
    _sympy("solve", f"sympy.solve('{_REACH}')", D, D),
    _sympy("subs", f"x.subs(x, '{_REACH}')", D, D),
    _sympy("simplify", f"sympy.simplify('{_REACH}')", D, D),
    _sympy("matrix", f"sympy.Matrix(['{_REACH}'])", D, D),
    _sympy("N", f"sympy.N('{_REACH}')", D, D),
    _sympy("parse_expr", f"sympy.parse_expr('{_REACH}')", D, D),
    _sympy("submodule", f"from sympy.parsing.sympy_parser import parse_expr\nparse_expr('{_REACH}')", D, D),
    _sympy("attribute in a text", "ans = str(sympy.sympify('x.__class__'))", D, "<class 'sympy.core.symbol.Symbol'>"),
    _sympy("lambda in a text", "ans = str(sympy.sympify('lambda: 1'))", D, "Lambda((), 1)"),
    _sympy("text of a list of texts", f"sympy.sympify(['{_REACH}'])", D, D),
    _sympy("lambdify", "sympy.lambdify([], \"open('CANARY', 'a')\")()", D, D),
    _sympy("code in a function's name", "sympy.lambdify(x, sympy.Function('open')(x))('CANARY')", D, D),
    _sympy("functions of symbols", "sympy.symbols('open', cls=sympy.Function)(x)\nans = 1", D, 1),
    *(
        _sympy(f"name of a {name}", f"from sympy import *\nname = '{_REACH}'\ns = {code}\n{_SOLVE}", D, lock)
        for name, code, lock in (
            ("symbol", "Symbol(name)", D),
            ("symbol with an assumption", "Symbol(name, real=True)", D),
            ("dummy", "Dummy(name)", E),
            ("wild symbol", "Wild(name)", E),
            ("symbol in a list", "symbols(name.replace(',', '\\\\,'))", E),
            ("class of a symbol", "x.func(name)", D),
        )
    ),
    _sympy("name with a call", "ans = str(sympy.Symbol('f(1)'))", D, "f(1)"),
    _sympy("name with an attribute", "ans = str(sympy.Symbol('x.y'))", D, "x.y"),
    _sympy("subclass of a text as a name", f"class T(str): pass\nsympy.Symbol(T('{_REACH}'))\nans = 1", D, 1),
    _sympy(
        "sum with a name",
        f"s = sympy.Symbol('{_REACH}')\nsympy.Sum(s / sympy.factorial(x), (x, 0, sympy.oo)).evalf()\nans = 1",
        D,
        1,
    ),
    _sympy(
        "function in a system",
        "y = sympy.Symbol('y')\nsympy.nsolve([sympy.Function('open')(x), y], [x, y], [1, 1])",
        D,
        E,
    ),
    _sympy("indexed name", f"sympy.IndexedBase('{_REACH}')[x]\nans = 1", D, 1),
    _sympy(
        "modules of nsolve",
        "y = sympy.Symbol('y')\nans = float(sympy.nsolve([x - 1, y], [x, y], [1, 1], modules=['math', 'mpmath'])[0])",
        D,
        1.0,
    ),
    _sympy("preview", "sympy.preview(x, viewer='file', filename='CANARY')", D, E),
    _sympy("plot", "sympy.plotting.plot(x, show=False).save('CANARY')", D, E),
    _sympy("autowrap", "from sympy.utilities.autowrap import autowrap\nautowrap(x, tempdir='CANARY.d')", D, D),
    _sympy("var", "sympy.var('y')\nans = str(y)", D, "y"),
    _sympy("class of an expression", "ans = str(x.__class__.__mro__[-1])", D, "<class 'object'>"),
    _sympy("frame of a generator", "ans = sympy.preorder_traversal(x).gi_frame is None", D, E),
    _sympy("library attribute", "sympy.pi = 3\nans = sympy.pi", D, 3),
    _sympy("attribute of a symbol", "x.name = 'y'\nans = str(x)", D, "y"),
]

LIBRARY_RESULTS = [
    _numpy("nan of numpy", "ans = np.float64('nan')", O, O),
    _numpy("infinity of numpy", "ans = np.array([np.inf])", O, O),
    _numpy("complex", "ans = np.roots([1, 0, 1])[0]", O, O),
    _numpy("long array", "ans = np.arange(10**5)", O, O),
    _numpy("objects", "ans = np.array([object()])", O, O),
    _numpy("array in itself", "ans = np.array([None, None])\nans[0] = ans", O, O),
    _numpy("arrays in each other", "a, ans = np.array(None), np.array(None)\na[()], ans[()] = ans, a", E, E),
    _numpy("array that doubles", "ans = np.array([1, 2])\nfor _ in range(40): ans = [ans, ans]", O, O),
    _numpy("subclass of a scalar", "class N(np.float64): pass\nans = N(5)", D, O),
    _numpy("subclass of an array", "class A(np.ndarray): pass\nans = np.arange(3).view(A)", D, O),
    _numpy("vectorize", "ans = np.vectorize(abs)", O, O),
    _sympy("huge integer", "ans = sympy.Integer(10)**5000", O, O),
    _sympy("huge rational", "ans = sympy.Rational(1, 10**5000)", O, O),
    _sympy("huge float", "ans = sympy.Float('1e999')", O, O),
    _sympy("infinity", "ans = sympy.oo", O, O),
    _sympy("nan", "ans = sympy.nan", O, O),
    _sympy("expression", "ans = sympy.sqrt(2)", O, O),
    _sympy("symbol", "ans = {x: x}", O, O),
    _sympy("dict of other keys", "ans = {x: 1, 'y': 2}", O, O),
    _sympy("integer with another value", "ans = sympy.Integer(5)\nans.p = 10**5000", D, O),
    _sympy("subclass of an integer", "class N(sympy.Integer): pass\nans = N(5)", D, O),
]

LIBRARY_RESOURCES = [
    _numpy("large array", "ans = np.ones(10**10)", M, M),
    _numpy("large array in pieces", "a = []\nwhile True: a.append(np.ones(10**6))", M, M),
    _numpy("large product", "ans = np.outer(np.ones(10**5), np.ones(10**5))", M, M),
    _numpy("one long call", "np.convolve(np.ones(10**6), np.ones(10**6))", T, T),
    _numpy("thread", "import threading\nthreading.Thread(target=print).start()", D, E),
    _sympy("large expansion", "sympy.expand((x + 1)**100000)", M, M),
    _sympy("factors of a large number", "sympy.factorint(2**257 + 1)", T, T),
    _sympy("deep expression", "for _ in range(5000): x = sympy.sin(x)", E, E),
    _sympy("long text", "sympy.sympify('1+' * 10000 + '1')", D, E),
    _sympy("deep text", "sympy.sympify('(' * 300 + '1' + ')' * 300)", E, E),
]

LIBRARIES = {
    "array-files": ARRAY_FILES,
    "array-code": ARRAY_CODE,
    "symbolic-code": SYMBOLIC_CODE,
    "library-results": LIBRARY_RESULTS,
    "library-resources": LIBRARY_RESOURCES,
}
