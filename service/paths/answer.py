"""Answers as exact values that the vote can compare.

Answers of equal value are equal in any notation: 51, "51 dollars" and "$51", or 1/2 and 0.5, or "twelve apples" and
12. Times, ratios and dates are values of their own. Expressions are not evaluated.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from service.paths.numbers import decimals_of, from_decimal, from_float, within_limits, write
from service.paths.phrase.choice import read_phrase
from service.paths.phrase.clauses import sentences_of
from service.paths.phrase.named_values import name, word_answer
from service.paths.phrase.notation import plain
from service.paths.phrase.numerals import TOO_LARGE
from service.paths.work import TOO_MUCH_WORK, WorkLimitError, limited, spend
from service.sandbox.base import Value

_MAX_PHRASE_CHARS = 400
_MAX_PLAIN_CHARS = 600  # plain notation can be longer
_MAX_NESTING = 8
_MAX_WORK = 3_000  # of one phrase
_WORK = 60  # of a phrase without quantities
_SHORT_DIGITS = 12


class Unit(StrEnum):
    """Units in which one amount has two numbers: 28 % is 0.28, and 350 cents are 3.50 dollars."""

    PERCENT = "percent"
    DOLLAR = "dollar"
    CENT = "cent"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """An answer. Two answers are equal if their values are equal, or, without values, their texts.

    Args:
        text: canonical form ("51", "1/3", "0.5", "yes", "B", "3:30 pm", "2:3").
        value: exact number, or None for yes, no, option letters, times, ratios, dates and names of days and months.
        decimals: decimals that the text writes, 0 for exact notations. They do not count for equality.
        unit: unit that can change the number. It does not count for equality.
    """

    text: str
    value: Fraction | None
    decimals: int = 0
    unit: Unit | None = None

    @property
    def is_yes_no(self) -> bool:
        """Whether the answer is yes or no."""
        return self.value is None and self.text in ("yes", "no")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Answer) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> Fraction | str:
        return self.text if self.value is None else self.value


@dataclass(frozen=True, slots=True)
class Reading:
    """Result of reading a phrase.

    Args:
        answer: the answer, or None.
        reason: reason for a missing answer in a few words, else empty.
    """

    answer: Answer | None
    reason: str = ""


def parse_answer(text: str) -> Answer | None:
    """Answer that a phrase states, or None. Never raises."""
    return read_answer(text).answer


def read_answer(text: str) -> Reading:
    """Read the answer that a phrase states. Never raises.

    Only the first sentence of the first 400 characters counts. It states an option letter, yes or no, the name of a
    day or month, or the quantity that `phrase.choose` finds. A quantity is read whole or not at all, and several
    different values are not an answer. A percent sign is a unit: "50%" and "50" are equal.
    """
    try:
        with limited(_MAX_WORK):
            return _read(text)
    except WorkLimitError:
        return Reading(None, TOO_MUCH_WORK)


def _read(text: str) -> Reading:
    spend(_WORK)
    # Word problems ask "what percentage" and expect 50, so 50% is not 0.5.
    phrase = plain(_beginning(text))[:_MAX_PLAIN_CHARS]
    sentence = sentences_of(phrase)[0]
    word = word_answer(sentence) or name(sentence)
    if word is not None:
        return Reading(Answer(word, None))
    found = read_phrase(phrase)
    if isinstance(found, str):
        return Reading(None, found)
    if found.value is None:
        return Reading(Answer(found.text, None))
    answer = _from_fraction(found.value, found.decimals, Unit(found.unit) if found.unit else None)
    return Reading(answer) if answer else Reading(None, TOO_LARGE)


def answer_from_value(value: Value) -> Answer | None:
    """Answer of a program's result, or None.

    A float is the number that it approximates (`numbers.from_float`), and a boolean is yes or no. A string goes
    through `parse_answer`. A list of one element is that element. Any other list has no answer.
    """
    for _ in range(_MAX_NESTING):  # a solved equation is a list of one element
        if not isinstance(value, list):
            break
        if len(value) != 1:
            return None
        value = value[0]
    if isinstance(value, bool):
        return _YES if value else _NO
    if isinstance(value, str):
        return parse_answer(value)
    if isinstance(value, float):
        exact = from_float(value)
        return None if exact is None else _from_fraction(exact, _decimals_of_float(value, exact))
    if isinstance(value, Decimal):
        exact = from_decimal(value)
        short = exact is not None and len(value.as_tuple().digits) <= _SHORT_DIGITS
        return _from_fraction(exact, max(0, -int(value.as_tuple().exponent)) if short else 0)
    if isinstance(value, int | Fraction):
        return _from_fraction(Fraction(value))
    return None


_YES = Answer("yes", None)
_NO = Answer("no", None)
_LAST_WORD = re.compile(r"\S*\Z")


def _beginning(text: str) -> str:
    """Part of a text that can state its answer, without a word that the length limit cuts."""
    if len(text) <= _MAX_PHRASE_CHARS:
        return text
    return (
        _LAST_WORD.sub("", text[:_MAX_PHRASE_CHARS])
        if not text[_MAX_PHRASE_CHARS].isspace()
        else text[:_MAX_PHRASE_CHARS]
    )


def _from_fraction(value: Fraction | None, decimals: int = 0, unit: Unit | None = None) -> Answer | None:
    if value is None or not within_limits(value):
        return None
    text = write(value)
    if "." in text and from_decimal(Decimal(text)) != value:  # more digits than a written decimal can hold
        text = f"{value.numerator}/{value.denominator}"
    return Answer(text, value, decimals, unit)


def _decimals_of_float(number: float, value: Fraction) -> int:
    """Decimals of a float that is a short decimal, and 0 for one that holds round-off."""
    short = len(Decimal(repr(number)).as_tuple().digits) <= _SHORT_DIGITS
    return (decimals_of(value) or 0) if short and Fraction(repr(number)) == value else 0
