"""Exact numbers: canonical text, and the fractions that floats and Decimals approximate.

Every number is a `Fraction`. `LIMIT` bounds all of them, so that no text and no program can cause arithmetic on giant
integers.
"""

import math
from decimal import Decimal
from fractions import Fraction

LIMIT = 10**60
"""Exclusive bound of numerators and denominators. No word problem needs a larger answer."""

_MAX_DECIMALS = 60
_SHORT_DIGITS = 12
_MAX_DENOMINATOR = 10_000
_SLACK_ULPS = 512
_MAX_WITH_FRACTION = 1e12  # beyond it 512 ulp are about an eighth or more


def within_limits(value: Fraction) -> bool:
    """Whether numerator and denominator are both below `LIMIT`."""
    return -LIMIT < value.numerator < LIMIT and value.denominator < LIMIT


def decimals_of(value: Fraction) -> int | None:
    """Number of decimals that write a value exactly, or None if it is infinite or over sixty."""
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0 and twos <= _MAX_DECIMALS:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0 and fives <= _MAX_DECIMALS:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 and max(twos, fives) <= _MAX_DECIMALS else None


def write(value: Fraction, thousands: bool = False) -> str:
    """Canonical text of a value within the limits: `51`, `0.5`, or `1/3` if the decimals do not end."""
    decimals = decimals_of(value)
    if decimals is None:
        return f"{value.numerator}/{value.denominator}"
    scaled = abs(value.numerator) * 10**decimals // value.denominator
    whole, part = divmod(scaled, 10**decimals)
    text = f"{whole:,}" if thousands else str(whole)
    return ("-" if value < 0 else "") + text + (f".{part:0{decimals}d}" if decimals else "")


def from_float(number: float) -> Fraction | None:
    """Number that a binary float approximates, or None for NaN, infinities and numbers beyond the limits.

    A float that prints with at most 12 digits is that decimal. A longer one holds round-off. It is the simplest
    fraction within 512 ulp of max(|x|, 1), if its denominator is at most 10,000, and otherwise the decimal that Python
    prints. So 0.1 + 0.2 is 3/10, and 0.3333333333333333 is 1/3.
    """
    if not math.isfinite(number) or abs(number) >= LIMIT:
        return None
    if number.is_integer() or abs(number) > _MAX_WITH_FRACTION:
        return Fraction(round(number))
    printed = Fraction(repr(number))
    if _significant_digits(repr(number)) > _SHORT_DIGITS:
        # 1000.1 - 1000 needs 93 ulp. Near 1, 512 ulp are 1e-13: a random number is that close to such a fraction with
        # a probability of 1e-5, as a unit interval holds 0.3 q² fractions of a denominator up to q.
        slack = Fraction(_SLACK_ULPS * math.ulp(max(abs(number), 1.0)))
        simplest = simplest_between(printed - slack, printed + slack)
        if simplest.denominator <= _MAX_DENOMINATOR:
            printed = simplest
    return printed if within_limits(printed) else None


def from_decimal(number: Decimal) -> Fraction | None:
    """Number that a Decimal approximates, or None. One of more than 15 digits holds round-off, as a float does."""
    if not number.is_finite() or not -60 <= number.adjusted() <= 60:
        return Fraction(0) if number.is_finite() and not number else None
    if len(number.as_tuple().digits) > 15 and int(number.as_tuple().exponent) < 0:
        return from_float(float(number))
    value = Fraction(number)
    return value if within_limits(value) else None


def simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """Fraction in [low, high] with the smallest denominator, and of those the one nearest to zero.

    It is the highest node of the Stern-Brocot tree in the interval (Graham, Knuth and Patashnik, Concrete Mathematics,
    §4.5).
    """
    if low <= 0 <= high:
        return Fraction(0)
    if high < 0:
        return -simplest_between(-high, -low)
    p0, q0, p1, q1 = 0, 1, 1, 0  # convergents of the continued fraction of both ends
    while True:
        whole = -(-low.numerator // low.denominator)
        if whole <= high:
            return Fraction(whole * p1 + p0, whole * q1 + q0)
        whole -= 1
        p0, q0, p1, q1 = p1, q1, whole * p1 + p0, whole * q1 + q0
        low, high = 1 / (high - whole), 1 / (low - whole)


def _significant_digits(printed: str) -> int:
    mantissa = printed.split("e")[0].replace(".", "").lstrip("-0")
    return len(mantissa.rstrip("0"))
