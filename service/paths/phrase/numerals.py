"""Numbers without sign and unit, in digits or in words.

A numeral takes its exponent, its fraction, its scale words, and the parts below them.
"""

import re
from dataclasses import dataclass, field, replace
from fractions import Fraction

from service.paths.phrase import number_words
from service.paths.phrase.digits import DIGITS, MAX_DIGITS, power, read_digits, repeating
from service.paths.phrase.measures import ratios

NOT_READ = "a number in a notation that is not read"
TOO_LARGE = "a number beyond the limits"
SHARES = {"half": Fraction(1, 2), "third": Fraction(1, 3), "quarter": Fraction(1, 4)}


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number in a text.

    Args:
        end: position behind it.
        value: exact number, or None.
        decimals: written decimals, 0 for exact notations.
        ratios: ratio on each scale of a unit within the numeral ("an hour and a half").
        weak: whether it is the word "one", which can be a pronoun.
        problem: reason for a missing value.
    """

    end: int
    value: Fraction | None = None
    decimals: int = 0
    ratios: dict[str, int] = field(default_factory=dict)
    weak: bool = False
    problem: str = ""


_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)(?![A-Za-z0-9])")
_POWER_OF_TEN = re.compile(r"[ ]{0,3}[*xX][ ]{0,3}10[ ]?\^[ ]?\(?(-?[0-9]+)\)?(?![0-9]|\.[0-9])")
_POWER = re.compile(r"[ ]?\^[ ]?\(?(-?[0-9]+)\)?(?![0-9]|\.[0-9])")
_MIXED = re.compile(r"(?:[ ]{1,3}(?:and[ ])?|-)([0-9]+)[ ]?/[ ]?([0-9]+)(?![0-9]|[.,][0-9]|[ ]?/[ ]?[0-9])")
_DIVISOR = re.compile(r"[ ]{0,2}/[ ]{0,2}([0-9]+(?:\.[0-9]+)?)(?![0-9]|[.,][0-9]|[ ]?/[ ]?[0-9])")
_AND = re.compile(r"[ ]and[ ](?!half)|-(?=half|quarter)")
_ONE_AND = re.compile(r"an?[ ]([a-z]+)[ ]and[ ]an?[ ](half|third|quarter)\b", re.IGNORECASE)
_ONE_UNIT = re.compile(r"an?(?=[ ]([A-Za-z]+)[ ]and[ ])", re.IGNORECASE)
_SCALE_LETTER = re.compile(r"([kKMBT]|bn|mn|mln)(?![A-Za-z0-9])")
_MONEY_LETTER = re.compile(r"[ ]?([kKmMbBtT]|bn|tn|mn|mln)(?![A-Za-z0-9])")
_LETTERS = {"k": 10**3, "m": 10**6, "mn": 10**6, "mln": 10**6, "b": 10**9, "bn": 10**9, "t": 10**12, "tn": 10**12}
_ORDINAL = re.compile(r"(?:st|nd|rd|th)(?![A-Za-z])")
_HYPHEN = re.compile(r"-[A-Za-z]")
_WORD = re.compile(r"(?!an?\b)[A-Za-z]+", re.IGNORECASE)
_GAP = re.compile(r"[ ](?:and[ ])?|,[ ]")
_BELOW_A_SCALE = re.compile(r"[0-9]{1,3}(?![0-9.,/:])")
_OF = re.compile(r"[ ]of\b")
_MAX_SCALE_WORDS = 4
_NOT_OF_MONEY = (20, 144)  # score and gross


def numeral(text: str, start: int, *, money: bool) -> Numeral | None:
    """Number without sign and unit."""
    if DIGITS.match(text, start):
        return _digit_number(text, start, money=money)
    if found := _ONE_AND.match(text, start):
        return Numeral(found.end(), 1 + SHARES[found[2].lower()], ratios=ratios(found[1]))
    if words := number_words.fraction(text, start):
        return _scaled(text, Numeral(words[1], words[0]), money=False)
    if point := number_words.decimals(text, start):
        return Numeral(point[1], Fraction(f"0.{point[0]}"), decimals=len(point[0]))
    cardinal = number_words.cardinal(text, start)
    if found := _ONE_UNIT.match(text, start):
        return Numeral(found.end(), Fraction(1)) if ratios(found[1]) else None
    if cardinal is None:
        word = _WORD.match(text, start)
        return Numeral(word.end(), problem=NOT_READ) if word else None
    value, end = cardinal
    if _HYPHEN.match(text, end) and not number_words.runs_on(text, end):
        return None  # a two-bedroom house
    weak = text[start:end].lower() == "one"
    if point := number_words.decimals(text, end):
        digits, end = point
        return _scaled(text, Numeral(end, value + Fraction(f"0.{digits}"), decimals=len(digits)), money=False)
    return _scaled(text, Numeral(end, value, weak=weak), money=False)


def _digit_number(text: str, start: int, *, money: bool) -> Numeral:
    found = DIGITS.match(text, start)
    assert found is not None
    if period := repeating(text, start):
        return Numeral(period[1], period[0])
    end = found.end()
    read = read_digits(found[0], money=money) if end - start <= MAX_DIGITS else None
    if read is None:
        return Numeral(end, problem=NOT_READ if end - start <= MAX_DIGITS else TOO_LARGE)
    value, decimals = read
    if exponent := _EXPONENT.match(text, end) or _POWER_OF_TEN.match(text, end):
        factor = power(Fraction(10), exponent[1])
        if factor is None:
            return Numeral(exponent.end(), problem=TOO_LARGE)
        return Numeral(exponent.end(), value * factor, decimals=max(0, decimals - int(exponent[1])))
    if exponent := _POWER.match(text, end):
        raised = power(value, exponent[1])
        return Numeral(exponent.end(), raised, problem="" if raised is not None else TOO_LARGE)
    if ordinal := _ORDINAL.match(text, end):
        return Numeral(ordinal.end(), value)
    if "." not in found[0] and "," not in found[0] and (words := number_words.fraction(text, start)):
        return _scaled(text, Numeral(words[1], words[0]), money=money)
    return _scaled(text, Numeral(end, value, decimals=decimals), money=money)


def _scaled(text: str, number: Numeral, *, money: bool) -> Numeral:
    """Number with a fraction, scale words and the parts of lower scales that follow it."""
    value, end, decimals = number.value or Fraction(0), number.end, number.decimals
    mixed = _mixed(text, end) if value.denominator == 1 and not decimals else None
    if mixed:
        value, end = value + mixed[0], mixed[1]
    elif divisor := _DIVISOR.match(text, end):
        by = Fraction(divisor[1]) if len(divisor[1]) <= 60 else Fraction(0)
        if not by:
            return replace(number, end=divisor.end(), value=None, problem=NOT_READ)
        value, end, decimals = value / by, divisor.end(), 0
    letter = (_MONEY_LETTER if money else _SCALE_LETTER).match(text, end)
    if letter:
        factor = _LETTERS[letter[1].lower()]
        value, end, decimals = value * factor, letter.end(), max(0, decimals - len(str(factor)) + 1)
    for _ in range(_MAX_SCALE_WORDS):
        found = number_words.scale(text, end)
        if found is None or (money and found[0] in _NOT_OF_MONEY):
            break
        factor, end = found
        value *= factor
        decimals = max(0, decimals - len(str(factor)) + 1) if str(factor).strip("0") == "1" else 0
        if lower := _lower(text, end, factor):
            value, end = value + lower[0], lower[1]
            break
    return number if end == number.end else replace(number, value=value, end=end, decimals=decimals, weak=False)


def _mixed(text: str, position: int) -> tuple[Fraction, int] | None:
    """Proper fraction behind a whole number, and its end."""
    if found := _MIXED.match(text, position):
        if len(found[1]) > 12 or len(found[2]) > 12 or not int(found[1]) < int(found[2]):
            return None
        return Fraction(int(found[1]), int(found[2])), found.end()
    gap = _AND.match(text, position)
    found_words = number_words.fraction(text, gap.end()) if gap else None
    if found_words is None or _OF.match(text, found_words[1]):
        return None
    return found_words


def _lower(text: str, position: int, factor: int) -> tuple[Fraction, int] | None:
    """Part below a scale word: the rest of "3 million 200 thousand", or of "2 thousand three hundred"."""
    gap = _GAP.match(text, position)
    if gap is None or factor == 12:
        return None
    if digits := _BELOW_A_SCALE.match(text, gap.end()):
        found = number_words.scale(text, digits.end())
        if found is None or found[0] >= factor:
            return None
        rest = _lower(text, found[1], found[0]) or (Fraction(0), found[1])
        return int(digits[0]) * found[0] + rest[0], rest[1]
    words = number_words.cardinal(text, gap.end()) if not gap[0].startswith(",") else None
    return words if words and 0 < words[0] < factor else None
