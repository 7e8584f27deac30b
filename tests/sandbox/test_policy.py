"""The language policy: accepted programs have CPython's result, and refusals name the refused part."""

import ast
import asyncio

import pytest

from service.cli.sandbox import answer_text
from service.sandbox.base import Outcome, Value
from service.sandbox.facades import FACADES
from service.sandbox.guards import Guards
from service.sandbox.modules import LIBRARY_NAMES
from service.sandbox.names import SPECIAL_METHODS, RefusedError, is_private
from service.sandbox.policy import restrict
from service.sandbox.program_facades import PROGRAM_FACADES
from tests.conftest import MakePool
from tests.sandbox.programs import HONEST, MODERN, gsm8k, plain_answers, svamp

star_names = Guards(print).star_names

REFUSED = {
    "x.__class__": 'Line 1: the attribute "__class__" is reserved',
    "_read_ = 1": 'Line 1: the name "_read_" is reserved',
    "__x = 1": 'Line 1: the name "__x" is reserved',
    "print = 1": 'Line 1: the name "print" is reserved',
    "x.gi_frame = 1": "NameError: name 'x' is not defined",
    "async def f(): pass": "Line 1: AsyncFunctionDef statements are not allowed.",
    "match 3:\n    case int(gi_frame=f): pass": 'Line 2: the attribute "gi_frame" is reserved',
    "import math\nmatch 3:\n    case math._pi: pass": 'Line 3: the attribute "_pi" is reserved',
    "class A(metaclass=B): pass": "Line 1: class keywords are not allowed",
    "from . import x": "Line 1: relative imports are not allowed",
    "from math import _x": "Line 1: private names may not be imported",
    "import os\nos.getcwd()": "os is not available to programs",
    "from os import path\npath.join('a')": "os is not available to programs",
    "import sys\nsys.modules": "sys.modules is not offered",
    "import math.os": "import of math.os is not allowed",
    "class A:\n    __class__: int": 'Line 2: the name "__class__" is reserved',
    "class A:\n    __slots__ = ['__class__']": "a name in __slots__ is reserved",
    "class A:\n    __match_args__ = ('mro',)": "a name in __match_args__ is reserved",
    "from abc import ABC as ABCMeta\nclass A(metaclass=ABCMeta): pass": "only ABCMeta may be a metaclass",
    "import math\nmath.nope": "math.nope is not offered",
    "import math\nmath.pi = 3": "a Facade may not be changed",
    "open('x')": "open() is not available to programs",
    "eval('1')": "eval() is not available to programs",
    "input()": "input() is not available to programs",
    "def f(): pass\nclass A(f): pass": "only classes of the program, exceptions and plain types may be subclassed",
    "import re\nre.compile('x' * 1001)": "the regular expression is too long",
    "import re\nre.findall('x', 'x' * 100001)": "the text is too long for a regular expression",
}


async def test_modern_programs_have_the_answers_of_plain_python(make_pool: MakePool) -> None:
    expected = dict(zip(MODERN, plain_answers(MODERN.values()), strict=True))
    pool = make_pool()
    await pool.start()
    executions = {name: await pool.run(program) for name, program in MODERN.items()}
    assert None not in expected.values()
    assert {
        name: answer_text(execution.value) if execution.value is not None else execution.detail
        for name, execution in executions.items()
    } == expected


UNSUPPORTED = {
    "singleton with __new__": 'Line 3: the name "__new__" is reserved',
    "dynamic attributes": 'Line 3: the name "__getattr__" is reserved',
    "descriptors": 'Line 2: the name "__set_name__" is reserved',
}
"""Feature → refusal of its program. These special methods are part of attribute access or class creation."""


async def test_honest_programs_have_the_answers_of_plain_python(make_pool: MakePool) -> None:
    expected = dict(zip(HONEST, plain_answers(HONEST.values()), strict=True))
    pool = make_pool()
    await pool.start()
    executions = await asyncio.gather(*(pool.run(program) for program in HONEST.values()))
    assert len(HONEST) >= 120
    assert len(UNSUPPORTED) < 0.05 * len(HONEST)
    assert None not in expected.values()
    assert {
        name: answer_text(execution.value) if execution.value is not None else execution.detail
        for name, execution in zip(HONEST, executions, strict=True)
    } == expected | UNSUPPORTED


async def test_refusals_name_what_is_refused(make_pool: MakePool) -> None:
    pool = make_pool()
    await pool.start()
    assert {program: (await pool.run(program)).detail for program in REFUSED} == REFUSED


@pytest.mark.parametrize("package", ["numpy", "sympy", "scipy", "pandas", "socket", "os", "csv", "subprocess"])
async def test_absent_packages_may_be_imported_but_not_used(make_pool: MakePool, package: str) -> None:
    pool = make_pool()
    await pool.start()
    unused = await pool.run(f"import {package} as p\nfrom {package} import Symbol, linalg\nans = 5")
    assert (unused.outcome, unused.value) == (Outcome.OK, 5)
    hint = "; set sandbox_libraries" if package in LIBRARY_NAMES else ""
    for use in ("p.array([1])", "linalg()", "p.x.y"):
        used = await pool.run(f"import {package} as p\nfrom {package} import linalg\nans = {use}")
        assert (used.outcome, used.detail) == (Outcome.DENIED, f"{package} is not available to programs{hint}")


