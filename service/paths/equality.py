"""Equality of answers in a vote and with a gold answer.

`merge` has the rule. Its result is a partition, so equality is an equivalence relation. It depends on the set of the
answers, never on their order.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from service.paths.answer import Answer, Unit, parse_answer
from service.paths.work import spend


@dataclass(frozen=True, slots=True)
class AnswerClass:
    """Answers that count as one.

    Args:
        stated: the values that the class stands for: one number, or two that differ only in their named units.
        rounded: written decimals that `stated` rounds to.
    """

    stated: frozenset[Answer]
    rounded: frozenset[Answer] = frozenset()


def merge(answers: Iterable[Answer]) -> tuple[AnswerClass, ...]:
    """Partition of answers into classes.

    1. Equal values are one answer in any notation.
    2. A unit is named if each answer of a value has it. Two values are one amount if one is a hundredth of the other,
       and their units are percent and none, or cents and dollars. So 28 % is 28 if 28 is among the answers. Otherwise
       it is 0.28.
    3. A decimal is written if each answer of its value has two decimals or more and one of them is not zero. It joins
       the exact amount that is at most half a unit of its last place away, if there is only one. If there is none, it
       joins the longer decimal that is so near, if there is only one that has not joined another amount itself.

    Rule 3 takes the decimals from the finest to the coarsest. So 33.33 can join 33.333, but 33.33 % is finer.
    """
    by_value: dict[Answer, list[Answer]] = {}
    for answer in answers:
        spend(_WORK)
        by_value.setdefault(answer, []).append(answer)
    by_amount: dict[tuple[str, Fraction | str], list[_Number]] = {}
    for members in by_value.values():
        number = _Number.of(members)
        by_amount.setdefault(number.amount, []).append(number)
    amounts = _Amounts()
    for numbers in sorted(by_amount.values(), key=_coarseness):
        amounts.add(numbers)
    return tuple(AnswerClass(frozenset(stated), frozenset(rounded)) for stated, rounded in amounts.classes)


def matches(answer: Answer, gold: str) -> bool:
    """Whether an answer is right: whether it and gold are one class, and one amount in their named units.

    10/3 matches "3.33", but neither "3" nor "3.3". A time of a full hour also matches the bare number of the hour.
    """
    target = parse_gold(gold)
    return target is not None and (_is_one_amount((answer, target)) or _is_hour(answer, gold.strip()))


def agree(one: Answer, other: Answer) -> bool:
    """Whether two answers are one class, and one amount in their named units."""
    return _is_one_amount((one, other))


def may_be_rounded(one: Answer, other: Answer) -> bool:
    """Whether two unequal numbers may be one, because one of them is rounded or cut: 3.3 or 3.4 and 10/3, but not 3.

    An integer is at most half a unit and 5 % away. A decimal is less than a unit of its last place and 15 % away. A
    percentage also counts as a share.
    """
    return any(_is_near(*pair) for pair in ((one, other), (_as_share(one), other), (one, _as_share(other))))


def may_be_other_notation(one: Answer, other: Answer) -> bool:
    """Whether two numbers have the same digits, and one has a point where the other may have a thousands separator."""
    return any(
        part.decimals == 3 and abs(part.value) >= 1 and part.value * 1000 == whole.value
        for part, whole in ((one, other), (other, one))
        if part.value is not None
    )


def are_equal(texts: Sequence[str]) -> bool:
    """Whether all texts state one answer or have the same words. 5 cents are not 5 dollars."""
    answers = [answer for text in texts if (answer := parse_gold(text)) is not None]
    is_one_answer = len(answers) == len(texts) and _is_one_amount(answers)
    return is_one_answer or len({_words(text) for text in texts}) == 1


def parse_gold(text: str) -> Answer | None:
    """Answer that a gold label states, or None. "2 (hours)" and "30 (minutes)" together are 2.5."""
    return parse_answer(_PART.sub(r"\1 \2", text).replace(";", " and ") if ";" in text else text)


def is_written_decimal(answer: Answer) -> bool:
    """Whether an answer is a decimal that can be a rounded number: two decimals or more, and one is not zero."""
    return answer.decimals >= _MIN_DECIMALS and answer.value is not None and answer.value.denominator > 1


def _is_one_amount(answers: Sequence[Answer]) -> bool:
    """Whether answers are one class, and those with different named units are one amount on one scale."""
    if len(merge(answers)) != 1:
        return False
    units = {answer.unit for answer in answers if answer.unit and answer.value}
    if units == {Unit.CENT, Unit.DOLLAR}:
        return len(merge(_in_dollars(answer) for answer in answers if answer.unit)) == 1
    return len(units) <= 1


def _as_share(answer: Answer) -> Answer:
    """Percentage as a share of 1."""
    if answer.unit is not Unit.PERCENT or answer.value is None:
        return answer
    return replace(answer, value=answer.value / 100, decimals=answer.decimals + 2, unit=None)


def _is_near(one: Answer, other: Answer) -> bool:
    if not one.value or not other.value:
        return False
    gap, least = abs(one.value - other.value), min(abs(one.value), abs(other.value))
    for answer in (one, other):
        unit = Fraction(1, 10**answer.decimals)
        if not gap or (answer.value or gap) % unit:
            continue
        if gap <= unit / 2 and gap <= _MAX_ROUNDING * least:
            return True
        if answer.decimals and gap < unit and gap <= _MAX_CUT * least:
            return True
    is_alike = one.decimals == other.decimals >= _MIN_DECIMALS
    return is_alike and _are_rounded_and_cut(abs(one.value), abs(other.value), unit)


def _are_rounded_and_cut(one: Fraction, other: Fraction, unit: Fraction) -> bool:
    """Whether two neighbours are one simple fraction, rounded and cut: 26.67 and 26.66."""
    if abs(one - other) != unit:
        return False
    low, high = sorted((one, other))
    simple = (low + unit * 3 / 4).limit_denominator(_MAX_DENOMINATOR)
    return low + unit / 2 <= simple < high


def _in_dollars(answer: Answer) -> Answer:
    """Amount of cents or dollars as a number of dollars."""
    if answer.unit is not Unit.CENT or answer.value is None:
        return replace(answer, unit=None)
    return replace(answer, value=answer.value / 100, decimals=answer.decimals and answer.decimals + 2, unit=None)


def _is_hour(answer: Answer, digits: str) -> bool:
    """Whether an answer is a full hour, and digits its hour: 9:00 am and 9, or 6:00 pm and 18."""
    hour = parse_answer(f"{digits}:00") if digits.isdecimal() else None
    return hour is not None and answer.text in (hour.text, f"{hour.text} am", f"{hour.text} pm")


def _words(text: str) -> str:
    """Words and signs of a text in one case, without spaces, quotes, emphasis and a full stop around them."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip("*_\"'`“”‘’$. ")


