"""Doubts about whether an equation means what its signs say.

A step with a doubt is left out. All functions read a bounded part of the text.
"""

import re

from service.paths.calculator.context import is_withdrawn
from service.paths.calculator.expressions import Expression, Number
from service.paths.calculator.units import unit
from service.paths.calculator.vocabulary import CONJUNCTIONS, FRACTIONS

_CHARS_AFTER = 80
_CHARS_BEFORE = 80
_MAX_SPAN = 600


def is_doubtful(text: str, start: int, end: int, numbers: list[Number], words: list[str]) -> bool:
    """Whether an equation may mean something else than its signs say, or is taken back.

    Args:
        text: the text.
        start: start of the equation.
        end: end of its last number.
        numbers: its numbers.
        words: its units.
    """
    before, after = text[max(0, start - _CHARS_BEFORE) : start], text[end : end + _CHARS_AFTER]
    return bool(
        end - start > _MAX_SPAN
        or not _KNOWN.fullmatch(text, start, min(end + 1, len(text)))
        or not _FRACTION_WORDS.isdisjoint(words)
        or any(_is_glued(text, number) for number in numbers)
        or _CUT_BEFORE.search(before)
        or _CUT_AFTER.match(after)
        or _is_compound(before, after)
        or _names_fraction(after)
        or is_withdrawn(text, start, end)
        or _DISCREDITED.search(_SENTENCE.split(before)[-1])
        or _CORRECTED.match(after)
    )


# Letters, and signs of the tokenizer. Digits of other scripts, ½ and symbols are left out.
_KNOWN = re.compile(r"(?:[^\W\d_]|[0-9\s+*/×÷·−–—∙⋅=≈()\[\]{}$€£¥₹%\"'’.,`?!:;|\\<>#&“”„«»…✓✔-])*")
_FRACTION_WORDS = FRACTIONS | frozenset(
    "half quarter quarters ninth ninths hundredth hundredths thousandth thousandths tens ones".split()
)


def _is_glued(text: str, number: Number) -> bool:
    """Whether a number is a part of another notation: `1h20`, `0,500`, `5'3`, but not `5x3` and `Rs5`."""
    before = text[max(0, number.start - 2) : number.start]
    letter = before[-1:]
    glued = letter.isalpha() and letter not in "xX" and before != "Rs"
    vulgar = text[number.end : number.end + 1]
    return glued or (vulgar.isnumeric() and not vulgar.isdigit()) or (number.thousands and text[number.start] == "0")


_CUT_BEFORE = re.compile(
    r"(?:[0-9]\s+:\s*|[0-9]:|[0-9)]\s?\*\s?|[/×÷·∙⋅^~±]\s*|\b(?:minus|negative|plus|times|by|over|than)\s)[$(\[]*\Z",
    re.IGNORECASE,
)
_CUT_AFTER = re.compile(r"[)\]%$*]*(?:!(?!\s?[A-Z\n])|\s+:\s*[0-9]|:[0-9]|\s?[/×÷·∙⋅^]\s?[0-9(]|~|'[0-9])")


def _is_compound(before: str, after: str) -> bool:
    """Whether an amount before or after an equation is a part of it: `1 hour 15 minutes`, `1h15`, `2 r 2`."""
    ahead = _AMOUNT_BEFORE.search(before)
    behind = _AMOUNT_AFTER.match(after)
    return bool(
        (ahead and unit(ahead["unit"].lower()))
        or (
            behind
            and (unit(behind["unit"].lower()) or behind["unit"].lower() in _REMAINDER)
            and (not behind["comma"] or unit(behind["next"].lower()))
        )
    )


_AMOUNT_BEFORE = re.compile(r"[0-9]\s?(?P<unit>[A-Za-z]{1,12})\.?,?\s?(?:and\s)?\$?\Z")
_AMOUNT_AFTER = re.compile(
    r"[)\]]*\s?(?P<unit>[A-Za-z]{1,12})\.?(?P<comma>,?)\s?(?:(?:and|of)\s)?\$?[0-9]+\s?(?P<next>[A-Za-z]{0,12})"
)
_REMAINDER = frozenset(("r", "re", "rem", "remainder", "rest"))


