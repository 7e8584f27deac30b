"""What a run of arithmetic comes to, in every way that it can be read, and whether a result agrees with it.

The arithmetic of the calculator: `equations.py` reads runs, `repair.py` changes results. Exact: all numbers are
fractions. It knows no text and changes nothing.
"""

from collections.abc import Sequence
from fractions import Fraction

from service.paths.calculator.equations import Number, Run

READINGS = ("standard", "one level", "left to right", "percent as unit")
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "|": 3}  # | is a slash without spaces: 10 / 1/2 is 20
_LEVELS = {
    "standard": _PRECEDENCE,
    "one level": _PRECEDENCE | {"|": 2},
    "left to right": dict.fromkeys(_PRECEDENCE, 1),
    "percent as unit": _PRECEDENCE,
}


def compute(run: Run, values: Sequence[Fraction], reading: str) -> Fraction | None:
    """The run's value with `values` for its operands, or None where it divides by zero."""
    levels = _LEVELS[reading]
    stack: list[Fraction] = []
    operators: list[str] = []
    operands = iter(values)
    for item in run.items:
        if isinstance(item, Number):
            value = next(operands)
            stack.append(value / 100 if item.percent and reading != "percent as unit" else value)
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
    return stack[0]


def _reduce(stack: list[Fraction], operator: str) -> bool:
    right = stack.pop()
    left = stack.pop()
    if operator == "+":
        stack.append(left + right)
    elif operator == "-":
        stack.append(left - right)
    elif operator == "*":
        stack.append(left * right)
    elif right:
        stack.append(left / right)
    else:
        return False
    return True


def agrees(value: Fraction | None, result: Number, run: Run) -> bool:
    """Whether a result is `value`, rounded to its own decimals (six at most) in whichever direction."""
    if value is None or value == result.value:
        return True
    money = result.money or any(number.money for number in run.numbers)
    if money and value in (result.value * 100, result.value / 100):
        return True  # cents and dollars
    step = Fraction(1, 10 ** min(result.decimals, 6))
    for scale in (1, 100) if result.percent else (1,):
        gap = abs(abs(value * scale) - abs(result.value))
        if gap < step or gap <= _rounding(run, value) * scale:
            return True
    return False


def _rounding(run: Run, value: Fraction) -> Fraction:
    """How far rounded factors can move a product: 1.33 for 4/3, but not 0.25; nothing for sums and money."""
    if is_sum(run):
        return Fraction(0)
    decimals = [number for number in run.numbers if number.decimals >= 2 and not number.money]
    rounded = [number for number in decimals if (number.value * 20).denominator != 1]
    return abs(value) * sum(Fraction(1, 2 * 10**number.decimals) / abs(number.value) for number in rounded)


def mixes_percent(run: Run) -> bool:
    """Whether it adds percent to what is none: 50 + 20% may be 50.2, 60 or 70."""
    percent = [number.percent for number in run.numbers]
    return any(percent) and not all(percent) and is_sum(run)


def is_sum(run: Run) -> bool:
    """Whether it adds or subtracts anywhere."""
    return "+" in run.items or "-" in run.items


def in_percent(value: Fraction, result: Number) -> Fraction:
    """The value as a number before the percent sign, where the result has one: 20 / 50 = 40%."""
    return value * 100 if result.percent and abs(value) <= 1 < abs(result.value) else value


def means_a_part(run: Run, result: Number) -> bool:
    """Whether a result that does not follow from the whole run follows from its end.

    From its last term alone ("8 letters + 8/2 = 4 digits"), or from what comes after a full stop without a space
    ("the difference is 154 - 91.154 - 91 = 63").
    """
    if "(" in run.items:
        return False
    signs = [place for place, item in enumerate(run.items) if item in ("+", "-")]
    last = Run(run.items[signs[-1] + 1 :]) if signs else Run()
    if len(last.items) > 1 and agrees(compute(last, last.values, READINGS[0]), result, last):
        return True
    for place, item in enumerate(run.items):
        if isinstance(item, Number) and item.decimals:
            tail = Run(run.items[place:])
            after_stop = Fraction(abs(item.value.numerator) * 10**item.decimals // item.value.denominator)
            values = [after_stop % 10**item.decimals, *tail.values[1:]]
            if any(agrees(compute(tail, values, reading), result, tail) for reading in READINGS):
                return True
    return False
