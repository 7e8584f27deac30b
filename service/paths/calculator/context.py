"""Text around an equation: the numbers before it, and remarks on it.

All functions read a bounded part of the text.
"""

import re
from fractions import Fraction

from service.paths.calculator.expressions import Expression, Number
from service.paths.calculator.vocabulary import ARTICLES, LINK_ENDS, LINKS, MULTIPLIERS, NUMBER_WORDS

_CHARS_BEFORE = 160
_CHARS_AFTER = 80
_CHARS_NEAR = 60
_MAX_NUMBERS = 3


def before(text: str, start: int) -> str:
    """Text between the last equals sign, line end or sentence end, and a position."""
    return _BOUNDARY.split(text[max(0, start - _CHARS_BEFORE) : start])[-1]


_BOUNDARY = re.compile(r"[=≈\n]|[.?!;:](?:\s|(?=[A-Z]))|<<|>>")


def numbers_before(text: str, start: int) -> list[tuple[Fraction, str]]:
    """Numbers and number words that belong to the expression at a position, with their nouns, at most three.

    Relations such as "of", "more than" and "times" link them: `2 boxes of 12 pens at $3`.
    """
    clause = _CLAUSE.split(before(text, start).lower())[-1]
    numbers: list[tuple[Fraction, str]] = []
    end = len(clause)
    for found in reversed(list(_NUMBER.finditer(clause))):
        if found["word"] and found["word"] not in NUMBER_WORDS:
            continue
        link = clause[found.end() : end].split()
        multiplies = found["word"] in MULTIPLIERS and (not link or link[0] in ("of", "as", *ARTICLES))
        if len(link) > _MAX_LINK or LINK_ENDS & {*link} or not (multiplies or not link or LINKS & {*link}):
            break
        if found["word"]:
            value = NUMBER_WORDS[found["word"]]
        else:
            value = Fraction(found["digits"].replace(",", "")) / int(found["divisor"] or 1)
        numbers.insert(0, (value / 100 if found["percent"] else value, link[0] if link else ""))
        end = found.start()
        if len(numbers) == _MAX_NUMBERS:
            break
    return numbers


_MAX_LINK = 7
_CLAUSE = re.compile(r"[,;:(](?!\d)")
_NUMBER = re.compile(
    r"(?P<digits>(?<![\w.,])(?:[0-9]{1,3}(?:,[0-9]{3}){1,4}(?![0-9,])|[0-9]{1,12}(?![0-9]))(?:\.[0-9]{1,6}(?![0-9]))?)"
    r"(?:/(?P<divisor>[1-9][0-9]{0,5})(?![0-9/]))?(?P<percent>\s?%|\spercent\b)?"
    r"|(?P<word>[a-z]+)"
)


def words(text: str, start: int, end: int) -> set[str]:
    """Lower-case words of the sentence that holds an equation, up to a few words after it."""
    part = before(text, start) + " " + text[start:end] + " " + text[end : end + _CHARS_AFTER // 2]
    return {word.lower() for word in _WORD.findall(part)}


_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def is_withdrawn(text: str, start: int, end: int) -> bool:
    """Whether an equation is asked, tried, denied or taken back: `5 * 4 = 25? No`, `Try 5 * 4 = 25`."""
    return bool(
        _WITHDRAWN_AFTER.match(text, end, end + _CHARS_AFTER) or _WITHDRAWN_BEFORE.search(before(text, start)[-40:])
    )


_WITHDRAWN_AFTER = re.compile(
    r"[^.?!\n=]{0,60}\?"
    r"|[^.,;?!\n=]{0,40}(?:[.,;!(]|\s[-–—])\s?(?:[*(]{0,3})"
    r"(?:no|nope|wait|hmm+|oops|sorry|wrong|incorrect|false|not\s(?:right|correct|true|equal|quite)|actually)\b"
    r"|\s*(?:[✗✘❌≠]|(?:is\s)?(?:wrong|false|incorrect)(?=\s*(?:[.,;!)\n]|\Z))|is\s(?:not|impossible)\b|isn['’]t)"
    r"|[^?!\n=]{0,60}?(?:\b(?:that|this|it|which)(?:['’]s|\s(?:is|was|seems|looks|can))?\s?"
    r"(?:not\s(?:right|correct|true|work|possible|what|equal)|wrong|incorrect|false|impossible|a\smistake|an\serror)\b"
    r"|\b(?:that|this|it|which)\s(?:isn|doesn|wasn|can)['’]t\b|\btoo\s(?:high|low|big|small|large|much|many|few)\b"
    r"|\b(?:would|must)\sbe\s(?:wrong|false|incorrect)\b|\bmade\san?\s(?:mistake|error)\b)",
    re.IGNORECASE,
)
_WITHDRAWN_BEFORE = re.compile(
    r"(?:\b(?:what\sif|suppose|supposing|assume|assuming|try|trying|guess|guessing|say|imagine|not|never|isn['’]t|is\sit"
    r"|mistakenly|wrongly|incorrectly)(?:\s(?:that|we|with|for))?[:,]?|\b(?:try|trying|guess|guessing)\s[a-z0-9\s]{1,12}[:,])\s?[$(]*\Z",
    re.IGNORECASE,
)


def is_approximate(text: str, expression: Expression, result: Number) -> bool:
    """Whether words near an equation, or its sign, call the result approximate."""
    start, equals, end = expression.numbers[0].start, expression.numbers[-1].end, result.end
    parts = before(text, start)[-_CHARS_NEAR:], text[equals : end + _CHARS_NEAR]
    return any(_APPROXIMATE.search(part) for part in parts)


_APPROXIMATE = re.compile(
    r"[≈~≅≃]|\b(?:about|around|nearly|almost|close\sto|approx\.?)\s\$?[0-9]|\b(?:approximat|rough|estimat)"
    r"|\b(?:rounded|rounding|rounds|round\s(?:to|up|down|it|the|this|that|each|both)|nearest|or\sso|more\sor\sless)\b"
    r"|\b(?:about|around|nearly|almost|roughly)\s?\$?\s?\Z",
    re.IGNORECASE,
)
