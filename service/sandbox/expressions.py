"""Arithmetic expressions as text, read without `eval`.

sympy evaluates every text that it gets (`Eq("2*x", 6)`) as Python. In the libraries lane `parse_arithmetic` takes that
place: it parses the text and builds the expression from numbers, names, operators and a few functions.
"""

import ast
import operator
from collections.abc import Callable
from typing import Any

import sympy

from service.sandbox.names import RefusedError

MAX_TEXT_CHARACTERS = 1_000

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_CONSTANTS = {"pi": sympy.pi, "E": sympy.E, "I": sympy.I, "oo": sympy.oo}
_FUNCTIONS = {
    name: getattr(sympy, name)
    for name in "Abs Eq Float Integer Max Min Rational ceiling cos exp floor ln log sin sqrt tan".split()
}


def parse_arithmetic(text: str, local_dict: dict[str, Any] | None = None, **_: object) -> Any:
    """Replacement of sympy's `parse_expr`.

    Args:
        text: arithmetic in Python's syntax. `^` is a power.
        local_dict: expressions of names in the text. Other names are symbols.

    Raises:
        RefusedError: the text is too long or contains more than arithmetic.
        SyntaxError: the text is not an expression.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        raise RefusedError("the text of an expression is too long")
    tree = ast.parse(text.strip().replace("^", "**"), mode="eval")
    return _build(tree.body, local_dict or {})


def _build(node: ast.expr, names: dict[str, Any]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as value) if type(value) is not bool:
            return sympy.Integer(value) if type(value) is int else sympy.Float(repr(value))
        case ast.Name(id=name):
            return names[name] if name in names else _CONSTANTS.get(name, sympy.Symbol(name))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_build(operand, names))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_build(left, names), _build(right, names))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_build(argument, names) for argument in arguments))
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return [_build(item, names) for item in items]
    raise RefusedError("the text of an expression may contain only arithmetic")
