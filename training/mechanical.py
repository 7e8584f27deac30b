"""Programs made from what a data set carries, without a teacher: GSM8K's `<<48/2=24>>`, SVAMP's equations.

They are labelled as what they are (`teacher: annotation` or `equation`): names are meaningless (`s1`, `s2`), and a
step is linked to the earlier one that has its value, which can be the wrong one of two equals. Arithmetic is evaluated
here, exactly, on numbers and + - * / alone; what is anything else makes no program.
"""

import ast
import re
from collections.abc import Callable
from fractions import Fraction

from service.types import PathKind
from training.rationale import Problem, Rationale

_STEP = re.compile(r"<<([^=<>]+)=([^<>]+)>>")
_NUMBER = re.compile(r"\d+\.?\d*|\.\d+")
_LEADING_ZERO = re.compile(r"(?<![\d.])0+(?=\d)")
_OPERATIONS: dict[type, Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: Fraction.__add__,
    ast.Sub: Fraction.__sub__,
    ast.Mult: Fraction.__mul__,
    ast.Div: Fraction.__truediv__,
}


def from_annotations(problem: Problem) -> Rationale | None:
    """GSM8K: one line for each annotated step, earlier results by name; None unless it gives the gold answer."""
    steps = [expression.replace(" ", "") for expression, _ in _STEP.findall(problem.extra.get("solution", ""))]
    lines: list[str] = []
    values: dict[str, Fraction] = {}
    result: Fraction | None = None
    for number, step in enumerate(steps, start=1):
        expression = _LEADING_ZERO.sub("", step)
        result = evaluate(expression)
        if result is None:
            return None
        name = "ans" if number == len(steps) else f"s{number}"
        lines.append(f"{name} = {_spaced(_link(expression, values))}")
        values[name] = result
    return _checked(problem, lines, result, "annotation")


def from_equation(problem: Problem) -> Rationale | None:
    """SVAMP: the equation as one line; None unless it gives the gold answer."""
    equation = problem.extra.get("equation", "")
    expression = re.sub(r"(\d)\.0\b", r"\1", equation.replace(" ", ""))
    while expression.startswith("(") and expression.endswith(")") and _balanced(expression[1:-1]):
        expression = expression[1:-1]
    return _checked(problem, [f"ans = {_spaced(expression)}"], evaluate(expression), "equation")


def evaluate(expression: str) -> Fraction | None:
    """The exact value of an arithmetic expression, None if it is not one (or divides by zero)."""
    try:
        return _value(ast.parse(expression, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, MemoryError, RecursionError):
        return None


def _value(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("not arithmetic")


def _link(expression: str, values: dict[str, Fraction]) -> str:
    """Numbers that an earlier step gave become its name; of equals, the latest."""
    names = {value: name for name, value in values.items()}

    def named(match: re.Match[str]) -> str:
        return names.get(Fraction(match[0]), match[0])

    return _NUMBER.sub(named, expression)


def _checked(problem: Problem, lines: list[str], result: Fraction | None, teacher: str) -> Rationale | None:
    try:
        gold = Fraction(problem.answer.replace(",", ""))
    except (ValueError, ZeroDivisionError):
        return None
    if result is None or abs(result - gold) > Fraction(1, 1000):
        return None
    return Rationale(problem.id, PathKind.POT, teacher, "\n".join(lines))


def _spaced(expression: str) -> str:
    return re.sub(r"(?<=[\w)])([-+*/])", r" \1 ", expression)


def _balanced(text: str) -> bool:
    depth = 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if depth < 0:
            return False
    return depth == 0
