"""Calculator: finds false results in a rationale and repairs them.

Small students state the right operation and the wrong result, so the operands are trusted. `697 girls - 228 = 516`
becomes 469, and a later `516 + 10` becomes `469 + 10`. A second repair of a text changes nothing.
"""

from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from service.paths.calculator.arithmetic import (
    READINGS,
    agrees,
    compute,
    follows_from_end,
    in_percent,
    is_sum,
    mixes_percent,
    readings_of,
)
from service.paths.calculator.context import is_withdrawn
from service.paths.calculator.equations import read_clauses
from service.paths.calculator.expressions import Expression, Number, Side
from service.paths.calculator.latex import PlainText
from service.paths.calculator.readings import Hints, hints_of, is_explained
from service.paths.calculator.repairs import Repairs
from service.paths.calculator.units import has_convertible_units
from service.paths.numbers import decimals_of, within_limits


def check_equations(text: str) -> Repairs:
    """Check every equation of a text, plain or in LaTeX, in order.

    A result is false only if no reading makes it true. Readings differ in the order of operations, in brackets left
    out, in percent as hundredths or as a unit, in rounding, and in the sign. Units, and words and numbers before the
    equation, make further readings. A result stays if its equation is not plain arithmetic, or is asked, tried or
    taken back. It also stays if the correct result is negative or has endless decimals.
    """
    plain = PlainText(text)
    checker = _Checker(plain.text)
    for sides in read_clauses(plain.text):
        for left, right in pairwise(sides):
            if left.expressions and right.expressions:
                checker.check(left, right)
    repairs = checker.repairs
    repairs.edits, repairs.last_end = plain.edits(repairs.edits), plain.end(repairs.last_end)
    return repairs


class _Checker:
    """Checks the equations of one text, one by one."""

    def __init__(self, text: str) -> None:
        self.text, self.repairs = text, Repairs()

    @cached_property
    def hints(self) -> Hints:
        """Numbers that the text may leave out of its equations."""
        return hints_of(self.text)

    def check(self, left_side: Side, right_side: Side) -> None:
        """Check one equals sign: the last expression before it against the first one after it."""
        left, right = left_side.expressions[-1], right_side.expressions[0]
        if not left.plain or not right.plain:
            return
        result = right.items[0]
        if not isinstance(result, Number):
            return
        if not left.operators:
            self._check_repetition(left, right)
        elif right.operators:
            self._check_two_expressions(left, right)
        else:
            money = result.money or any(number.money for number in left.numbers)
            doubtful = is_sum(left) and has_convertible_units([*left.words, *right.words], money)
            self._check_result(left, result, doubtful)

    def _check_repetition(self, left: Expression, right: Expression) -> None:
        """Repeat the repair of `c` in the second half of `a + b = c = c`."""
        number, repeated = left.items[0], right.items[0]
        if right.operators or not isinstance(number, Number) or not isinstance(repeated, Number):
            return
        edits = self.repairs.edits
        if number.start in edits and repeated.value == number.value:
            edits[repeated.start] = (repeated.end, edits[number.start][1])

    def _check_two_expressions(self, left: Expression, right: Expression) -> None:
        """Check an expression against another one.

        The right one is a running total (`2 * 3 = 6 + 4`), a step (`2 * 3 + 4 = 6 + 4`), or of equal value. Otherwise
        it is marked as not plain.
        """
        values = left.values
        result = right.numbers[0]
        if any(agrees(compute(left, values, reading), result, left) for reading in READINGS):
            right.plain = self._check_result(left, result, doubtful=False)
            return
        carried = self.repairs.carry(left)
        step = replaced_front(left, right)
        if step is not None:
            for number, value in zip(left.numbers, carried, strict=True):
                self.repairs.write(number, value)
            right.plain = self._check_result(step, result, doubtful=False)
            return
        totals = {compute(right, right.values, reading) for reading in READINGS}
        same = any(compute(left, values, reading) in totals for reading in READINGS)
        right.plain = same and values == carried

    def _check_result(self, expression: Expression, result: Number, doubtful: bool) -> bool:
        """Check the result of an expression, and repair it if it is false.

        Args:
            expression: the expression.
            result: its stated result.
            doubtful: whether units may explain the result.

        Returns:
            False if the result is false and cannot be repaired.
        """
        repairs, values = self.repairs, expression.values
        carried = repairs.carry(expression)
        reading = next(
            (r for r in readings_of(expression) if agrees(compute(expression, values, r), result, expression)), None
        )
        if reading is not None and values == carried:
            repairs.confirm(result)
            return True
        if is_withdrawn(self.text, expression.numbers[0].start, result.end):
            return False
        value = None
        if reading is not None or not (doubtful or self._is_explained(expression, result)):
            value = compute(expression, carried, reading or READINGS[0])
        if value is None or not _is_plain(value, endless=reading is not None):
            repairs.confirm(result)  # from here on its number means this result
            return False
        for number, operand in zip(expression.numbers, carried, strict=True):
            repairs.write(number, operand)
        repairs.replace(result, in_percent(value, result))
        return True

    def _is_explained(self, expression: Expression, result: Number) -> bool:
        return (
            mixes_percent(expression)
            or follows_from_end(expression, result)
            or is_explained(self.text, expression, result, self.hints)
        )


def _is_plain(value: Fraction, *, endless: bool = False) -> bool:
    """Whether a number can be the correct result: not negative, and not with endless decimals unless they may be."""
    return value >= 0 and (endless or decimals_of(value) is not None) and within_limits(value)


def replaced_front(left: Expression, right: Expression) -> Expression | None:
    """Front of the left expression that the right one replaces by a number: `2 * 3` in `2 * 3 + 4 = 6 + 4`."""
    tail = right.items[1:]
    front = left.items[: -len(tail)]
    if len(front) < 3 or "(" in left.items or "(" in tail or tail[0] not in ("+", "-"):
        return None
    same = all(
        one.value == other.value if isinstance(one, Number) and isinstance(other, Number) else one == other
        for one, other in zip(left.items[-len(tail) :], tail, strict=True)
    )
    return Expression(front, operators=len(front) // 2) if same else None
