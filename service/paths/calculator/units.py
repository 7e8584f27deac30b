"""Units of measure: their scales, their worth and the ratios between them."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

# One scale per line: spellings, and the worth in the smallest unit. A question mark means that it has no exact worth.
_SCALES = (
    "cent/penny/pennie 1 nickel 5 dime 10 quarter 25 dollar/buck/one 100 five 500 ten 1000 twenty/twentie 2000 "
    "fifty/fiftie 5000 hundred 10000 coin ? euro ?",
    "second/sec/s 1 minute/min 60 hour/hr/h/mph/kph/kmh 3600 day 86400 week 604800 month ? year ? decade ? "
    "century/centurie ?",
    "inch/inche 1 foot/feet/ft 12 yard/yd 36 mile/mi 63360",
    "mm/millimeter/millimetre 1 cm/centimeter/centimetre 10 m/meter/metre 1000 km/kilometer/kilometre 1000000",
    "ounce/oz 1 pound/lb 16 ton 32000",
    "mg/milligram 1 g/gram 1000 kg/kilogram/kilo 1000000 tonne 1000000000",
    "teaspoon/tsp 1 tablespoon/tbsp 3 ounce/oz 6 cup 48 pint 96 quart 192 gallon 768",
    "ml/milliliter/millilitre 1 cl/centiliter/centilitre 10 l/liter/litre 1000",
    "sock/shoe/glove/mitten/boot/slipper/earring 1 pair 2",
)
_MONEY = 0
_NOT_BESIDE = frozenset("one five ten twenty twentie fifty fiftie hundred coin mph kph kmh".split())
_COINS = frozenset(("nickel", "dime", "quarter"))
_CALENDAR = {
    "month year": (12,),
    "week month": (4,),
    "week year": (52,),
    "day month": (28, 29, 30, 31),
    "day year": (360, 365, 366),
    "quarter year": (4,),
    "year decade": (10,),
    "year century": (100,),
    "decade century": (10,),
}


def _read_scales() -> tuple[list[dict[str, Fraction | None]], dict[str, str]]:
    scales: list[dict[str, Fraction | None]] = []
    names: dict[str, str] = {}
    for line in _SCALES:
        parts = line.split()
        scales.append({})
        for spellings, worth in zip(parts[::2], parts[1::2], strict=True):
            name = spellings.split("/")[0]
            scales[-1][name] = None if worth == "?" else Fraction(worth)
            names |= dict.fromkeys(spellings.split("/"), name)
    return scales, names


_BY_SCALE, _NAMES = _read_scales()
MONEY_UNITS = frozenset(("cent", "dollar", "euro"))
"""Names of the units of money, without coins."""


def _read_ratios() -> dict[tuple[str, str], set[Fraction]]:
    ratios: dict[tuple[str, str], set[Fraction]] = {}
    for number, scale in enumerate(_BY_SCALE):
        for one, worth in scale.items():
            for other, smaller in scale.items():
                coins = number != _MONEY or {one, other} <= _COINS | {"cent", "dollar"}
                if worth and smaller and worth > smaller and coins:
                    ratios.setdefault((other, one), set()).add(worth / smaller)
    for pair, values in _CALENDAR.items():
        one, other = pair.split()
        ratios.setdefault((one, other), set()).update(map(Fraction, values))
    return ratios


_RATIOS = _read_ratios()
_POWERS = frozenset(value**power for values in _RATIOS.values() for value in values for power in (1, 2, 3))
# Pairs of units of which one may be unnamed: 45 + 45 = 1.5 hours.
_COMMON = {
    frozenset(pair.split())
    for pair in (
        "second minute", "minute hour", "second hour", "hour day", "day week", "month year", "inch foot",
        "m km", "cm m", "g kg", "ml l", "ounce pound", "cent dollar",
    )
}  # fmt: skip


def unit(word: str) -> str:
    """Name of a unit in lower-case letters, in the singular, or an empty string."""
    word = word.partition("-")[0]  # ten-dollar bills
    return _NAMES.get(word) or _NAMES.get(word.removesuffix("s"), "")


def has_convertible_units(words: Iterable[str], money: bool = False) -> bool:
    """Whether two units of one scale are among lower-case words.

    Args:
        words: the words.
        money: whether the equation has a currency sign.
    """
    found = {unit(word) for word in words} | ({"dollar"} if money else set())
    return any(len(found & scale.keys()) > 1 for scale in _BY_SCALE)


def is_ratio(number: Fraction) -> bool:
    """Whether any two units differ by a number, as lengths, areas or volumes."""
    return number in _POWERS


def ratios(named: set[str], of_operands: set[str], own: str, power: int = 1) -> set[Fraction]:
    """Ratios by which a result can differ from the value of its expression.

    Args:
        named: units in the sentence.
        of_operands: units of the operands.
        own: unit of the result, or an empty string.
        power: 2 for areas, 3 for volumes.
    """
    found: set[Fraction] = set()
    for (one, other), values in _RATIOS.items():
        foreign = own not in of_operands
        common = (
            {one, other} in _COMMON
            and foreign
            and (own == other or own == one == "cent" or (not own and {one, other} & of_operands))
        )
        if {one, other} <= named and (foreign or own not in (one, other)):
            found |= values | {value**power for value in values}
        elif common or (one == "sock" and "pair" in named):
            found |= {value**power for value in values}
    return found


def measure(word: str) -> str:
    """Unit that a lower-case word names beside a number, or an empty string. Notes and speeds are left out."""
    return "" if word.removesuffix("s") in _NOT_BESIDE else unit(word)


def conversions(one: str, other: str) -> set[Fraction]:
    """Numbers of the other unit that one unit can be worth. Empty if they have no known ratio."""
    if one == other:
        return {Fraction(1)}
    return _RATIOS.get((other, one), set()) | {1 / value for value in _RATIOS.get((one, other), ())}


def named_ratios(words: Iterable[str]) -> set[Fraction]:
    """Ratios between two units among lower-case words, or between one and the unit that people mean without a name."""
    named = {unit(word) for word in words}
    return {
        ratio
        for pair, values in _RATIOS.items()
        if {*pair} <= named or ({*pair} in _COMMON and named & {*pair})
        for ratio in values
    }


def worths(names: Sequence[str]) -> list[Fraction] | None:
    """Worth of every unit in the smallest unit of a scale that holds all of them, or None."""
    for scale in _BY_SCALE:
        found = [scale.get(name) for name in names]
        if all(found):
            return [worth for worth in found if worth]
    return None
