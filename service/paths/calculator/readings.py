"""Readings of equations beyond plain arithmetic.

The text around an equation can change it: `5 more than 3 * 2 = 11`, `45 + 45 = 1.5 hours`, `A third of 30 + 6 = 16`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise

from service.paths.calculator.arithmetic import MAX_OPERATORS, READINGS, compute, is_product, is_sum
from service.paths.calculator.context import counts_near, is_approximate, is_average, numbers_before, words
from service.paths.calculator.expressions import Expression, Number
from service.paths.calculator.nouns import counts_worth, unit_of_result, units_of_operands
from service.paths.calculator.units import is_ratio, ratios, unit, worths
from service.paths.calculator.vocabulary import CYCLES, SCALE_WORDS
from service.paths.numbers import decimals_of
from service.paths.work import spend

_STANDARD = READINGS[0]
_WORK = 220  # of the text around an equation
_WORK_PER_VALUE = 4


@dataclass(slots=True)
class Hints:
    """Numbers that a text may leave out of its equations.

    Args:
        factors: factors, such as 1,000 where the text has the word "thousand".
        moduli: numbers after "mod".
    """

    factors: set[int]
    moduli: set[int]


def hints_of(text: str) -> Hints:
    """Hints of a text."""
    written = text.lower()
    named = [word for word in SCALE_WORDS if word in written and re.search(rf"\b{word}\b", written)]
    factors = {SCALE_WORDS[word] for word in named} | ({100} if "%" in text else set())
    return Hints(factors, {int(found[1]) for found in islice(_MODULUS.finditer(text), _MAX_MODULI)})


_MAX_MODULI = 20
_MODULUS = re.compile(r"\bmod(?:ulo)?\s?([1-9][0-9]{0,5})", re.IGNORECASE)


def is_explained(
    text: str, expression: Expression, result: Number, hints: Hints, *, brackets_left_out: bool = True
) -> bool:
    """Whether a reading of an equation makes its result true.

    Args:
        text: the text.
        expression: the expression.
        result: its stated result.
        hints: hints of the text.
        brackets_left_out: whether the text may leave out brackets: `5 + 3 * 2 = 16`.
    """
    spend(_WORK)
    value = compute(expression, expression.values, _STANDARD)
    if value is None:
        return True
    results = [result, *(Number(joined, 0, 0) for joined in _joined_results(text, result))]
    return (
        any(_is(reading, one) for reading in _readings(text, expression, value, brackets_left_out) for one in results)
        or _differs_by_ratio(text, value, expression, result, hints)
        or _is_converted(text, expression, result)
        or (_is(value / len(expression.numbers), result) and is_average(text, expression.numbers[0].start, result.end))
        or (is_sum(expression) and _is_for_each(text, value, expression, result))
        or counts_worth(text, value, expression, result)
        or (_is_rounded(value, result.value) and is_approximate(text, expression, result))
    )


def _is(value: Fraction | None, result: Number) -> bool:
    """Whether a value is a result, or rounds to its decimals. The sign does not matter."""
    spend(_WORK_PER_VALUE)
    if value is None:
        return False
    if value.denominator == result.value.denominator and abs(value.numerator) == abs(result.value.numerator):
        return True
    if not result.decimals:
        return False
    return 2 * abs(abs(value) - abs(result.value)) <= Fraction(1, 10 ** min(result.decimals, 6))


def _readings(text: str, expression: Expression, value: Fraction, brackets_left_out: bool) -> Iterator[Fraction | None]:
    """Values of an expression with what stands before it."""
    yield value
    yield from _other_first_operands(text, expression)
    if expression.operators > MAX_OPERATORS:
        return
    yield with_implicit_products(text, expression)
    if brackets_left_out:
        yield from _bracketed(expression)
    first, *rest = expression.values
    for number in _combined([number for number, _ in numbers_before(text, expression.numbers[0].start)]):
        yield from _related(number, value)
        for operand in _related(number, first):
            yield compute(expression, [operand, *rest], _STANDARD)


def _related(number: Fraction, value: Fraction) -> Iterator[Fraction]:
    """Values that relate a number to another one: 5 more than, 20% of, 20% off, a third of."""
    yield from (number + value, number - value, number * value, (1 - number) * value, (1 + number) * value)
    if number and value:
        yield from (value / number, number / value)


def _combined(numbers: list[Fraction]) -> set[Fraction]:
    """Sums and products of the last of some numbers: two thirds, 2 and a half, 3 boxes of 12."""
    combined = set()
    for count in range(1, len(numbers) + 1):
        total, product = Fraction(0), Fraction(1)
        for number in numbers[-count:]:
            total, product = total + number, product * number
        combined |= {total, product}
    return combined


def _bracketed(expression: Expression) -> Iterator[Fraction | None]:
    """Values of an expression with a bracket around any two neighbouring operands."""
    if expression.operators < 2:
        return
    items = expression.items
    for index in range(1, len(items) - 1):
        if isinstance(items[index - 1], Number) and isinstance(items[index + 1], Number):
            inside = [*items[: index - 1], "(", *items[index - 1 : index + 2], ")", *items[index + 2 :]]
            yield compute(Expression(inside), expression.values, _STANDARD)


def with_implicit_products(text: str, expression: Expression) -> Fraction | None:
    """Value of an expression whose products without a sign come first: `6 / 2(1 + 2) = 1`."""
    items: list[Number | str] = []
    depth, ends = 0, set()
    for index, item in enumerate(expression.items):
        if isinstance(item, Number) and expression.items[index + 1 : index + 3] == ["*", "("] and text[item.end] == "(":
            items.append("(")
            ends.add(depth)
        items.append(item)
        depth += {"(": 1, ")": -1}.get(str(item), 0)
        if item == ")" and depth in ends:
            items.append(")")
            ends.remove(depth)
    return compute(Expression(items), expression.values, _STANDARD)


def _other_first_operands(text: str, expression: Expression) -> Iterator[Fraction | None]:
    """Values of an expression whose first operand begins before it, has a sign, or is a list's number."""
    first, *rest = expression.values
    start, end = expression.numbers[0].start, expression.numbers[0].end
    prefix, digits = text[max(0, start - 20) : start], text[start:end]
    if _DASH.search(prefix):
        yield compute(expression, [-first, *rest], _STANDARD)  # - 3 + 5 = 2
    group, point = _GROUP_BEFORE.search(prefix), _POINT_BEFORE.search(prefix)
    if group and digits[:3].isdigit():
        yield compute(expression, [first + 1000 * int(group[1]), *rest], _STANDARD)  # 14, 400 / 80 = 180
    if point and digits.isdigit() and len(digits) < _MAX_DECIMALS:
        yield compute(expression, [Fraction(f"{point[1]}.{digits}"), *rest], _STANDARD)  # 4. 50 * 2 = 9
    tail = Expression(expression.items[2:], operators=expression.operators - 1)
    if _LINE_START.search(prefix) and expression.items[1] == "-" and tail.operators and "(" not in tail.items:
        yield compute(tail, tail.values, _STANDARD)  # 3 - 4 + 5 = 9, where 3 is the number of a list
    if any(number.decimals == 3 for number in expression.numbers):  # 2.500 + 500 = 3.000
        yield compute(expression, [n.value * (1000 if n.decimals == 3 else 1) for n in expression.numbers], _STANDARD)


