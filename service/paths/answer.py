"""Answers as exact values that the vote can compare.

Answers of equal value are equal in any notation: 51, 51.0, "51 dollars" and "$51", or 1/2 and 0.5, or "twelve apples"
and 12. Units, currency signs and thousands separators do not count. Units are not converted, and expressions are not
evaluated.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from service.paths.numbers import from_decimal, from_float, within_limits, write
from service.sandbox.base import Value

_MAX_PHRASE_CHARS = 400
_MAX_NESTING = 8


class Unit(StrEnum):
    """Units in which one amount has two numbers: 28 % is 0.28, and 350 cents are 3.50 dollars."""

    PERCENT = "percent"
    DOLLAR = "dollar"
    CENT = "cent"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """An answer. Two answers are equal if their values are equal, or, without values, their texts.

    Args:
        text: canonical form ("51", "1/3", "0.5", "yes", "B").
        value: exact number, or None for yes, no and option letters.
        decimals: decimals that the text writes, 0 for exact notations. They do not count for equality.
        unit: unit that can change the number. It does not count for equality.
    """

    text: str
    value: Fraction | None
    decimals: int = 0
    unit: Unit | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Answer) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> Fraction | str:
        return self.text if self.value is None else self.value


def parse_answer(text: str) -> Answer | None:
    """Answer that a phrase states, or None. Never raises.

    Only the first 400 characters count. The first match in this order is the answer:

    1. an option letter, yes or no at the start of the phrase,
    2. the first number after the last equals sign of the first line,
    3. a number word.

    Clock times and ratios (3:30), dates, and expressions (12 * 3) are not answers. A percent sign is a unit: "50%",
    "50 percent" and "50" are equal.
    """
    # Word problems ask "what percentage" and expect 50, so 50% is not 0.5.
    phrase = text[:_MAX_PHRASE_CHARS].translate(_PLAIN)
    phrase = _LATEX_FRACTION.sub(r" \1/\2 ", phrase.replace("\\$", "$").replace("{,}", ","))
    phrase = phrase.strip(" \t\r\n*\"'`:")
    first_line = phrase.split("\n", 1)[0]
    word = _parse_word(first_line)
    if word is not None:
        return word
    sides = [side for side in first_line.split("=") if side.strip()]
    return _parse_number(sides[-1], cut=len(text) > _MAX_PHRASE_CHARS) if sides else None


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
        return _from_fraction(from_float(value))
    if isinstance(value, Decimal):
        return _from_fraction(from_decimal(value))
    if isinstance(value, int | Fraction):
        return _from_fraction(Fraction(value))
    return None


_YES = Answer("yes", None)
_NO = Answer("no", None)
_BY_WORD = {"yes": _YES, "true": _YES, "no": _NO, "false": _NO}

_FRACTIONS = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5",
    "⅙": "1/6", "⅚": "5/6", "⅐": "1/7", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8", "⅑": "1/9", "⅒": "1/10",
}  # fmt: skip
_PLAIN = str.maketrans(
    {sign: f" {plain} " for sign, plain in _FRACTIONS.items()}
    | dict.fromkeys("−–‐‑‒—﹣－", "-")
    | dict.fromkeys("\u00a0\u2007\u2009\u202f", "\u00a0")
    | {"⁄": "/", "∕": "/", "÷": "/", "×": "*", "·": "*", "≈": "="}
)
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\{(\d{1,60})\}\{(\d{1,60})\}")

_CHOICE = re.compile(r"(?:(?:option|choice)\s+)?(?:\(([A-Ea-e])\)|([A-E])(?:[).:]|\s*$))(?![A-Za-z])")
_YES_NO = re.compile(r"(yes|no|true|false)\s*(?:[.,;:!\n]|$)", re.IGNORECASE)

_NUMBER = re.compile(
    r"""(?P<sign>(?:(?<![A-Za-z0-9)%])-|\b(?:minus|negative)\b)\s{0,3})? [$€£¥₹]?\s{0,3} (?P<inner>-\s?)?
    (?P<whole>[0-9]{1,3}(?:[,\u00a0][0-9]{3})+(?![0-9]) | [0-9]+ | (?=\.[0-9]))
    (?P<decimals>\.[0-9]+)?
    (?: [eE](?P<exponent>[+-]?[0-9]+)(?![A-Za-z0-9])
      | \s{0,3}(?:\*|x|\\times)\s{0,3}10\s?(?:\^|\*\*)\s?\{?(?P<power>-?[0-9]+)\}?
      | \s{1,3}(?:and\s)?(?P<top>[0-9]+)/(?P<bottom>[0-9]+)
      | \s?/\s?(?P<denominator>[0-9]+(?:\.[0-9]+)?)
    )?
    (?:\s?(?P<scale>thousand|million|billion|trillion)\b)?""",
    re.VERBOSE | re.IGNORECASE,
)
_NOT_A_NUMBER_AFTER = re.compile(r"\s{0,3}(?::[0-9]|/\s?[0-9]|[+*^]\s{0,3}[$0-9(]|\s-\s{0,3}[$0-9(]|x\s{0,3}[0-9])")
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

_TO_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_WORDS = {word: number for number, word in enumerate(_TO_TWENTY.split())}
_NUMBER_WORD = re.compile(
    r"(?<![\w-])(minus |negative )?(" + "|".join(_WORDS) + r")\b(?![-'’])(?:\s+([a-z]+))?", re.IGNORECASE
)
_CHANGES_THE_NUMBER = re.compile(
    r"hundred|thousand|million|billion|half|halves|(?:third|quarter|fourth|fifth|sixth|eighth|tenth)s?|point|and|"
    + _TO_TWENTY.replace(" ", "|"),
    re.IGNORECASE,
)


def _parse_word(phrase: str) -> Answer | None:
    choice = _CHOICE.match(phrase)
    if choice:
        return Answer((choice[1] or choice[2]).upper(), None)
    yes_no = _YES_NO.match(phrase)
    return _BY_WORD[yes_no[1].lower()] if yes_no else None


def _parse_number(phrase: str, *, cut: bool) -> Answer | None:
    found = _NUMBER.search(phrase)
    if found is None:
        return _parse_number_word(phrase)
    if _NOT_A_NUMBER_AFTER.match(phrase, found.end()) or (cut and found.end() == len(phrase)):
        return None
    value = _read(found)
    return _from_fraction(value)


def _read(found: re.Match[str]) -> Fraction | None:
    if found.end() - found.start() > 120:
        return None
    whole = found["whole"].replace(",", "").replace("\u00a0", "")
    decimals = found["decimals"] or ""
    exponent = found["exponent"] or found["power"] or "0"
    if len(exponent) > 4 or not -60 <= int(exponent) <= 60:
        return None
    value = from_decimal(Decimal(f"{whole or 0}{decimals}e{exponent}"))
    if value is None:
        return None
    for top, bottom in ((found["top"], found["bottom"]), (None, found["denominator"])):
        if bottom is not None:
            divisor = Fraction(bottom)
            if not divisor:
                return None
            value = value + Fraction(top) / divisor if top is not None else value / divisor
    if found["scale"]:
        value *= _SCALES[found["scale"].lower()]
    return -value if found["sign"] or found["inner"] else value


def _parse_number_word(phrase: str) -> Answer | None:
    found = _NUMBER_WORD.search(phrase)
    if found is None or _CHANGES_THE_NUMBER.fullmatch(found[3] or ""):
        return None
    number = Fraction(_WORDS[found[2].lower()])
    return _from_fraction(-number if found[1] else number)


def _from_fraction(value: Fraction | None) -> Answer | None:
    return None if value is None or not within_limits(value) else Answer(write(value), value)
