"""Digits with separators, repeating decimals and powers, as exact numbers."""

import re
from decimal import Decimal
from fractions import Fraction

from service.paths.numbers import from_decimal, within_limits

DIGITS = re.compile(
    r"(?:[0-9]{1,3}(?:[ ][0-9]{3})+(?![0-9]|[ ]?/|[ ][0-9]) | [0-9]{1,3}(?:'[0-9]{3})+(?![0-9]) | [0-9]+(?:_[0-9]+)+"
    r" | [0-9]+(?:[.,][0-9]+)* | \.[0-9]+) (?:[.,][0-9]+)?",
    re.VERBOSE,
)
"""Digits with the separators of any convention."""
MAX_DIGITS = 120

_SEPARATORS = re.compile(r"[ '_]")
_REPEATING = re.compile(r"([0-9]*)\.([0-9]*)(?:\(([0-9]+)\)|([0-9])\4\.{2,})")
_MAX_EXPONENT = 200
_MAX_POWER_BITS = 400


def read_digits(written: str, *, money: bool) -> tuple[Fraction, int] | None:
    """Value and decimals of digits with separators, or None if no convention fits or two do."""
    written = _SEPARATORS.sub("", written)
    dots, commas = written.count("."), written.count(",")
    point = ""
    if dots and commas:
        point = "." if written.rindex(".") > written.rindex(",") else ","
        if written.count(point) > 1 or not _is_grouped(written[: written.rindex(point)]):
            return None
    elif dots == 1:
        point = "."
    elif commas == 1:
        first, last = written.split(",")
        if len(last) != 3 or len(first) > 3 or first == "0":
            point = ","
            if money and len(last) != 2 and len(last) != 1:
                return None
    if not point and (dots or commas) and not _is_grouped(written):
        return None
    whole, _, part = written.rpartition(point) if point else (written, "", "")
    digits = re.sub(r"[.,]", "", whole)
    value = from_decimal(Decimal(f"{digits or 0}.{part}" if part else digits))
    return None if value is None else (value, len(part))


def repeating(text: str, start: int) -> tuple[Fraction, int] | None:
    """Decimal with repeating digits at a position, and its end: 0.(3), or 0.33… with the same last two digits."""
    found = _REPEATING.match(text, start)
    if found is None or found.end() - start > MAX_DIGITS:
        return None
    fixed, period = found[2], found[3] or found[4]
    value = Fraction(f"{found[1] or 0}.{fixed or 0}")
    return value + Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(fixed)), found.end()


def power(base: Fraction, written: str) -> Fraction | None:
    """Power within the limits, or None."""
    if len(written) > 4 or abs(int(written)) > _MAX_EXPONENT or not within_limits(base):
        return None
    exponent = int(written)
    size = max(abs(base.numerator), base.denominator).bit_length() * abs(exponent)
    if size > _MAX_POWER_BITS or (not base and exponent < 0):
        return None
    value = base**exponent
    return value if within_limits(value) else None


def _is_grouped(written: str) -> bool:
    """Whether groups are of three digits, or of two with a last one of three (lakh and crore)."""
    groups = re.split(r"[.,]", written)
    if len(groups) == 1:
        return True
    western = len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])
    indian = "." not in written and len(groups[0]) <= 2 and len(groups[-1]) == 3
    return western or (indian and all(len(group) == 2 for group in groups[1:-1]))
