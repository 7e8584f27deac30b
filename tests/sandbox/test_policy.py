"""The language policy: accepted programs have CPython's result, and refusals name the refused part."""

import asyncio

import pytest

from service.cli.sandbox import answer_text
from service.sandbox.base import Outcome
from service.sandbox.policy import SPECIAL_METHODS, RefusedError, compile_program, is_private
from tests.conftest import MakePool
from tests.sandbox.programs import MODERN, gsm8k, plain_answers, svamp

REFUSED = {
    "x.__class__": 'Line 1: the attribute "__class__" is reserved',
    "_read_ = 1": 'Line 1: the name "_read_" is reserved',
    "__x = 1": 'Line 1: the name "__x" is reserved',
    "print = 1": 'Line 1: the name "print" is reserved',
    "x.gi_frame = 1": "NameError: name 'x' is not defined",
    "async def f(): pass": "Line 1: AsyncFunctionDef statements are not allowed.",
    "match x:\n    case 1: pass": "Line 1: Match statements are not allowed.",
    "class A(metaclass=B): pass": "Line 1: class keywords are not allowed",
    "from math import *": 'Line 1: "*" imports are not allowed.',
    "from . import x": "Line 1: relative imports are not allowed",
    "from math import _x": "Line 1: private names may not be imported",
    "import os": "import of os is not allowed",
    "import dataclasses": "import of dataclasses is not allowed",
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


async def test_refusals_name_what_is_refused(make_pool: MakePool) -> None:
    pool = make_pool()
    await pool.start()
    assert {program: (await pool.run(program)).detail for program in REFUSED} == REFUSED


@pytest.mark.parametrize("package", ["numpy", "sympy", "scipy", "pandas", "time"])
async def test_absent_packages_may_be_imported_but_not_used(make_pool: MakePool, package: str) -> None:
    pool = make_pool()
    await pool.start()
    unused = await pool.run(f"import {package} as p\nfrom {package} import Symbol, linalg\nans = 5")
    assert (unused.outcome, unused.value) == (Outcome.OK, 5)
    for use in ("p.array([1])", "linalg()", "p.x.y"):
        used = await pool.run(f"import {package} as p\nfrom {package} import linalg\nans = {use}")
        assert (used.outcome, used.detail) == (Outcome.DENIED, f"{package} is not available to programs")


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
        compile_program("def f(): pass\nf.__globals__")


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
