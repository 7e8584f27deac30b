"""Pairs of quantities: lists, ranges, and notations of one amount."""

import re
from fractions import Fraction

from service.paths.phrase.quantities import Quantity

ALTERNATIVES = (",", ";", "or", ",or")
"""Conjunctions that can join two notations of one amount."""

NOUN = (
    r"(?!(?:for|in|of|per|from|with|at|by|on|than|each|every|and|or|to|is|are|was|were|has|have|that)\b)"
    r"[^\W\d_][\w'°-]*"
)
"""Pattern of a word that can be a part of a unit."""

_CONJUNCTION = re.compile(
    rf"[)\]\s]*(?:(?:{NOUN}|for|in|of|per|each|every)\s+){{0,6}}?(?:{NOUN}\s?)?\s?\(?"
    r"(?P<word>,\s?(?:and|or)\b|[,;&±]|\+/-|\b(?:and|or|to|versus|vs|by|past|remainder|rem|r|R|through|until)\b|-|—)"
    r"\s{0,2}(?:(?:also|another|maybe|possibly|perhaps|about|even|the|only|a\sremainder\sof|[a-z]\s?=|[A-Z]\w*\s?:"
    r"|[A-Z]\w+\s\w+)\s{0,2})?\Z"
)
_ROUNDED_DECIMALS = 2  # fewer are an exact decimal
_NEXT_TO = re.compile(r"[)\]\s]*(?:[^\W\d_]*s\s)?\s?\Z")


def conjunction(text: str, one: Quantity, other: Quantity) -> str | None:
    """Word or sign that joins two neighbours to a list, range or pair. Empty if they touch, and None for no pair."""
    between = text[one.end : other.start]
    found = _CONJUNCTION.match(between)
    if found:
        return "".join(found["word"].split())
    return "" if _NEXT_TO.match(between) else None


def agree(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are one amount: 1/2 and 50 %, 10/3 and 3.33, or 2 hours and 120 minutes."""
    if one.value is None or other.value is None:
        return one.text == other.text != ""
    for scale, ratio in one.ratios.items():
        if scale in other.ratios:
            return one.value * ratio == other.value * other.ratios[scale]
    if one.value == other.value:
        return True
    if (one.unit == "percent") != (other.unit == "percent"):
        factor = 100 if other.unit == "percent" else Fraction(1, 100)
        return one.value * factor == other.value
    decimals = max(one.decimals, other.decimals)
    rounds = 0 in (one.decimals, other.decimals) and decimals >= _ROUNDED_DECIMALS
    return rounds and abs(one.value - other.value) * 2 * 10**decimals <= 1