_MAX_DECIMALS = 7
_DASH = re.compile(r"[-−–—]\s{0,2}\$?\Z")
_GROUP_BEFORE = re.compile(r"(?<![\w.,])([0-9]{1,3})[,\s'’]\s?\$?\Z")
_POINT_BEFORE = re.compile(r"(?<![\w.,])([0-9]{1,12})\.\s\Z")
_LINE_START = re.compile(r"(?:^|\n)[\s#*]{0,4}\Z|\b[Nn]o\.\s\Z")


def _joined_results(text: str, result: Number) -> Iterator[Fraction]:
    """Values of a result with digits after a gap: `17 000`, `1, 250`, `4. 50`."""
    found = _GROUPS.match(text, result.end)
    if found and not result.decimals:
        yield Fraction(f"{result.value}{re.sub('[^0-9]', '', found[1])}{found[2]}")
    found = _DECIMALS.match(text, result.end)
    if found and not result.decimals:
        yield Fraction(f"{result.value}.{found[1]}")
    if result.decimals == 3:
        yield result.value * 1000


_GROUPS = re.compile(r"((?:(?:[ \u00a0\u202f\u2009'’_]|, )[0-9]{3}(?![0-9])){1,4})((?:\.[0-9]{1,6})?)")
_DECIMALS = re.compile(r"\. ([0-9]{1,6})(?![0-9])")


