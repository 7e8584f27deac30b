"""Answers in many notations, without the parser."""

from fractions import Fraction

from service.paths.answer import Answer, Unit
from service.paths.numbers import write

_UNITS = {"%": Unit.PERCENT, "¢": Unit.CENT, "$": Unit.DOLLAR}

NOTATIONS = (
    "28 28% 0.28 7/25 2800% 28.0 350 350¢ 3.5 $3.50 $3.499 3.50 3 3.00 10/3 3.33 3.333 3.3333 3.334 3.331 3.332 $3.33 "
    "333¢ 2/7 200/7 28.57% 28.57 0.2857 0.29 0.286 28.6% 1/8 0.12 0.13 0.125 12.5% 12.50% yes B"
).split()
"""Notations that are equal, that round to each other, or that differ in their units."""


def written(text: str) -> Answer:
    """Answer of a number with an optional unit ("28%", "350¢", "$3.50"), or of a word."""
    number = text.strip("%¢$")
    unit = _UNITS.get(text[-1]) or _UNITS.get(text[0])
    try:
        value = Fraction(number)
    except ValueError:
        return Answer(text, None)
    return Answer(write(value), value, len(number.partition(".")[2]), unit)
