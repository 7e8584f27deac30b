"""Nouns and units of the operands and the result of an equation."""

import re
from fractions import Fraction

from service.paths.calculator.arithmetic import is_product, is_sum
from service.paths.calculator.expressions import Expression, Number
from service.paths.calculator.units import MONEY_UNITS, unit
from service.paths.calculator.vocabulary import CONJUNCTIONS, LINKS, PARTS


def counts_worth(text: str, value: Fraction, expression: Expression, result: Number) -> bool:
    """Whether a sum of things counts their parts, points or worth.

    `4 bicycles + 3 tricycles = 17 wheels` counts parts, `2 adult tickets + 3 child tickets = $45` counts money.
    """
    numbers = expression.numbers
    nouns = [nouns_between(text, number.end, number.end + 40) for number in numbers]
    if not is_sum(expression) or not all(nouns) or abs(result.value) <= abs(value):
        return False
    in_money = unit_of_result(text, result) in MONEY_UNITS
    if in_money and not is_product(expression):
        priced = any(number.money for number in numbers) or MONEY_UNITS & {
            unit(word) for found in nouns for word in found
        }
        if not priced and not any(found[0] in _NO_NOUNS for found in nouns):
            return True
    if len({found[-1] for found in nouns}) < 2:
        return False
    own = nouns_between(text, result.end, result.end + 30)[:1]
    named = any(own[0] in found for found in nouns) if own else any(number.money for number in numbers)
    return not named and (result.money or (bool(own) and own[0] in PARTS))


_NO_NOUNS = LINKS | CONJUNCTIONS


def unit_of_result(text: str, result: Number) -> str:
    """Unit of a result, or an empty string."""
    if result.money:
        return "dollar"
    nouns = nouns_between(text, result.end, result.end + 30)[:3]
    return next(filter(None, map(unit, nouns[: nouns.index("per")] if "per" in nouns else nouns)), "")


def units_of_operands(text: str, expression: Expression) -> list[str]:
    """Unit of every operand. In a mere sum, an operand without a unit has that of the next one."""
    numbers = expression.numbers
    ends = [number.start for number in numbers[1:]] + [numbers[-1].end + 30]
    names = []
    for number, end in zip(numbers, ends, strict=True):
        nouns = nouns_between(text, number.end, min(end, number.end + 40))
        names.append(next(filter(None, map(unit, nouns)), "dollar" if number.money else ""))
    if not is_product(expression):
        for index in range(len(names) - 2, -1, -1):
            names[index] = names[index] or names[index + 1]
    return names


def nouns_between(text: str, start: int, end: int) -> list[str]:
    """Lower-case words up to the next sign."""
    part = re.split(r"[^\w\s'’-]|[0-9]|\s[-–—]\s", text[start:end], maxsplit=1)[0]
    return [word.lower() for word in part.split()[:4]]
