"""Programs derived without a teacher, from annotations, equations or a CoT.

The label is the origin. Programs from GSM8K's `annotation` and SVAMP's `equation` have meaningless names (`s1`, `s2`).
Programs from a CoT (`reasoning`) keep its words as comments, as PAL does (arXiv 2211.10435). Only numbers and + - * /
are evaluated, exactly.
"""

import ast
import keyword
import re
from collections.abc import Callable, Container
from fractions import Fraction
from itertools import pairwise

from service.paths.answer import parse_answer
from service.paths.calculator.equations import read_clauses
from service.paths.calculator.expressions import Expression, Number
from service.paths.cot import parse_cot
from service.paths.equality import parse_gold
from service.types import PathKind
from training.data.problem import Problem, Rationale

_MAX_CHARS = 1000
"""Maximum length of an expression and of a number. Longer ones make no program."""
_STEP = re.compile(r"<<([^=<>]+)=([^<>]+)>>")
_NUMBER = re.compile(r"\d+\.?\d*|\.\d+")
_GIVEN = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_UNITS = re.compile(r"((?: [A-Za-z]+(?:'s)?){0,6})(?:[.,;:)]\s*|\n|$)")
_FILLER = "So, we perform the calculation: "
_LEADING_ZERO = re.compile(r"(?<![\d.])0+(?=\d)")
_OPERATIONS: dict[type, Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: Fraction.__add__,
    ast.Sub: Fraction.__sub__,
    ast.Mult: Fraction.__mul__,
    ast.Div: Fraction.__truediv__,
}


def from_annotations(problem: Problem) -> Rationale | None:
    """Program of GSM8K's annotations, one line per step. None unless it computes the gold answer."""
    steps = [expression.replace(" ", "") for expression, _ in _STEP.findall(_column(problem, "solution"))]
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
    """Program of SVAMP's equation, one line. None unless it computes the gold answer."""
    expression = re.sub(r"(\d)\.0\b", r"\1", _column(problem, "equation").replace(" ", ""))
    if len(expression) > _MAX_CHARS:
        return None
    while expression.startswith("(") and expression.endswith(")") and _balanced(expression[1:-1]):
        expression = expression[1:-1]
    return _checked(problem, [f"ans = {_spaced(expression)}"], evaluate(expression), "equation")


def from_reasoning(problem: Problem, rationale: Rationale) -> Rationale | None:
    """Program of a CoT. None unless its equations hold, are plain arithmetic and end in the gold answer."""
    program = program_of(rationale.text, problem.question)
    if program is None:
        return None
    gold, answer = parse_answer(problem.answer), parse_cot(rationale.text).answer
    if gold is None or answer is None or gold.value != answer.value:
        return None
    return Rationale(problem.id, PathKind.POT, "reasoning", program)


def program_of(reasoning: str, question: str) -> str | None:
    """Program of a CoT's equations, with its words as comments. None if a step is not plain arithmetic.

    An operand becomes the name of an earlier result if the question has no number of that value. Computed results
    are left out of comments. An equation with units that uses only given numbers keeps its left side in the comment.
    """
    stated = parse_cot(reasoning)
    if stated.repaired or stated.answer is None or stated.answer.value is None:
        return None
    given = {Fraction(number.replace(",", "")) for number in _GIVEN.findall(question) if len(number) <= _MAX_CHARS}
    lines: list[str] = []
    values: dict[str, Fraction] = {}
    end, last = 0, None
    for left, result in _equations(reasoning):
        equals = reasoning.rfind("=", 0, result.start)
        value = evaluate(_written(left))
        if value is None or not left.plain or equals < end or value != result.value:
            return None
        known = {name: value for name, value in values.items() if value not in given}
        expression = _link(_written(left), known)
        start = left.numbers[0].start if not left.words or expression != _written(left) else equals
        words = _link(" ".join(reasoning[end:start].replace(_FILLER, "").split()), known).strip(" .,;:()$")
        after = _UNITS.match(reasoning, result.end)
        end = after.end() if after else result.end
        name = _name(after[1] if after else "", len(values) + 1, values)
        lines += [f"# {words}"] if words else []
        lines.append(f"{name} = {_spaced(expression)}")
        values[name] = last = value
    if last != stated.answer.value:
        return None
    lines[-1] = "ans" + lines[-1][lines[-1].index(" = ") :]
    return "\n".join(lines)


def _column(problem: Problem, name: str) -> str:
    """Text of a further column, empty for a missing or other value."""
    value = problem.extra.get(name)
    return value if isinstance(value, str) else ""


def _equations(text: str) -> list[tuple[Expression, Number]]:
    """Left side and result of each `a op b = c` in a text. `a = b` computes nothing and is left out."""
    return [
        (left.expressions[-1], right.expressions[0].numbers[0])
        for sides in read_clauses(text)
        for left, right in pairwise(sides)
        if left.expressions and left.expressions[-1].operators and right.expressions and right.expressions[0].numbers
    ]


def _written(expression: Expression) -> str:
    """The expression as Python."""
    return "".join(
        item.replace("|", "/") if isinstance(item, str) else f"{_decimal(item.value)}{'/100' if item.percent else ''}"
        for item in expression.items
    )


def _decimal(value: Fraction) -> str:
    """The number as Python. A number that is too long for Python becomes an empty text."""
    try:
        return str(value.numerator) if value.denominator == 1 else repr(float(value))
    except (OverflowError, ValueError):
        return ""


def _name(units: str, number: int, taken: Container[str]) -> str:
    """Name of a result: `bananas_per_group` for "bananas per group", `s2` if the words give no new name."""
    name = "_".join(re.findall(r"[a-z0-9]+", units.lower())[:4])
    if not name.isidentifier() or keyword.iskeyword(name) or name == "ans" or name in taken:
        return f"s{number}"
    return name


def evaluate(expression: str) -> Fraction | None:
    """Exact value of an arithmetic expression. None for any other or longer text and for a division by zero."""
    if len(expression) > _MAX_CHARS:
        return None
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
    """Replace each number that equals an earlier result by the name of the latest such result."""
    names = {value: name for name, value in values.items()}

    def named(match: re.Match[str]) -> str:
        return names.get(Fraction(match[0]), match[0]) if len(match[0]) <= _MAX_CHARS else match[0]

    return _NUMBER.sub(named, expression)


def _checked(problem: Problem, lines: list[str], result: Fraction | None, teacher: str) -> Rationale | None:
    gold = parse_gold(problem.answer)
    if result is None or gold is None or gold.value is None or abs(result - gold.value) > Fraction(1, 1000):
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