_WORK = 15  # of an answer
_MIN_DECIMALS = 2
_MAX_ROUNDING = Fraction(1, 20)
_MAX_CUT = Fraction(3, 20)
_MAX_DENOMINATOR = 12
_PART = re.compile(r"([0-9]) ?\(([^()]*)\)")  # "2 (hours)"
_SCALES = {
    frozenset({None}): ("share", 1),
    frozenset({Unit.PERCENT}): ("share", 100),
    frozenset({Unit.DOLLAR}): ("money", 1),
    frozenset({Unit.CENT}): ("money", 100),
}


@dataclass(frozen=True, slots=True)
class _Number:
    """Answers of one value.

    Args:
        answer: one of them.
        half_unit: half a unit of the last place of a written decimal, or 0.
        scales: names of the scales on which it has a place, each with the number of its units in one unit of the scale.
    """

    answer: Answer
    half_unit: Fraction
    scales: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, members: list[Answer]) -> "_Number":
        half_unit = Fraction(0)
        if all(map(is_written_decimal, members)):
            half_unit = Fraction(1, 2 * 10 ** max(member.decimals for member in members))
        named = _SCALES.get(frozenset(member.unit for member in members))
        return cls(members[0], half_unit, (("number", 1), *([named] if named else [])))

    @property
    def amount(self) -> tuple[str, Fraction | str]:
        """Key that is equal for two values of one amount."""
        if self.answer.value is None:
            return "text", self.answer.text
        scale, parts = self.scales[-1]
        return scale, self.answer.value / parts


def _coarseness(numbers: list[_Number]) -> tuple[Fraction, Fraction, str]:
    """Sort key of an amount: 0 and exact amounts first, then the longest decimals."""
    if any(not number.half_unit for number in numbers):
        return Fraction(0), Fraction(0), ""
    finest = min(number.half_unit / number.scales[-1][1] for number in numbers)
    return finest, min(number.half_unit for number in numbers), min(number.answer.text for number in numbers)


class _Amounts:
    """Amounts that coarser decimals can join, and their classes. Exact amounts come first."""

    def __init__(self) -> None:
        self.classes: list[tuple[list[Answer], list[Answer]]] = []
        self._exact = 0
        self._places: list[tuple[str, Fraction, int]] = []

    def add(self, numbers: list[_Number]) -> None:
        """Add an amount, to the class that it is rounded from or as a new class."""
        answers = [number.answer for number in numbers]
        if all(number.half_unit for number in numbers):
            near = {found for number in numbers for found in self._near(number)}
            near = {found for found in near if found < self._exact} or near
            if len(near) == 1:
                self.classes[near.pop()][1].extend(answers)
                return
        else:
            self._exact += 1
        self.classes.append((answers, []))
        for number in numbers:
            if number.answer.value is not None:
                for scale, parts in number.scales:
                    insort(self._places, (scale, number.answer.value / parts, len(self.classes) - 1))

    def _near(self, number: _Number) -> Iterable[int]:
        """Classes at most half a unit of the last place away, on each scale."""
        value, half_unit = number.answer.value, number.half_unit
        assert value is not None
        for scale, parts in number.scales:
            first = bisect_left(self._places, (scale, (value - half_unit) / parts, -1))
            last = bisect_right(self._places, (scale, (value + half_unit) / parts, len(self.classes)))
            yield from (found for _, _, found in self._places[first:last])
