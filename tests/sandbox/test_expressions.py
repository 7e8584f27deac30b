"""Expressions as text: values, refusals, and agreement with sympy's own evaluation."""

from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from service.sandbox.expressions import MAX_TEXT_CHARACTERS, parse_arithmetic
from service.sandbox.names import RefusedError

x, y = sympy.symbols("x y")

EXPRESSIONS: dict[str, Any] = {
    "2*x + 3": 2 * x + 3,
    " -x^2 ": -(x**2),
    "3/4": sympy.Rational(3, 4),
    "0.1": sympy.Float("0.1"),
    "7 // 2 + 7 % 4": sympy.Integer(6),
    "sqrt(8) + pi": 2 * sympy.sqrt(2) + sympy.pi,
    "Eq(2*x, y)": sympy.Eq(2 * x, y),
    "Rational(1, 3)": sympy.Rational(1, 3),
    "(x, y + 1)": [x, y + 1],
    "E": sympy.E,
    "e": sympy.Symbol("e"),
}

REFUSED = [
    "x.y",
    "x[0]",
    "f(x)",
    "open('CANARY')",
    "__import__('os')",
    "lambda: 1",
    "[x for x in y]",
    "'text'",
    "b'text'",
    "True",
    "1j",
    "x if y else 1",
    "x < y",
    "x and y",
    "~x",
    "x @ y",
    "{x: y}",
    "sqrt(x=1)",
    "sqrt(*x)",
    "(lambda: 1)()",
    "sqrt.__class__(x)",
    "f'{x}'",
    "(x := 1)",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_arithmetic_is_an_expression(text: str) -> None:
    assert parse_arithmetic(text) == EXPRESSIONS[text]


@pytest.mark.parametrize("text", REFUSED)
def test_no_text_is_evaluated(text: str) -> None:
    with pytest.raises(RefusedError, match=r"^the text of an expression may contain only arithmetic$"):
        parse_arithmetic(text)


def test_names_may_be_given() -> None:
    assert parse_arithmetic("a + b", {"a": sympy.Integer(5)}) == 5 + sympy.Symbol("b")


def test_long_texts_are_refused() -> None:
    parse_arithmetic("1" * MAX_TEXT_CHARACTERS)
    with pytest.raises(RefusedError, match=r"^the text of an expression is too long$"):
        parse_arithmetic("1" * (MAX_TEXT_CHARACTERS + 1))


@pytest.mark.parametrize("text", ["", "2*x = 3", "x y", "import os", "1 +", "x; y"])
def test_other_texts_are_syntax_errors(text: str) -> None:
    with pytest.raises(SyntaxError):
        parse_arithmetic(text)


_terms = st.recursive(
    st.sampled_from(["x", "y", "pi"]) | st.integers(0, 99).map(str) | st.sampled_from(["0.5", "12.25"]),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner)
        | st.builds("-{}".format, inner)
        | st.builds("sqrt({})".format, inner)
        | st.builds("{} ** 2".format, inner)
    ),
    max_leaves=8,
)


@given(_terms)
@settings(max_examples=60)
def test_the_expression_is_the_one_that_sympy_evaluates(text: str) -> None:
    assert parse_arithmetic(text) == sympy.parse_expr(text)
