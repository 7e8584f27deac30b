"""Strict judgement of one equation.

The calculator repairs a result only if no lenient reading makes it true. A teacher needs more: an equation holds by the
standard order of operations, is false, or stays without judgement.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from service.paths.calculator.arithmetic import (
    READINGS,
    agrees,
    compute,
    follows_from_end,
    is_product,
    is_sum,
    mixes_percent,
    readings_of,
)
from service.paths.calculator.context import is_approximate
from service.paths.calculator.doubts import is_bare
from service.paths.calculator.expressions import Expression, Number
from service.paths.calculator.nouns import unit_of_result
from service.paths.calculator.readings import Hints, is_explained, with_implicit_products
from service.paths.calculator.units import named_ratios
from service.paths.numbers import within_limits, write

_STANDARD, _ONE_LEVEL, _, _PERCENT_AS_UNIT = READINGS


@dataclass(frozen=True, slots=True)
class Judgement:
    """Judgement of an equation.

    Args:
        should_be: correct result, or None if the equation holds.
    """

    should_be: str | None = None


HOLDS = Judgement()


def value_of(text: str, expression: Expression) -> Fraction | None:
    """Value of an expression, or None if people read it in several ways: `10 / 1/2`, `6/2(1 + 2)`, `50 + 20%`."""
    values = expression.values
    value = compute(expression, values, _STANDARD)
    if value is None or not within_limits(value) or any(number.percent for number in expression.numbers):
        return None
    written = text[expression.numbers[0].start : expression.numbers[-1].end]
    if not _BETWEEN_FRACTIONS.search(written) and compute(expression, values, _ONE_LEVEL) != value:
        return None
    return value if with_implicit_products(text, expression) == value else None


_BETWEEN_FRACTIONS = re.compile(r"[0-9]/[0-9]+\s?÷\s?[0-9]+/[0-9]")  # 3/4 ÷ 1/2, but not 10 ÷ 1/2


def judge(text: str, expression: Expression, result: Number, hints: Hints) -> Judgement | None:
    """Judgement of an equation, or None if it stays without one.

    Args:
        text: the text.
        expression: the expression.
        result: its stated result.
        hints: hints of the text.
    """
    if result.percent or any(number.percent for number in expression.numbers):
        return _judge_percent(text, expression, result, hints)
    value = value_of(text, expression)
    if value is None:
        return None
    if value == result.value or _is_rounded(value, expression, result):
        return HOLDS
    if is_approximate(text, expression, result):
        return None
    if value < 0 < result.value or value == -result.value or _is_truncated(value, result):
        in_words = _is_range(text, expression, value) or not is_bare(text, result)
        return None if in_words else Judgement(write(value))
    if agrees(value, result, expression) or _is_thousandth(value, expression, result):
        return None
    return None if _has_reading(text, expression, result, hints) else Judgement(write(value))


def _has_reading(text: str, expression: Expression, result: Number, hints: Hints) -> bool:
    """Whether a reading other than another order of operations makes a result true."""
    return (
        follows_from_end(expression, result)
        or (is_sum(expression) and _has_converted_operand(text, expression, result))
        or is_explained(text, expression, result, hints, brackets_left_out=False)
    )


def _has_converted_operand(text: str, expression: Expression, result: Number) -> bool:
    """Whether a sum holds after one operand gets the unit of the result: `5 + 300 = 5.3 km`."""
    ratios = named_ratios([unit_of_result(text, result)])
    values = expression.values
    return any(
        compute(expression, [*values[:index], changed, *values[index + 1 :]], _STANDARD) == result.value
        for index, value in enumerate(values)
        for ratio in ratios
        for changed in (value * ratio, value / ratio)
    )


def _judge_percent(text: str, expression: Expression, result: Number, hints: Hints) -> Judgement | None:
    """Judgement of an equation with a percent sign."""
    value = compute(expression, expression.values, _STANDARD)
    if value is None or not within_limits(value):
        return None
    if mixes_percent(expression):
        return _judge_change(expression, result, value)
    all_percent = all(number.percent for number in expression.numbers)
    if is_sum(expression) and not (all_percent and result.percent):
        return None  # 8 + 2 = 10%
    if compute(expression, expression.values, _ONE_LEVEL) != value:
        return None
    scaled = value * 100 if result.percent else value
    if scaled == result.value or (result.percent and _is_rounded(scaled, expression, result)):
        return HOLDS
    others = {compute(expression, expression.values, reading) for reading in readings_of(expression)}
    if result.value in {*others, value * 100} or agrees(value, result, expression):
        return None
    if result.percent and not (0 <= value <= 1 or all_percent):
        return None  # 20 / 50 * 100 = 45%
    if _has_reading(text, expression, result, hints):
        return None
    return Judgement(write(scaled) + "%" * result.percent)


def _judge_change(expression: Expression, result: Number, literal: Fraction) -> Judgement | None:
    """Judgement of a number plus or minus a percentage of it: `100 - 20% = 80`."""
    items = expression.items
    if len(items) != _CHANGE or result.percent or not expression.numbers[1].percent:
        return None
    number, share = expression.values
    value = number * (1 + (share if items[1] == "+" else -share) / 100)
    if value == result.value:
        return HOLDS
    as_unit = compute(expression, expression.values, _PERCENT_AS_UNIT)
    readings = (value, literal, as_unit)
    return None if any(agrees(one, result, expression) for one in readings) else Judgement(write(value))


_CHANGE = 3  # items of "100 - 20%"


def _is_rounded(value: Fraction, expression: Expression, result: Number) -> bool:
    """Whether a result is a quotient, or an amount with two decimals, rounded to the decimals of the result."""
    divides = not expression.signs.isdisjoint("/|")
    if not result.decimals or not (divides or (result.decimals >= _MONEY_DECIMALS and is_product(expression))):
        return False
    return abs(value - result.value) <= Fraction(1, 2 * 10**result.decimals)


_MONEY_DECIMALS = 2


def _is_truncated(value: Fraction, result: Number) -> bool:
    """Whether a whole result leaves out the decimals of a value that rounds up: `11 / 4 = 2`."""
    rest = value - result.value
    return not result.decimals and result.value >= 0 and Fraction(1, 2) <= rest < 1


def _is_range(text: str, expression: Expression, value: Fraction) -> bool:
    """Whether an expression may be a range of numbers: `5-8 = 4 pages`."""
    return value < 0 and bool(_RANGE.search(text, expression.numbers[0].start, expression.numbers[-1].end))


_RANGE = re.compile(r"[0-9][-–—][0-9]")


def _is_thousandth(value: Fraction, expression: Expression, result: Number) -> bool:
    """Whether the comma of a number may be a decimal one: `1,500 + 1,500 = 3`."""
    return any(number.thousands for number in (result, *expression.numbers)) and (
        value * 1000 == result.value or value == result.value * 1000
    )
