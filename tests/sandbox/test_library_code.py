"""Checks of the code that sympy generates."""

import pytest

from service.sandbox.library_code import compile_arithmetic, execute_compiled
from service.sandbox.names import RefusedError, RefusedImportError

HEADER = "def _generated(x, y):\n"
ATTACKS = [
    '    return __import__("os").getpid()',
    "    return __import__(x)",
    "    return open(x)",
    "    return eval(x)",
    "    return getattr(x, y)",
    "    return x.real",
    "    return x[0]",
    "    return 'text'",
    "    return b'text'",
    "    return f'{x}'",
    "    return sqrt(x=1)",
    "    return (sqrt if x else sqrt)(x)",
    "    return sqrt(x)(y)",
    "    return (lambda: x)()",
    "    return [x for x in y]",
    "    return (y := x)",
    "    import os",
    "    from os import system",
    "    sqrt = open\n    return sqrt(x)",
    "    global sqrt",
    "    del x",
    "    return __builtins__",
    "    while True: pass",
]


@pytest.mark.parametrize("body", ATTACKS)
def test_only_arithmetic_is_compiled(body: str) -> None:
    with pytest.raises(RefusedError, match=r"^the code of an expression may contain only arithmetic$"):
        compile_arithmetic(HEADER + body, "<generated>", "exec")


def test_the_default_of_an_argument_is_checked() -> None:
    with pytest.raises(RefusedError):
        compile_arithmetic("def f(x=open('file')):\n    return x", "<generated>", "exec")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("    return x**2 - sqrt(y)/mpf(2) + pi", 9 - 2 / 2 + 3),
        ("    return [x, -y] if x > y and not x == 3 else (y, abs(-x))", (4, 3)),
        ("    [a, b] = [x, y]\n    return max(a, b)", 4),
        ("    return 1j*None if False else 2.5", 2.5),
    ],
)
def test_arithmetic_is_executed(body: str, value: object) -> None:
    functions = {"sqrt": lambda value: value**0.5, "mpf": int, "pi": 3}
    made: dict[str, object] = {}
    execute_compiled(compile_arithmetic(HEADER + body, "<generated>", "exec"), functions, made)
    generated = made["_generated"]
    assert callable(generated)
    assert generated(3, 4) == value


def test_a_text_is_not_executed() -> None:
    with pytest.raises(RefusedImportError, match=r"^the code of an expression may not import$"):
        execute_compiled("from os import open", {}, {})
