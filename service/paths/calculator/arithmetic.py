"""Evaluates arithmetic expressions and compares results.

All numbers are exact fractions. `equations.py` parses the expressions, and `repair.py` changes results.
"""

from collections.abc import Sequence
from fractions import Fraction

from service.paths.calculator.expressions import Expression, Number
from service.paths.work import spend

READINGS = ("standard", "one level", "left to right", "percent as unit")
"""Ways to read an expression: three orders of operations, and a percent sign that is a unit."""

MAX_OPERATORS = 12
"""Maximum number of operators of an expression that has lenient readings. It bounds their number."""

_WORK, _WORK_PER_DECIMAL = 2, 8  # of a comparison, for each item and each rounded operand of the expression

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "|": 3}  # | is a slash without spaces: 10 / 1/2 is 20
_LEVELS = {
    "standard": _PRECEDENCE,
    "one level": _PRECEDENCE | {"|": 2},
    "left to right": dict.fromkeys(_PRECEDENCE, 1),
    "percent as unit": _PRECEDENCE,
}


def compute(expression: Expression, values: Sequence[Fraction], reading: str) -> Fraction | None:
    """Value of an expression, or None if it divides by zero.

    Args:
        expression: expression whose operators and brackets apply.
        values: values of the operands, in order.
        reading: one of `READINGS`.
    """
    levels = _LEVELS[reading]
    stack: list[Fraction | int] = []  # integers are ten times as fast
    operators: list[str] = []
    operands = iter(values)
    for item in expression.items:
        if isinstance(item, Number):
            value = next(operands)
            if item.percent and reading != "percent as unit":
                value /= 100
            stack.append(value.numerator if value.denominator == 1 else value)
        elif item == "(":
            operators.append(item)
        else:
            level = levels.get(item, 0)
            while operators and operators[-1] != "(" and levels[operators[-1]] >= level:
                if not _reduce(stack, operators.pop()):
                    return None
            if item == ")":
                operators.pop()
            else:
                operators.append(item)
    while operators:
        if not _reduce(stack, operators.pop()):
            return None
    value = Fraction(stack[0])
    bits = value.numerator.bit_length() + value.denominator.bit_length()
    spend(len(expression.items) * ((1 if value.denominator == 1 else 3) + bits // 64))
    return value


def _reduce(stack: list[Fraction | int], operator: str) -> bool:
    """Apply an operator to the top of the stack. Returns False for a division by zero."""
    right = stack.pop()
    left = stack.pop()
    if operator == "+":
        stack.append(left + right)
    elif operator == "-":
        stack.append(left - right)
    elif operator == "*":
        stack.append(left * right)
    elif right:
        stack.append(Fraction(left) / right)
    else:
        return False
    return True


def agrees(value: Fraction | None, result: Number, expression: Expression) -> bool:
    """Whether a stated result is the value of an expression, or the value rounded in any direction.

    The result's own decimals, at most six, are the precision. The sign does not matter. A value of None agrees.
    """
    spend(_WORK * len(expression.items))
    if value is None or value == result.value:
        return True
    money = result.money or any(number.money for number in expression.numbers)
    if money and value in (result.value * 100, result.value / 100):
        return True  # cents and dollars
    step = Fraction(1, 10 ** min(result.decimals, 6))
    for scale in (1, 100) if result.percent else (1,):
        gap = abs(abs(value * scale) - abs(result.value))
        if gap < step or gap <= _rounding(expression, value) * scale:
            return True
    return False


def _rounding(expression: Expression, value: Fraction) -> Fraction:
    """Largest change of a product by rounded factors: 1.33 for 4/3, but not 0.25. Zero for sums and money."""
    if is_sum(expression) or expression.operators > MAX_OPERATORS:
        return Fraction(0)
    decimals = [number for number in expression.numbers if number.decimals >= 2 and not number.money]
    spend(_WORK_PER_DECIMAL * len(decimals))
    rounded = [number for number in decimals if (number.value * 20).denominator != 1]
    return abs(value) * sum(Fraction(1, 2 * 10**number.decimals) / abs(number.value) for number in rounded)


def mixes_percent(expression: Expression) -> bool:
    """Whether an expression adds a percentage to another number: 50 + 20% may be 50.2, 60 or 70."""
    percent = [number.percent for number in expression.numbers]
    return any(percent) and not all(percent) and is_sum(expression)


def is_sum(expression: Expression) -> bool:
    """Whether an expression adds or subtracts anywhere."""
    return not expression.signs.isdisjoint("+-")


def is_product(expression: Expression) -> bool:
    """Whether an expression multiplies or divides anywhere."""
    return not expression.signs.isdisjoint("*/|")


def readings_of(expression: Expression) -> Sequence[str]:
    """Readings of an expression that can have different values."""
    one_level = not (is_sum(expression) and is_product(expression)) and "|" not in expression.signs
    return READINGS[:1] if one_level and not any(number.percent for number in expression.numbers) else READINGS


def in_percent(value: Fraction, result: Number) -> Fraction:
    """Value as the number before the percent sign of a result, if it has one: 20 / 50 = 40%."""
    return value * 100 if result.percent and abs(value) <= 1 < abs(result.value) else value


def follows_from_end(expression: Expression, result: Number) -> bool:
    """Whether a result follows from the end of an expression instead of the whole.

    The end is the last term: "8 letters + 8/2 = 4 digits". It can also be the text after a full stop without a space:
    "it is 154 - 91.154 - 91 = 63".
    """
    if "(" in expression.items or expression.operators > MAX_OPERATORS:
        return False
    signs = [index for index, item in enumerate(expression.items) if item in ("+", "-")]
    last = Expression(expression.items[signs[-1] + 1 :]) if signs else Expression()
    if len(last.items) > 1 and agrees(compute(last, last.values, READINGS[0]), result, last):
        return True
    for index, item in enumerate(expression.items):
        if isinstance(item, Number) and item.decimals:
            tail = Expression(expression.items[index:])
            after_stop = Fraction(abs(item.value.numerator) * 10**item.decimals // item.value.denominator)
            values = [after_stop % 10**item.decimals, *tail.values[1:]]
            if any(agrees(compute(tail, values, reading), result, tail) for reading in readings_of(tail)):
                return True
    return False
