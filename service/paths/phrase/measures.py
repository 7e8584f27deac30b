"""Units of measure, and the scales on which they add up."""

from functools import cache

# Ratios of the units of one scale. Months and years differ from days: a month has no fixed number of days.
_SCALES: dict[str, dict[str, int]] = {
    "time": {
        "second sec s": 1, "minute min m": 60, "hour hr h": 3600, "day d": 86400, "week wk": 604800,
    },
    "calendar": {"month mo": 1, "year yr": 12},
    "metric length": {"mm millimeter millimetre": 1, "cm centimeter centimetre": 10, "dm": 100, "m meter metre": 1000,
                      "km kilometer kilometre": 10**6},
    "length": {"inch inches in \"": 1, "foot feet ft '": 12, "yard yd": 36, "mile mi": 63360},
    "metric mass": {"mg milligram": 1, "g gram gm": 1000, "kg kilogram kilo": 10**6, "t ton tonne": 10**9},
    "mass": {"ounce oz": 1, "pound lb": 16, "stone": 224},
    "metric volume": {"ml milliliter millilitre": 1, "cl": 10, "dl": 100, "l liter litre": 1000},
    "volume": {"fl_ounce ounce oz": 1, "cup": 8, "pint pt": 16, "quart qt": 32, "gallon gal": 128},
    "spoons": {"teaspoon tsp": 1, "tablespoon tbsp": 3},
    "dollars": {"cent ¢ c penny pennies": 1, "dollar usd buck $": 100},
    "euros": {"cent": 1, "euro eur €": 100},
    "sterling": {"pence p penny pennies": 1, "pound gbp £": 100},
    "rupees": {"paise paisa": 1, "rupee inr rs ₹": 100},
}  # fmt: skip
_UNITS: dict[str, dict[str, int]] = {}
for _scale, _units in _SCALES.items():
    for _names, _ratio in _units.items():
        for _name in _names.split():
            _UNITS.setdefault(_name, {})[_scale] = _ratio

_GLUED = frozenset(
    "mph kph kmh km/h kw kwh w v hz khz mhz gb mb tb kb kcal cal pts pcs deg rpm ppm sqft ha cc am pm".split()
)


@cache
def ratios(unit: str) -> dict[str, int]:
    """Ratio of a unit on each scale that has it. Empty for other words."""
    word = unit.lower()
    for form in (word, word.removesuffix("s"), word.removesuffix("es")):
        if form in _UNITS:
            return _UNITS[form]
    return {}


def is_symbol(letters: str) -> bool:
    """Whether letters directly behind a number are a unit and not variables."""
    return bool(ratios(letters)) or letters.lower() in _GLUED
