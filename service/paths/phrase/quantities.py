"""Whole quantities of a plain text.

A quantity takes its sign, its unit, and the smaller units of the same scale that follow it. A quantity that continues
in an unreadable way has a problem and no value.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

from service.paths.numbers import within_limits
from service.paths.phrase import number_words
from service.paths.phrase.measures import is_symbol, ratios
from service.paths.phrase.named_values import START as NAMED_START
from service.paths.phrase.named_values import named_value
from service.paths.phrase.numerals import NOT_READ, SHARES, TOO_LARGE, numeral
from service.paths.work import spend

EXPRESSION = "an expression that is not a number"


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
# The lookaheads only save time: each holds the first letters of its alternative.
_START = re.compile(
    rf"(?<![A-Za-z0-9_])(?:(?=[$€£¥₹₩₽₦₱฿ACEGHIJNRSU])(?P<currency>{_CURRENCY})[ ]{{0,3}}(?:-[ ]?)?(?=\.?[0-9])"
    rf"|(?<!\.)(?=\.?[0-9])|(?=[aefhnopqstz])(?:{number_words.START.pattern})"
    rf"|(?=[ade-hjmnoqst])(?:{NAMED_START.pattern}))",
    re.IGNORECASE,
)
_AND_A_HALF = re.compile(r"[ ](?:[A-Za-z]+[ ])?and[ ](?:an?|one)[ ](half|third|quarter)\b(?![ ]?[a-z])", re.IGNORECASE)
_UNIT_NAMES = {
    "percent": re.compile(r"[ ]{0,2}%|[ -]{0,2}(?:percent|per[ ]cent|pct)\b", re.IGNORECASE),
    "dollar": re.compile(r"[ ]{0,2}(?:\$(?![0-9])|(?:US[ ])?dollars?\b|USD\b|bucks?\b)", re.IGNORECASE),
    "cent": re.compile(r"[ ]{0,2}(?:¢|cents?\b|c(?![A-Za-z0-9]))", re.IGNORECASE),
}
_UNIT = re.compile(r"[ ]{0,2}(?:\(([A-Za-z]{1,20})\)|([A-Za-z]{1,20}|[¢€£₹'\"]))(?:[ ]?\^[ ]?[23])?")
_NEXT_PART = re.compile(r"[ ]{0,2}(?:[,;][ ]{1,2}|[ ])?(?:and[ ]|&[ ])?(?=[0-9a-zA-Z.])")
_CONTINUES = re.compile(
    r"[ ]{0,3}(?:\^|[√∛π∞⊗]|[*x][ ]{0,3}[-$(]?[0-9(.]|\+[ ]{0,3}[-$(]?[0-9(])"
    r"|[ ]?/[ ]?(?:[0-9(.]|[abcefijknopqrt-z](?![A-Za-z]))|\([-0-9]|[.,'_:][0-9]|:[ ]?[0-9]"
    r"|[ ]{0,2}[b-zB-Z](?![A-Za-z0-9'.°]|-[A-Za-z])|[\u0300-\u036f]"
)
_UNIT_LETTER = re.compile(r"[ ]{0,2}[mghlsdcpCFLVWAJN](?![A-Za-z0-9])")
_GLUED = re.compile(r"(?<=[A-Za-z0-9])[A-Za-zα-ωΑ-Ω]{1,2}(?![A-Za-zα-ωΑ-Ω])")
_NEGATIVE = re.compile(r"(?<![0-9)%])(?<![0-9)%][ ])\b(?:minus|negative)[ ]?\Z", re.IGNORECASE)
_OPENS_A_NUMBER = "=(:,;[<>≈→*/^\n≤≥.!?"
_MAX_PARTS = 4
_WORK = 30  # of a quantity
_SIGN_CHARS = 40  # a sign, a word and spaces before a number
_MAX_PART = 100  # a smaller unit that is a hundred times the larger one is a number of its own


def scan(text: str) -> list[Quantity]:
    """All quantities of a text, in order."""
    return list(_quantities(text))


def has_quantity(text: str) -> bool:
    """Whether a text has a quantity."""
    return next(_quantities(text), None) is not None


def _quantities(text: str) -> Iterator[Quantity]:
    position = 0
    while match := _START.search(text, position):
        spend(_WORK)
        quantity = _quantity(text, match)
        if quantity is None:
            position = match.end() + 1
            continue
        yield quantity
        position = max(quantity.end, match.end(), match.start() + 1)


def _quantity(text: str, match: re.Match[str]) -> Quantity | None:
    """Quantity at a start, with the smaller units that belong to it."""
    if not match["currency"] and (named := named_value(text, match.start())):
        return Quantity(match.start(), named[1], text=named[0])
    whole = last = _single(text, match)
    for _ in range(_MAX_PARTS):
        part = _part(text, last) if last is not None and last.value is not None else None
        if whole is None or whole.value is None or last is None or part is None or part.value is None:
            break
        scale = next(iter(part.ratios))
        added = part.value * Fraction(part.ratios[scale], whole.ratios[scale])
        value = whole.value + (added if whole.value >= 0 else -added)
        whole = replace(whole, value=value, end=part.end, decimals=0, ratios={scale: whole.ratios[scale]})
        last = part
    return whole


def _part(text: str, larger: Quantity) -> Quantity | None:
    """Quantity of a smaller unit that continues a larger one, with the scale that both have."""
    gap = _NEXT_PART.match(text, larger.end) if larger.ratios else None
    start = _START.match(text, gap.end()) if gap else None
    if start is None or start["currency"] or named_value(text, start.start()):
        return None
    part = _single(text, start)
    if part is None or part.value is None or part.weak or "/" in text[part.start : part.end]:
        return None
    for scale, ratio in larger.ratios.items():
        smaller = part.ratios.get(scale, ratio)
        if smaller < ratio and part.value * smaller < ratio * _MAX_PART:
            return replace(part, ratios={scale: smaller})
    return None


def _single(text: str, match: re.Match[str]) -> Quantity | None:
    """Quantity with at most one unit."""
    start, sign = _sign(text, match)
    currency = match["currency"] or ""
    number = numeral(text, match.end() if currency else match.start(), money=bool(currency))
    if number is None:
        return None
    value = None if number.value is None else number.value * sign
    found = Quantity(start, number.end, value, "", number.decimals, "", number.ratios, number.weak, number.problem)
    if value is None:
        return found
    found = _with_unit(text, found, currency)
    problem = _problem(text, found)
    return replace(found, value=None, problem=problem) if problem else found


def _problem(text: str, found: Quantity) -> str:
    """Reason why a quantity is not whole, or empty."""
    if _CONTINUES.match(text, found.end) and not _UNIT_LETTER.match(text, found.end):
        return EXPRESSION
    glued = _GLUED.match(text, found.end)
    if glued and not is_symbol(glued[0]):
        return EXPRESSION
    if number_words.runs_on(text, found.end):
        return NOT_READ
    return "" if found.value is not None and within_limits(found.value) else TOO_LARGE


def _sign(text: str, match: re.Match[str]) -> tuple[int, int]:
    """Start of a number with its sign, and the sign. A dash between a word and a space is a separator."""
    inner = -1 if "-" in match[0] else 1
    begin = max(0, match.start() - _SIGN_CHARS)
    if word := _NEGATIVE.search(text, begin, match.start()):
        return word.start(), -inner
    before = text[begin : match.start()]
    dashed = before.rstrip(" ")
    if not dashed.endswith(("-", "—", "+")):
        return match.start(), inner
    previous = dashed[:-1].rstrip(" ")
    opens = not previous or previous[-1] in _OPENS_A_NUMBER
    attached = dashed == before and previous != dashed[:-1]  # "a change of -5"
    if not opens and not (dashed[-1] == "-" and attached and previous[-1].isalpha()):
        return match.start(), inner
    return begin + len(dashed) - 1, inner if dashed[-1] == "+" else -inner


def _with_unit(text: str, number: Quantity, currency: str) -> Quantity:
    """Quantity with the unit that follows its number, or the currency before it."""
    value, half = number.value, _AND_A_HALF.match(text, number.end)
    if half and value is not None and value.denominator == 1:
        return replace(number, value=value + SHARES[half[1].lower()], end=half.end())
    unit, end = ("dollar" if currency.endswith("$") or currency.upper() == "USD" else ""), number.end
    for name, pattern in _UNIT_NAMES.items():
        if (found := pattern.match(text, end)) and not unit:
            return replace(number, unit=name, end=found.end(), ratios=ratios(name) or number.ratios)
    if currency:
        return replace(number, unit=unit, ratios=ratios(currency.strip(".")) or ratios("$" if unit else ""))
    found = _UNIT.match(text, end)
    known = ratios(found[1] or found[2]) if found else {}
    return replace(number, end=found.end(), ratios=known) if found and known else number
