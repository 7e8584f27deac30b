"""Steps of a worked text: its equations, judged one by one."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from service.paths.calculator.arithmetic import is_sum
from service.paths.calculator.context import is_approximate, numbers_before
from service.paths.calculator.doubts import is_bare, is_direct, is_doubtful, is_plain_number
from service.paths.calculator.equations import read_clauses
from service.paths.calculator.expressions import Expression, Number, Side
from service.paths.calculator.judging import HOLDS, Judgement, judge, value_of
from service.paths.calculator.latex import PlainText
from service.paths.calculator.readings import hints_of
from service.paths.calculator.repair import replaced_front
from service.paths.calculator.units import has_convertible_units
from service.paths.work import WorkLimitError, limited, spend


@dataclass(frozen=True, slots=True)
class Step:
    """An equation of a text.

    Args:
        text: the equation as it is written.
        should_be: correct result, or None if the equation holds.
    """

    text: str
    should_be: str | None = None

    @property
    def holds(self) -> bool:
        """Whether the equation is true."""
        return self.should_be is None


def read_steps(text: str) -> tuple[Step, ...]:
    """Equations of a text that hold or are false, in order. Never raises.

    The standard order of operations applies, and an error counts once: each equation is judged on its own operands.
    Other equations are left out: those that are approximate, withdrawn, explained by units or context, or not plain
    arithmetic. So are all but the last hundred equals signs, and those that remain when the work limit is exhausted.
    """
    steps: list[Step] = []
    with suppress(WorkLimitError), limited():
        plain = PlainText(text)
        for start, end, judgement in _Judge(_with_slashes(plain.text)).read():
            first, last = plain.span(start, end)
            steps.append(Step(text[first:last], judgement.should_be))
    return tuple(steps)


def _with_slashes(text: str) -> str:
    """Text with slashes for colons that divide: `8 : 2 = 4`. Every character keeps its position."""
    return text if _RATIO.search(text) else _QUOTIENT.sub(r"\1/", text)


_RATIO = re.compile(r"\b(?:ratio|scale|score|odds)", re.IGNORECASE)
_QUOTIENT = re.compile(
    r"((?:^|[=;,(]|\b(?:so|then|and|get|have|makes))[ ]?(?![0-9]{1,2}:[0-9]{2}[ ]?=)[0-9]{1,9}(?:\.[0-9]{1,6})?([ ]?)):"
    r"(?=\2[0-9]{1,9}(?:\.[0-9]{1,6})?[ ]?=)",
    re.MULTILINE | re.IGNORECASE,
)

_Found = tuple[int, int, Judgement]


class _Judge:
    """Judges the equations of one text."""

    def __init__(self, text: str) -> None:
        self.text, self.hints = text, hints_of(text)

    def read(self) -> Iterator[_Found]:
        """Start, end and judgement of every equation that has one."""
        for sides in read_clauses(self.text):
            for index, (left, right) in enumerate(pairwise(sides)):
                if left.expressions and right.expressions:
                    chained = index + 2 < len(sides) and len(right.expressions) == 1
                    found = self._check(left, right, chained)
                    if found:
                        yield found

    def _check(self, left_side: Side, right_side: Side, chained: bool) -> _Found | None:
        """Judge one equals sign: the last expression before it against the first one after it.

        Args:
            left_side: side before it.
            right_side: side after it.
            chained: whether another equals sign follows the expression after it.
        """
        spend(_WORK)
        left, right = left_side.expressions[-1], right_side.expressions[0]
        if not (left.plain and right.plain and is_direct(self.text, left, right)):
            return None
        number, result = left.items[0], right.items[0]
        if left.operators and right.operators:
            return self._check_two_expressions(left, right, chained)
        if left.operators and isinstance(result, Number):
            return self._found(left, right, judge(self.text, left, result, self.hints))
        if not isinstance(number, Number) or not right.operators or len(left_side.expressions) > 1:
            return None
        if not is_plain_number(self.text, number):
            return None
        return self._found(left, right, judge(self.text, right, number, self.hints))

    def _check_two_expressions(self, left: Expression, right: Expression, chained: bool) -> _Found | None:
        """Judge an expression against another one.

        The right one has equal value, is a fraction (`1/2 + 1/3 = 2/5`), a running total (`2 * 3 = 6 + 4 = 10`), or a
        step (`2 * 3 + 4 = 6 + 4`).
        """
        value, other = value_of(self.text, left), value_of(self.text, right)
        if value is None or other is None:
            return None
        if value == other:
            return self._found(left, right, HOLDS)
        first, divides = right.items[0], not left.signs.isdisjoint("/|")
        runs = isinstance(first, Number) and value == first.value
        if divides and len(right.items) == _FRACTION and right.items[1] == "|":
            return None if runs and chained else self._found(left, right, self._as_fraction(left, right, value))
        if not isinstance(first, Number):
            return None
        if runs:
            return self._found(left, Expression([first]), HOLDS) if chained else None
        step = replaced_front(left, right)
        false = step and judge(self.text, step, first, self.hints)
        return self._found(left, right, Judgement(str(value))) if false and false != HOLDS else None

    def _as_fraction(self, left: Expression, right: Expression, value: Fraction) -> Judgement | None:
        """Judgement of a false fraction as the result, or None if words near it may explain it."""
        start, bottom = left.numbers[0].start, right.numbers[-1]
        explained = is_approximate(self.text, left, bottom) or numbers_before(self.text, start)
        return None if explained or not is_bare(self.text, bottom) else Judgement(str(value))

    def _found(self, left: Expression, right: Expression, judgement: Judgement | None) -> _Found | None:
        """Place of an equation with its judgement, or None without one or in doubt."""
        numbers = [*left.numbers, *right.numbers]
        start, end = _span(self.text, left, right)
        words = [*left.words, *right.words]
        if judgement is None or is_doubtful(self.text, start, end, numbers, words):
            return None
        money = any(number.money for number in numbers)
        mixed = has_convertible_units(words, money) or len(_ABBREVIATIONS.intersection(left.words)) > 1
        return None if mixed and (is_sum(left) or is_sum(right)) else (start, end, judgement)


_ABBREVIATIONS = frozenset("ft in yd mi mm cm dm m km mg g dag kg t ml cl dl l oz lb s min h".split())
_WORK = 50  # of the text around an equation
_FRACTION = 3  # items of "2/5"


def _span(text: str, left: Expression, right: Expression) -> tuple[int, int]:
    """Start and end of an equation in the text, with its outer brackets, currency sign and percent sign."""
    start, end = left.numbers[0].start, right.numbers[-1].end
    for item in left.items:
        if item != "(":
            break
        start = max(start - 1, *(text.rfind(bracket, max(0, start - _MAX_GAP), start) for bracket in "([{"))
    for item in reversed(right.items):
        if item != ")":
            break
        end += re.search(r"[)\]}]|\Z", text[end : end + _MAX_GAP]).end()  # type: ignore[union-attr]
    if _MONEY_SIGN.match(text, max(0, start - 2)) and text[end : end + 1] != "$":  # $5 + 3 = 8$ is in math mode
        start -= 1
    return start, end + (text[end : end + 1] == "%")


_MAX_GAP = 8  # between a bracket and the number in it
_MONEY_SIGN = re.compile(r"(?:[^$]|\A)[$€£¥₹](?=[0-9])")
