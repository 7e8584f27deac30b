"""Whole quantities at a position of a plain text, or the problem that prevents one.

A quantity takes everything that continues it: separators and digits, exponents, fractions, scale words, and smaller
units of the same scale. A quantity that continues in an unreadable way has a problem and no value.
"""

import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from service.paths import number_words
from service.paths.measures import is_symbol, ratios
from service.paths.named_values import START as NAMED_START
from service.paths.named_values import named_value
from service.paths.numbers import from_decimal, within_limits

EXPRESSION = "an expression that is not a number"
NOT_A_NUMBER = "a number in a notation that is not read"
TOO_LARGE = "a number beyond the limits"
SEVERAL = "several values"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity in a text.

    Args:
        start: position of the first character, sign and currency included.
        end: position behind it, with its unit if it is a known one.
        value: exact number, or None.
        text: canonical text of a time, date or ratio, else empty.
        decimals: written decimals, 0 for exact notations.
        unit: percent, dollar, cent, or empty.
        ratios: ratio of its unit on each scale that has the unit.
        weak: whether it is the word "one", which can be a pronoun.
        problem: reason for a missing value.
    """

    start: int
    end: int
    value: Fraction | None = None
    text: str = ""
    decimals: int = 0
    unit: str = ""
    ratios: dict[str, int] = field(default_factory=dict)
    weak: bool = False
    problem: str = ""


_CURRENCY = (
    r"(?:(?:US|CA|AU|NZ|HK|S|A|C)?\$|[€£¥₹₩₽₦₱฿]|(?:Rs|USD|EUR|GBP|INR|JPY|CNY|AUD|CAD|CHF|NZD|RMB)(?![A-Za-z])\.?)"
)
_START = re.compile(
    rf"(?<![A-Za-z0-9_])(?P<currency>{_CURRENCY})[ ]{{0,3}}(?:-[ ]?)?(?=\.?[0-9])|(?<![A-Za-z0-9_.])(?=\.?[0-9])"
    rf"|(?:{number_words.START.pattern})|(?:{NAMED_START.pattern})",
    re.IGNORECASE,
)
_DIGITS = re.compile(
    r"(?:[0-9]{1,3}(?:[ ][0-9]{3})+(?![0-9]|[ ]?/|[ ][0-9]) | [0-9]{1,3}(?:'[0-9]{3})+(?![0-9]) | [0-9]+(?:_[0-9]+)+"
    r" | [0-9]+(?:[.,][0-9]+)* | \.[0-9]+) (?:[.,][0-9]+)?",
    re.VERBOSE,
)
_SEPARATORS = re.compile(r"[ '_]")
_REPEATING = re.compile(r"([0-9]*)\.([0-9]*)(?:\(([0-9]+)\)|([0-9])\4(?=\.\.))")
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)(?![A-Za-z0-9])")
_POWER_OF_TEN = re.compile(r"[ ]{0,3}[*xX][ ]{0,3}10[ ]?\^[ ]?\(?(-?[0-9]+)\)?(?![0-9]|\.[0-9])")
_POWER = re.compile(r"[ ]?\^[ ]?\(?(-?[0-9]+)\)?(?![0-9]|\.[0-9])")
_MIXED = re.compile(r"(?:[ ]{1,3}(?:and[ ])?|-)([0-9]+)[ ]?/[ ]?([0-9]+)(?![0-9]|[.,][0-9]|[ ]?/[ ]?[0-9])")
_DIVISOR = re.compile(r"[ ]{0,2}/[ ]{0,2}([0-9]+(?:\.[0-9]+)?)(?![0-9]|[.,][0-9]|[ ]?/[ ]?[0-9])")
_AND = re.compile(r"[ ]and[ ](?!half)|-(?=half|quarter)")
_AND_A_HALF = re.compile(r"[ ](?:[A-Za-z]+[ ])?and[ ](?:an?|one)[ ](half|third|quarter)\b(?![ ]?[a-z])", re.IGNORECASE)
_ONE_AND = re.compile(r"an?[ ]([a-z]+)[ ]and[ ]an?[ ](half|third|quarter)\b", re.IGNORECASE)
_ONE_UNIT = re.compile(r"an?(?=[ ]([A-Za-z]+)[ ]and[ ])", re.IGNORECASE)
_SCALE_LETTER = re.compile(r"([kKMBT]|bn|mn|mln)(?![A-Za-z0-9])")
_MONEY_LETTER = re.compile(r"[ ]?([kKmMbBtT]|bn|tn|mn|mln)(?![A-Za-z0-9])")
_LETTERS = {"k": 10**3, "m": 10**6, "mn": 10**6, "mln": 10**6, "b": 10**9, "bn": 10**9, "t": 10**12, "tn": 10**12}
_ORDINAL = re.compile(r"(?:st|nd|rd|th)(?![A-Za-z])")
_UNIT_NAMES = {
    "percent": re.compile(r"[ ]{0,2}%|[ -]{0,2}(?:percent|per[ ]cent|pct)\b", re.IGNORECASE),
    "dollar": re.compile(r"[ ]{0,2}(?:\$(?![0-9])|(?:US[ ])?dollars?\b|USD\b|bucks?\b)", re.IGNORECASE),
    "cent": re.compile(r"[ ]{0,2}(?:¢|cents?\b|c(?![A-Za-z0-9]))", re.IGNORECASE),
}
_UNIT = re.compile(r"[ ]{0,2}(?:\(([A-Za-z]{1,20})\)|([A-Za-z]{1,20}|[¢€£₹'\"]))(?:[ ]?\^[ ]?[23])?")
_NEXT_PART = re.compile(r"[ ]{0,2}(?:[,;][ ]{1,2}|[ ])?(?:and[ ]|&[ ])?(?=[0-9a-zA-Z.])")
_CONTINUES = re.compile(
    r"[ ]{0,3}(?:\^|[√∛π∞⊗]|[*x][ ]{0,3}[-$(]?[0-9(.]|\+[ ]{0,3}[-$(]?[0-9(])|[ ]?/[ ]?(?:[0-9(.]|[abcefijknopqrt-z](?![A-Za-z]))|\([-0-9]"
    r"|[.,'_:][0-9]|:[ ]?[0-9]|[ ]{0,2}[b-zB-Z](?![A-Za-z0-9'.°]|-[A-Za-z])|[\u0300-\u036f]",
)
_GLUED = re.compile(r"[A-Za-zα-ωΑ-Ω]+")
_PHYSICAL_LETTERS = frozenset("mghlsdcpCFLVWAJN")
_MAX_DIGITS = 120
_MAX_EXPONENT = 200
_MAX_PARTS = 4
_NOT_OF_MONEY = (20, 144)  # score and gross


def scan(text: str, start: int = 0, end: int | None = None) -> list[Quantity]:
    """All quantities of a text, in order."""
    found, position, end = [], start, len(text) if end is None else end
    while match := _START.search(text, position, end):
        quantity = _quantity(text, match)
        if quantity is None:
            position = match.end() + 1
            continue
        found.append(quantity)
        position = max(quantity.end, match.end(), match.start() + 1)
    return found


def _quantity(text: str, match: re.Match[str]) -> Quantity | None:
    """Quantity at a start, with the smaller units that belong to it."""
    if not match["currency"] and (named := named_value(text, match.start())):
        return Quantity(match.start(), named[1], text=named[0])
    whole = _single(text, match)
    if whole is None or whole.value is None or not whole.ratios:
        return whole
    last = whole
    for _ in range(_MAX_PARTS):
        gap = _NEXT_PART.match(text, last.end)
        start = _START.match(text, gap.end()) if gap else None
        if start is None or start["currency"] or named_value(text, start.start()):
            break
        part = _single(text, start)
        if part is None or part.value is None or part.weak or "/" in text[part.start : part.end]:
            break
        scale = next((name for name in last.ratios if part.ratios.get(name, last.ratios[name]) < last.ratios[name]), None)
        if scale is None or scale not in whole.ratios or part.value >= Fraction(last.ratios[scale], part.ratios[scale]) * 100:
            break
        value = whole.value + (part.value if whole.value >= 0 else -part.value) * Fraction(
            part.ratios[scale], whole.ratios[scale]
        )
        kept = {scale: whole.ratios[scale]}
        whole = replace(whole, value=value, end=part.end, decimals=0, ratios=kept)
        last = replace(part, ratios={scale: part.ratios[scale]})
    return whole


def _single(text: str, match: re.Match[str]) -> Quantity | None:
    """Quantity with at most one unit."""
    start, sign = _sign(text, match)
    position, currency = match.end(), match["currency"] or ""
    number = _number(text, position if currency or not match[0] else match.start(), currency)
    if number is None:
        return None
    number = replace(number, start=start)
    if number.value is None:
        return number
    if sign < 0:
        number = replace(number, value=-number.value)
    number = _with_unit(text, number, currency)
    glued = _GLUED.match(text, number.end) if number.end and text[number.end - 1].isalnum() else None
    if _CONTINUES.match(text, number.end) and not _is_unit_letter(text, number.end):
        return replace(number, value=None, problem=EXPRESSION)
    if glued and len(glued[0]) < 3 and not is_symbol(glued[0]):
        return replace(number, value=None, problem=EXPRESSION)
    if number_words.runs_on(text, number.end):
        return replace(number, value=None, problem=NOT_A_NUMBER)
    if number.value is None or not within_limits(number.value):
        return replace(number, value=None, problem=TOO_LARGE)
    return number


def _sign(text: str, match: re.Match[str]) -> tuple[int, int]:
    """Start of a number with its sign, and the sign. A dash behind a word with a space on each side is no minus."""
    inner = -1 if "-" in match[0] else 1
    before = text[: match.start()]
    for word in ("minus", "negative"):
        if before.rstrip().lower().endswith(word) and not re.search(r"[0-9)%]\s?\Z", before.rstrip()[: -len(word)]):
            return len(before.rstrip()) - len(word), -inner
    dashed = before.rstrip(" ")
    if not dashed.endswith(("-", "—", "+")):
        return match.start(), inner
    previous, spaced = dashed[:-1].rstrip(" "), len(dashed) < len(before)
    first = not previous or previous[-1] in "=(:,;[<>≈→*/^\n≤≥.!?"
    attached = dashed[-1] == "-" and previous != dashed[:-1] and not spaced
    if dashed[-1] == "-" and attached and previous[-1:].isalpha():
        first = True
    if not first:
        return match.start(), inner
    return len(dashed) - 1, inner if dashed[-1] == "+" else -inner


def _number(text: str, start: int, currency: str) -> Quantity | None:
    """Number without sign and unit."""
    if _DIGITS.match(text, start):
        return _digit_number(text, start, currency)
    if found := _ONE_AND.match(text, start):
        half, _ = number_words.fraction(found[2], 0) or (Fraction(0), 0)
        half = half or Fraction(1, 3)
        return Quantity(start, found.end(), 1 + half, ratios=ratios(found[1]))
    if found_fraction := number_words.fraction(text, start):
        value, end = found_fraction
        return _scaled(text, Quantity(start, end, value), "")
    cardinal = number_words.cardinal(text, start)
    if found := _ONE_UNIT.match(text, start):
        return Quantity(start, found.end(), Fraction(1)) if ratios(found[1]) else None
    if cardinal is None:
        word = re.compile(r"[A-Za-z]+").match(text, start)
        return Quantity(start, word.end(), problem=NOT_A_NUMBER) if word and word[0].lower() not in ("a", "an") else None
    value, end = cardinal
    if re.compile(r"-[a-z]", re.IGNORECASE).match(text, end) and not number_words.runs_on(text, end):
        return None  # a two-bedroom house
    weak = text[start:end].lower() == "one"
    if point := number_words.decimals(text, end):
        digits, end = point
        return _scaled(text, Quantity(start, end, value + Fraction(f"0.{digits}"), decimals=len(digits)), "")
    return _scaled(text, Quantity(start, end, value, weak=weak), "")


def _digit_number(text: str, start: int, currency: str) -> Quantity:
    found = _DIGITS.match(text, start)
    assert found is not None
    if repeating := _REPEATING.match(text, start):
        return _repeating(repeating)
    end = found.end()
    read = _read_digits(found[0], money=bool(currency)) if end - start <= _MAX_DIGITS else None
    if read is None:
        return Quantity(start, end, problem=NOT_A_NUMBER if end - start <= _MAX_DIGITS else TOO_LARGE)
    value, decimals = read
    if exponent := _EXPONENT.match(text, end) or _POWER_OF_TEN.match(text, end):
        factor = _power(Fraction(10), exponent[1])
        if factor is None:
            return Quantity(start, exponent.end(), problem=TOO_LARGE)
        return Quantity(start, exponent.end(), value * factor, decimals=max(0, decimals - int(exponent[1])))
    if power := _POWER.match(text, end):
        raised = _power(value, power[1])
        return Quantity(start, power.end(), raised, problem="" if raised is not None else TOO_LARGE)
    if ordinal := _ORDINAL.match(text, end):
        return Quantity(start, ordinal.end(), value)
    if "." not in found[0] and "," not in found[0] and (words := number_words.fraction(text, start)):
        return _scaled(text, Quantity(start, words[1], words[0]), currency)
    return _scaled(text, Quantity(start, end, value, decimals=decimals), currency)


def _read_digits(written: str, *, money: bool) -> tuple[Fraction, int] | None:
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


def _is_grouped(written: str) -> bool:
    """Whether groups are of three digits, or of two with a last one of three (lakh and crore)."""
    groups = re.split(r"[.,]", written)
    if len(groups) == 1:
        return True
    western = len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])
    indian = "." not in written and len(groups[0]) <= 2 and len(groups[-1]) == 3
    return western or (indian and all(len(group) == 2 for group in groups[1:-1]))


def _repeating(found: re.Match[str]) -> Quantity:
    """Decimal with repeating digits: 0.(3), or 0.33… with the same last two digits."""
    fixed, period = found[2], found[3] or found[4]
    if len(found[0]) > _MAX_DIGITS:
        return Quantity(found.start(), found.end(), problem=TOO_LARGE)
    end = found.end() if found[3] else found.end() + len(re.compile(r"\.*").match(found.string, found.end())[0])  # type: ignore[index]
    fixed_value = Fraction(f"{found[1] or 0}.{fixed or 0}")
    value = fixed_value + Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(fixed))
    return Quantity(found.start(), end, value, problem="")


def _power(base: Fraction, written: str) -> Fraction | None:
    """Power within the limits, or None."""
    if len(written) > 4 or abs(int(written)) > _MAX_EXPONENT or not within_limits(base):
        return None
    exponent = int(written)
    size = max(abs(base.numerator), base.denominator).bit_length() * abs(exponent)
    if size > 400 or (not base and exponent < 0):
        return None
    value = base**exponent
    return value if within_limits(value) else None


def _scaled(text: str, number: Quantity, currency: str) -> Quantity:
    """Number with a fraction, scale words and the parts of lower scales that follow it."""
    value, end, decimals = number.value or Fraction(0), number.end, number.decimals
    mixed = _mixed(text, end) if value.denominator == 1 and not decimals else None
    if mixed:
        value, end = value + mixed[0], mixed[1]
    elif divisor := _DIVISOR.match(text, end):
        by = Fraction(divisor[1]) if len(divisor[1]) <= 60 else Fraction(0)
        if not by:
            return replace(number, end=divisor.end(), value=None, problem=NOT_A_NUMBER)
        value, end, decimals = value / by, divisor.end(), 0
    letter = (_MONEY_LETTER if currency else _SCALE_LETTER).match(text, end)
    if letter:
        factor = _LETTERS[letter[1].lower()]
        value, end, decimals = value * factor, letter.end(), max(0, decimals - len(str(factor)) + 1)
    for _ in range(_MAX_PARTS):
        found = number_words.scale(text, end)
        if found is None or (currency and found[0] in _NOT_OF_MONEY):
            break
        factor, end = found
        value *= factor
        decimals = max(0, decimals - len(str(factor)) + 1) if str(factor).strip("0") == "1" else 0
        if lower := _lower(text, end, factor):
            value, end = value + lower[0], lower[1]
            break
    return replace(number, value=value, end=end, decimals=decimals, weak=number.weak and end == number.end)


def _mixed(text: str, position: int) -> tuple[Fraction, int] | None:
    """Proper fraction behind a whole number, and its end."""
    if found := _MIXED.match(text, position):
        if len(found[1]) > 12 or len(found[2]) > 12 or not int(found[1]) < int(found[2]):
            return None
        return Fraction(int(found[1]), int(found[2])), found.end()
    gap = _AND.match(text, position)
    found_words = number_words.fraction(text, gap.end()) if gap else None
    if found_words is None or re.compile(r"[ ]of\b").match(text, found_words[1]):
        return None
    return found_words


def _lower(text: str, position: int, factor: int) -> tuple[Fraction, int] | None:
    """Part below a scale word: the rest of "3 million 200 thousand", or of "2 thousand three hundred"."""
    gap = re.compile(r"[ ](?:and[ ])?|,[ ]").match(text, position)
    if gap is None or factor == 12:
        return None
    if digits := re.compile(r"[0-9]{1,3}(?![0-9.,/:])").match(text, gap.end()):
        found = number_words.scale(text, digits.end())
        if found is None or found[0] >= factor:
            return None
        rest = _lower(text, found[1], found[0]) or (Fraction(0), found[1])
        return int(digits[0]) * found[0] + rest[0], rest[1]
    words = number_words.cardinal(text, gap.end()) if not gap[0].startswith(",") else None
    return words if words and 0 < words[0] < factor else None


def _with_unit(text: str, number: Quantity, currency: str) -> Quantity:
    value, half = number.value, _AND_A_HALF.match(text, number.end)
    if half and value is not None and value.denominator == 1:
        share = Fraction(1, {"half": 2, "third": 3, "quarter": 4}[half[1].lower()])
        return replace(number, value=value + share, end=half.end())
    unit, end = ("dollar" if currency.endswith("$") or currency.upper() == "USD" else ""), number.end
    for name, pattern in _UNIT_NAMES.items():
        if (found := pattern.match(text, end)) and not unit:
            return replace(number, unit=name, end=found.end(), ratios=ratios(name) or number.ratios)
    if currency:
        return replace(number, unit=unit, ratios=ratios(currency.strip(".")) or ratios("$" if unit else ""))
    found = _UNIT.match(text, end)
    known = ratios(found[1] or found[2]) if found else {}
    return replace(number, end=found.end(), ratios=known) if found and known else number


def _is_unit_letter(text: str, position: int) -> bool:
    found = re.compile(r"[ ]{0,2}([A-Za-z])(?![A-Za-z0-9])").match(text, position)
    return bool(found) and found[1] in _PHYSICAL_LETTERS and text[position : position + 1] != "^"  # type: ignore[index]