def _names_fraction(after: str) -> bool:
    """Whether the word after a result makes it a fraction: `1/3 + 1/3 = 2 thirds`."""
    word = _NEXT_WORD.match(after)
    return bool(word and word[1].lower() in _FRACTION_WORDS)


_NEXT_WORD = re.compile(r"[\s-]{0,2}([A-Za-z]+)")

_SENTENCE = re.compile(r"[.?!;\n=]")
_DISCREDITED = re.compile(
    r"\b(?:wrong|incorrect|false|untrue|mistak|error|instead\sof|rather\sthan|wrote|writes|says|said|claim|thought|thinks"
    r"|guess|cross(?:ed|ing)?\sout|would\shave|should\s(?:not|n['’]t))|~~\s?\Z",
    re.IGNORECASE,
)
_CORRECTED = re.compile(
    r"[^.?!\n=]{0,60}?(?:\b(?:but|however|though|although|yet)[\s,]{1,2}(?:it|that|this|really|actually|should|correctly"
    r"|i\s(?:meant?|made|was|am)|not?|is|was|the\s(?:right|correct|real|true|answer|result|sum|difference|product|total)"
    r"|\$?[0-9][0-9.,]*(?:\sis|\s?[.!;)\n]|\Z))"
    r"|\b(?:should\s(?:be|have\sbeen)|instead|i\smeant?|i\smade|mistake|error|untrue|incorrect|wrong|false)\b|~~)",
    re.IGNORECASE,
)


def is_bare(text: str, result: Number) -> bool:
    """Whether no word near a result gives it another meaning: `10 / 4 = 2`, but not `10 / 4 = 2 full boxes`."""
    line = text[max(0, result.start - _CHARS_BEFORE) : result.start].rpartition("\n")[2]
    after = text[result.end : result.end + _CHARS_AFTER]
    return not (_NOUN.match(after) or _ON_PURPOSE.search(line) or _ON_PURPOSE.search(after.partition("=")[0]))


_NOUN = re.compile(r"[)\]}*$]{0,3}\s?[(\[]?(?!(?:so|and|then|because|since|therefore|thus)\b)[^\W\d_]", re.IGNORECASE)
_ON_PURPOSE = re.compile(
    r"\b(?:remain|rem\b|rest\b|left|over\b|round|full|whole|complete|nearest|extra|each|every|per\b|short|less|fewer|below"
    r"|under|owe|debt|loss|behind|difference|absolute|between|integer|floor|mod|times\b|how\smany|r\s?[0-9])",
    re.IGNORECASE,
)


def is_plain_number(text: str, number: Number) -> bool:
    """Whether a number before an equals sign is all that the sign relates: `24 = 92 - 68`, but not `3 pens = 2 * 3`."""
    before, after = text[max(0, number.start - _CHARS_BEFORE) : number.start], text[number.end : number.end + 10]
    return bool(_EQUALS_AFTER.match(after)) and bool(_BEGINS.search(before) or _word_before(before) in CONJUNCTIONS)


_EQUALS_AFTER = re.compile(r"%?[\s$]*=")
_BEGINS = re.compile(r"(?:\A|[\n=;]|[.?!:,][\s])[\s$€£¥₹*(]*\Z")


def _word_before(before: str) -> str:
    words = before.rstrip("$€£¥₹( ").rsplit(maxsplit=1)
    return words[-1].lower() if words else ""


def is_direct(text: str, left: Expression, right: Expression) -> bool:
    """Whether only signs stand between the equals sign and the result, and only a unit before it."""
    between = text[left.numbers[-1].end : right.numbers[0].start]
    head, _, tail = between.replace("≈", "=").rpartition("=")
    words = _WORD.findall(head.lower())
    return bool(_SIGNS.fullmatch(tail)) and len(words) <= _MAX_WORDS and _SEVERAL.isdisjoint(words)


_MAX_WORDS = 3
_SIGNS = re.compile(r"[\s$€£¥₹\"`*(\[{]*")
_WORD = re.compile(r"[^\W\d_]+")
_SEVERAL = frozenset("each every per times more less fewer than of".split())