async def test_missing_modules_raise_import_errors(make_pool: MakePool) -> None:
    pool = make_pool()
    await pool.start()
    program = "try:\n    import numpy as np\n    ans = np.array([7])\nexcept ImportError:\n    ans = 7"
    assert (await pool.run(program)).value == 7


@pytest.mark.parametrize("module", sorted({*FACADES, *PROGRAM_FACADES}))
async def test_star_imports_bind_every_offered_name(make_pool: MakePool, module: str) -> None:
    pool = make_pool()
    await pool.start()
    names = sorted(star_names(module) or ())
    execution = await pool.run(f"from {module} import *\nx = [{', '.join(names)}]\nans = len(x)")
    assert names
    assert execution.value == len(names)


def test_star_imports_of_other_modules_are_not_offered() -> None:
    assert star_names("os") is None


SYMPY = "sympy is not available to programs; set sandbox_libraries"
SCIPY = "scipy is not available to programs"


@pytest.mark.parametrize(
    ("program", "value", "detail"),
    [
        ("from sympy import *\nx = symbols('x')\nans = solve(x - 7)[0]", None, SYMPY),
        (
            "from sympy import *\nans = x + 7",
            None,
            "TypeError: unsupported operand type(s) for +: 'MissingPackage' and 'int'",
        ),
        ("from sympy.abc import *\nfrom sympy import Symbol\nans = Symbol('x')", None, SYMPY),
        ("from scipy.optimize import *\nans = fsolve(abs, 0)", None, SCIPY),
        ("def f():\n    return solve(7)\nfrom sympy import *\nans = f()", None, SYMPY),
        ("try:\n    from sympy import *\n    ans = solve(7)\nexcept ImportError:\n    ans = 7", 7, ""),
        ("from sympy import *\nans = 7", 7, ""),
        ("from sympy import *\nfrom math import *\nans = floor(7.5)", 7, ""),
        ("from math import *\nfrom sympy import *\nans = floor(7.5)", 7, ""),
        ("from sympy import *\nimport math as m\nsolve = lambda x: m.floor(x)\nans = solve(7.5)", 7, ""),
        ("from sympy import *\nans = math.floor(max(7.5, len([])))", 7, ""),
        ("from sympy import *\ndef f(a, *b, **c):\n    return a + len(b) + len(c)\nans = f(7)", 7, ""),
        ("from sympy import *\ntry:\n    1 / 0\nexcept ZeroDivisionError as error:\n    ans = len(str(error))", 16, ""),
        ("from sympy import *\nmatch [7, 8]:\n    case [first, *rest]:\n        ans = first + len(rest)", 8, ""),
        ("from sympy import *\nimport os.path\nans = 7", 7, ""),
    ],
)
async def test_star_imports_of_absent_packages(
    make_pool: MakePool, program: str, value: int | None, detail: str
) -> None:
    pool = make_pool()
    await pool.start()
    execution = await pool.run(program)
    assert (execution.value, execution.detail) == (value, detail)


@pytest.mark.parametrize(
    ("program", "value"),
    [
        ("import json\nans = json.loads('{\"pens\": 7}')['pens']", 7),
        ("import json\nprint(json.dumps({'answer': 7}, indent=2))", "7"),
        (
            "from copy import copy, deepcopy\na = [[7]]\nb, c = copy(a), deepcopy(a)\na[0][0] = 8\nans = b[0][0] - c[0][0]",
            1,
        ),
        (
            "import copy\nclass A:\n    def __init__(self): self.x = [7]\na = A()\nb = copy.deepcopy(a)\nb.x[0] = 8\nans = a.x",
            7,
        ),
    ],
)
async def test_json_and_copy(make_pool: MakePool, program: str, value: Value) -> None:
    pool = make_pool()
    await pool.start()
    assert (await pool.run(program)).value == value


@pytest.mark.parametrize("name", ["_", "x", "_x", "x_", "total__"])
def test_names_of_programs(name: str) -> None:
    assert not is_private(name)


@pytest.mark.parametrize("name", ["__x", "__x__", "_read_", "_write_", "__import__", "__"])
def test_names_of_guards(name: str) -> None:
    assert is_private(name)


def test_special_methods_give_no_hold_on_attributes() -> None:
    hooks = "getattr getattribute setattr delattr get set set_name class new init_subclass class_getitem subclasshook "
    hooks += "mro_entries prepare instancecheck subclasscheck dir reduce reduce_ex getstate setstate del slots dict"
    assert not SPECIAL_METHODS & {f"__{hook}__" for hook in hooks.split()}


def test_refusal_is_raised_at_compile_time() -> None:
    with pytest.raises(RefusedError, match=r"^Line 2: the attribute \"__globals__\" is reserved$"):
        restrict(ast.parse("def f(): pass\nf.__globals__"), star_names)


@pytest.mark.parametrize(("programs", "runnable"), [(svamp(), 48), (gsm8k(), 49)], ids=["svamp", "gsm8k"])
async def test_programs_answer_as_under_plain_python(make_pool: MakePool, programs: list[str], runnable: int) -> None:
    expected = plain_answers(programs)
    pool = make_pool(max_queue=len(programs))
    await pool.start()
    executions = await asyncio.gather(*(pool.run(program) for program in programs))
    assert len([answer for answer in expected if answer is not None]) == runnable
    for program, execution, answer in zip(programs, executions, expected, strict=True):
        if answer is not None:
            assert execution.value is not None, (program, execution.detail)
            assert answer_text(execution.value) == answer, program
