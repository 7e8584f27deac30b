"""Units that convert into one another, for the calculator of `repair.py`.

Where two of one scale meet in an equation, its numbers are not all of one kind, and the sum may be right although the
arithmetic is not: 2 hours + 30 minutes = 150 minutes. It knows which units share a scale, not their ratios.
"""

from collections.abc import Iterable

_SCALES = (
    "second/sec minute/min hour/hr/h day week month year decade century",
    "inch/inche foot/feet/ft yard mile mm cm m/meter/metre km/kilometer centimeter",
    "ounce/oz pound/lb ton gram/g kg/kilogram mg",
    "cup pint quart gallon liter/litre ml/milliliter tablespoon teaspoon ounce/oz",
    "penny/pennie/cent nickel dime dollar coin euro",
    "pair sock shoe glove",
)
_UNITS = {
    spelling: (scale, unit.split("/")[0])
    for scale, units in enumerate(_SCALES)
    for unit in units.split()
    for spelling in unit.split("/")
}
_MONEY = 4


def convertible(words: Iterable[str], money: bool = False) -> bool:
    """Whether two units of one scale are among `words` (lower case); `money` says that a currency sign is there."""
    met: dict[int, str] = {_MONEY: "dollar"} if money else {}
    for word in words:
        found = _UNITS.get(word) or _UNITS.get(word.removesuffix("s"))
        if found is not None and met.setdefault(*found) != found[1]:
            return True
    return False