def _differs_by_ratio(text: str, value: Fraction, expression: Expression, result: Number, hints: Hints) -> bool:
    """Whether a result is in another unit, leaves out a scale word, or counts round a clock."""
    if not value or not result.value:
        return False
    near = words(text, expression.numbers[0].start, result.end)
    ratio = abs(value / result.value)
    ratio = max(ratio, 1 / ratio)
    if ratio in hints.factors or (is_ratio(ratio) and ratio in _ratios_near(text, expression, result, near)):
        return True
    moduli = hints.moduli | {modulus for word in near & CYCLES.keys() for modulus in CYCLES[word]}
    return any((value - result.value) % modulus == 0 for modulus in moduli)


def _ratios_near(text: str, expression: Expression, result: Number, near: set[str]) -> set[Fraction]:
    """Ratios between the units of an equation and of the words near it."""
    of_operands = {*units_of_operands(text, expression)} - {""}
    own = unit_of_result(text, result)
    power = 2 if near & {"square", "sq", "area"} else 3 if near & {"cubic", "volume"} else 1
    return ratios({unit(word) for word in near} - {""}, of_operands, own, power)


def _is_converted(text: str, expression: Expression, result: Number) -> bool:
    """Whether an equation holds after its units are converted: `2 hours + 30 minutes = 150 minutes`.

    Amounts before a sum can belong to it: `1 hour and 45 + 30 = 135 minutes`.
    """
    names = units_of_operands(text, expression)
    own = unit_of_result(text, result)
    total = is_sum(expression)
    products = is_product(expression)
    if not products:
        names = [name or own for name in names]
    if not any(names) or not (products or all(names)):
        return False
    before = [(number, unit(noun)) for number, noun in numbers_before(text, expression.numbers[0].start) if unit(noun)]
    found = worths([*filter(None, names), own or ("dollar" if total else ""), *(name for _, name in before)])
    if found is None:
        return False
    worth = iter(found)
    values = [value * next(worth) if name else value for value, name in zip(expression.values, names, strict=True)]
    value = compute(expression, values, _STANDARD)
    own_worth = next(worth)
    amounts = sum((number * one for (number, _), one in zip(before, worth, strict=True)), Fraction(0))
    if value is None:
        return False
    return any(_is(one / own_worth, result) for one in (value, value + amounts)) or (not own and _is(value, result))


def _is_for_each(text: str, value: Fraction, expression: Expression, result: Number) -> bool:
    """Whether counts in the sentence multiply or divide a value: `For 3 people, $8 + $2 = $30`."""
    counts = counts_near(text, expression, result.end)
    factors = {*counts, *(one * other for one, other in pairwise(counts))}
    return any(result.value in (value * factor, value / factor) for factor in factors)


def _is_rounded(value: Fraction, result: Fraction) -> bool:
    """Whether a result is a value rounded at its last place that is not zero. Multiples of 5 can be steps of 5."""
    decimals = decimals_of(result)
    if decimals is None:
        return False
    step = Fraction(1, 10**decimals)
    if not decimals and result:
        digits = str(result.numerator)
        step *= 10 ** (len(digits) - len(digits.rstrip("0")))
    return abs(abs(value) - abs(result)) < (step * 5 if result % (step * 5) == 0 else step)
