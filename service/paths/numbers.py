"""Exact numbers behind answers: how one is written, and which one a rounded number stands for.

`answer.py` and the calculator of `repair.py` rest on it. Everything is a `Fraction`; nothing here reads prose.
Numbers beyond `LIMIT` are refused, so that no text or program can make the service handle giant integers.
"""

import math
from decimal import Decimal
from fractions import Fraction

LIMIT = 10**60
"""Numerators and denominators from here on are no answer to a word problem."""

_MAX_DECIMALS = 60
_SHORT_DIGITS = 12
_MAX_DENOMINATOR = 10_000
_SLACK_ULPS = 512
_WHOLE_FROM = 1e12  # from about here on 512 ulp are an eighth and more


def within_limits(value: Fraction) -> bool:
    """Whether numerator and denominator are both below `LIMIT`."""
    return -LIMIT < value.numerator < LIMIT and value.denominator < LIMIT


def decimals_of(value: Fraction) -> int | None:
    """How many decimals write the value exactly; None where no finite number, or more than sixty, would do."""
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0 and twos <= _MAX_DECIMALS:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0 and fives <= _MAX_DECIMALS:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 and max(twos, fives) <= _MAX_DECIMALS else None


def write(value: Fraction, thousands: bool = False) -> str:
    """The canonical form: `51`, `0.5`, and `1/3` where decimals do not end. Needs a value within the limits."""
    decimals = decimals_of(value)
    if decimals is None:
        return f"{value.numerator}/{value.denominator}"
    scaled = abs(value.numerator) * 10**decimals // value.denominator
    whole, part = divmod(scaled, 10**decimals)
    text = f"{whole:,}" if thousands else str(whole)
    return ("-" if value < 0 else "") + text + (f".{part:0{decimals}d}" if decimals else "")


def from_float(number: float) -> Fraction | None:
    """The number that a binary float stands for; None for NaN, infinities and what is beyond the limits.

    A float that prints with at most 12 digits is that decimal. A longer one carries round-off: it is the simplest
    fraction within 512 ulp of max(|x|, 1), if its denominator is at most 10,000 (0.1 + 0.2 is 3/10,
    0.3333333333333333 is 1/3; 1000.1 - 1000 is 0.1, which takes 93 ulp). Near 1 that is 1e-13, where a number at
    random meets such a fraction with a probability of 1e-5 (0.3 q² fractions have a denominator up to q in a
    unit); all others are the decimal that Python prints.
    The simplest fraction of an interval is the highest node in it of the Stern-Brocot tree (Graham, Knuth and
    Patashnik, Concrete Mathematics, §4.5).
    """
    if not math.isfinite(number) or abs(number) >= LIMIT:
        return None
    if number.is_integer() or abs(number) > _WHOLE_FROM:
        return Fraction(round(number))
    printed = Fraction(repr(number))
    if _significant(repr(number)) > _SHORT_DIGITS:
        slack = Fraction(_SLACK_ULPS * math.ulp(max(abs(number), 1.0)))
        simplest = simplest_between(printed - slack, printed + slack)
        if simplest.denominator <= _MAX_DENOMINATOR:
            printed = simplest
    return printed if within_limits(printed) else None


def from_decimal(number: Decimal) -> Fraction | None:
    """The number that a Decimal stands for: as it is up to 15 digits; longer ones carry round-off as floats do."""
    if not number.is_finite() or not -60 <= number.adjusted() <= 60:
        return Fraction(0) if number.is_finite() and not number else None
    if len(number.as_tuple().digits) > 15 and int(number.as_tuple().exponent) < 0:
        return from_float(float(number))
    value = Fraction(number)
    return value if within_limits(value) else None


def simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """The fraction with the smallest denominator (and of those the one nearest zero) in [low, high]."""
    if low <= 0 <= high:
        return Fraction(0)
    if high < 0:
        return -simplest_between(-high, -low)
    p0, q0, p1, q1 = 0, 1, 1, 0  # convergents of the continued fraction that both ends share
    while True:
        whole = -(-low.numerator // low.denominator)
        if whole <= high:
            return Fraction(whole * p1 + p0, whole * q1 + q0)
        whole -= 1
        p0, q0, p1, q1 = p1, q1, whole * p1 + p0, whole * q1 + q0
        low, high = 1 / (high - whole), 1 / (low - whole)


def _significant(printed: str) -> int:
    mantissa = printed.split("e")[0].replace(".", "").lstrip("-0")
    return len(mantissa.rstrip("0"))
