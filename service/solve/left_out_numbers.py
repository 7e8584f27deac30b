"""Numbers of a problem that its programs leave out.

A program that answers another question often leaves out a number. Only digits count: a word such as "two" is often a
circumstance ("the two friends"). A doubtful number counts as used.
"""

import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import islice

from service.paths.calculator.units import named_ratios, unit
from service.paths.numbers import from_decimal
from service.paths.phrase.number_words import scale
from service.paths.program.source import STRING

_MAX_NUMBERS = 100
_DIGITS = re.compile(
    r"(?P<word>[^\W\d]\w*+(?:[.,'_:/][0-9]++)*+)|(?<!\#)(?P<number>(?:(?<!\w)\.)?[0-9]++(?:[.,'_:/ ][0-9]++)*+)"
)
"""Digits with separators of any kind. A name with digits, as "A4" or "v1.2", is a word."""
_NUMBER = re.compile(
    r"(?:(?P<whole>[0-9]{1,9}) )?(?P<top>[0-9]{1,9})/(?P<bottom>[1-9][0-9]{0,8})"
    r"|[0-9]{1,3}(?:,[0-9]{3}){1,6}(?:\.[0-9]{1,20})?|[0-9]{0,20}\.?[0-9]{1,20}"
)
"""Readable digits. Others, such as times and lists without spaces, are left aside."""
_NO_AMOUNT = re.compile(r"(?:st|nd|rd|th)\b|\s?(?:[ap]\.?m\b|o.clock\b)", re.IGNORECASE)
_PERCENT = re.compile(r"[ -]?(?:%|percent\b|per cent\b|pct\b)", re.IGNORECASE)
_UNIT = re.compile(r"[ -]?([A-Za-z]{1,20}|¢)")
_LITERAL = re.compile(
    rf"\#[^\n]*+|(?P<string>{STRING}|\"(?:\\.|[^\"\\\n])*+\"?|'(?:\\.|[^'\\\n])*+'?)|[^\W\d]\w*+"
    r"|(?P<number>(?:[0-9][0-9_]*+(?:\.[0-9_]*+)?|\.[0-9][0-9_]*+)(?:[eE][+-]?[0-9]{1,3})?)",
    re.DOTALL,
)
_QUOTED_NUMBER = re.compile(r"[\"'][0-9./]++[\"']")  # Fraction("1/2")
_MAX_LITERAL_CHARS = 80
_MAX_LITERALS = 1000  # then nothing counts as left out


@dataclass(frozen=True, slots=True)
class GivenNumber:
    """Number in the text of a problem.

    Args:
        text: the number as written.
        values: values that stand for it in a program.
        parts: whole number, numerator and denominator of a written fraction, without a missing or trivial one.
    """

    text: str
    values: frozenset[Fraction]
    parts: frozenset[Fraction] = frozenset()

    def is_used(self, literals: Set[Fraction]) -> bool:
        """Whether a program with these literals uses the number. 0 and 1 need no literal."""
        if not self.values.isdisjoint((0, 1)) or not self.values.isdisjoint(literals):
            return True
        return bool(self.parts and self.parts <= literals) or any(_is_built(value, literals) for value in self.values)


def given_numbers(problem: str) -> tuple[GivenNumber, ...]:
    """Different numbers of a problem in order, at most a hundred. Takes linear time and never raises."""
    found = {number.text: number for number in islice(_given(problem), _MAX_NUMBERS)}
    return tuple(found.values())


def left_out(numbers: Iterable[GivenNumber], programs: Iterable[str]) -> tuple[str, ...]:
    """Numbers that no program uses, as the problem writes them. Takes linear time and never raises.

    Args:
        numbers: numbers of the problem.
        programs: source of each program.
    """
    texts = {text for program in programs for text in _literals(program)}
    if len(texts) > _MAX_LITERALS:
        return ()
    literals = {value for text in texts for value in _value(text)}
    return tuple(number.text for number in numbers if not number.is_used(literals))


def _given(problem: str) -> Iterator[GivenNumber]:
    for found in _DIGITS.finditer(problem):
        written = _NUMBER.fullmatch(found["number"] or "")
        if written is None or _NO_AMOUNT.match(problem, found.end()):
            continue
        parts: frozenset[Fraction] = frozenset()
        if written["top"]:
            value = Fraction(int(written["top"]), int(written["bottom"])) + int(written["whole"] or 0)
            parts = frozenset(Fraction(part) for part in written.groups() if part) - {1}
        else:
            value = Fraction(written[0].replace(",", ""))
        yield GivenNumber(written[0], frozenset(_values(value, problem, found.end())), parts)


def _values(value: Fraction, text: str, end: int) -> Iterator[Fraction]:
    """A number, and the same in other words: a percentage, a scale word, or the usual other unit."""
    yield value
    if _PERCENT.match(text, end):
        yield from (value / 100, 1 + value / 100, 1 - value / 100)
    elif scaled := scale(text, end):
        yield value * scaled[0]
    elif named := _UNIT.match(text, end):
        for ratio in _ratios("cent" if named[1] == "¢" else unit(named[1].lower())):
            yield from (value * ratio, value / ratio)


@cache  # of the names of units
def _ratios(name: str) -> frozenset[Fraction]:
    return frozenset(named_ratios([name])) if name else frozenset()


def _is_built(value: Fraction, literals: Set[Fraction]) -> bool:
    """Whether literals are the parts of a fraction: 3 and 4 of 0.75, 2 of 0.5, or 1 and 2 of 1.5."""
    whole, rest = divmod(value, 1)
    if not rest or rest.denominator not in literals:
        return False
    tops = {value.numerator, rest.numerator} if whole in literals else {value.numerator}
    return any(top == 1 or top in literals for top in tops)


def _literals(program: str) -> Iterator[str]:
    """Numbers in the code of a program, as written. Of its strings, only those that are numbers."""
    for found in _LITERAL.finditer(program):
        if found["number"]:
            yield found["number"]
        elif found["string"] and _QUOTED_NUMBER.fullmatch(found["string"]):
            yield from re.findall(r"[0-9.]++", found["string"])


def _value(literal: str) -> Iterator[Fraction]:
    digits = literal.replace("_", "")
    if len(digits) <= _MAX_LITERAL_CHARS and digits.count(".") <= 1 and digits != ".":
        value = from_decimal(Decimal(digits))
        if value is not None:
            yield value
