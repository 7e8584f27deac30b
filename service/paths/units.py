"""Units that convert into one another, for the calculator of `repair.py`.

Where two of one scale meet in an equation, its numbers are not all of one kind, and the sum may be right although the
arithmetic is not: 2 hours + 30 minutes = 150 minutes. It knows which units share a scale, not their ratios.
"""

from collections.abc import Iterable

_SCALES = (
    "second sec minute min hour hr h day week month year decade century",
    "inch inche foot feet ft yard mile mm cm m km meter metre centimeter kilometer",
    "ounce oz pound lb ton gram g kg kilogram mg",
    "cup pint quart gallon liter litre ml milliliter tablespoon teaspoon ounce",
    "penny pennie cent nickel dime dollar coin euro",
    "pair sock shoe glove",
)
_SCALE_OF = {unit: number for number, scale in enumerate(_SCALES) for unit in scale.split()}


def convertible(words: Iterable[str]) -> bool:
    """Whether two different units of one scale are among `words` (lower case)."""
    met: dict[int, str] = {}
    for word in words:
        unit = word if word in _SCALE_OF else word.removesuffix("s")
        scale = _SCALE_OF.get(unit)
        if scale is not None and met.setdefault(scale, unit) != unit:
            return True
    return False
