"""Text around an equation: the numbers near it, and remarks on it.

All functions read a bounded part of the text.
"""

import re
from collections.abc import Iterator
from fractions import Fraction

from service.paths.calculator.expressions import Expression, Number
from service.paths.calculator.units import unit
from service.paths.calculator.vocabulary import ARTICLES, LABELS, LINK_ENDS, LINKS, MULTIPLIERS, NUMBER_WORDS

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
        if _EACH.search(clause, 0, found.start()):
            link = ["each", *(word for word in link if word not in ("has", "have"))]
        multiplies = found["word"] in MULTIPLIERS and (not link or link[0] in ("of", "as", *ARTICLES))
        if (
            len(link) > _MAX_LINK
            or LINK_ENDS & {*link}
            or not (multiplies or not link or LINKS & {*link} or (len(link) == 1 and unit(link[0])))
        ):
            break
        numbers.insert(0, (_value(found), link[0] if link else ""))
        end = found.start()
        if len(numbers) == _MAX_NUMBERS:
            break
    return numbers


def _value(number: re.Match[str]) -> Fraction:
    """Value of a match of `_NUMBER`."""
    if number["word"]:
        return NUMBER_WORDS[number["word"]]
    value = Fraction(number["digits"].replace(",", "")) / int(number["divisor"] or 1)
    return value / 100 if number["percent"] else value


def counts_near(text: str, expression: Expression, end: int) -> list[Fraction]:
    """Last two counts of the sentence before an equation, and those of the clause after it: `In 4 days: 6 + 2 = 32`.

    Numbers of labels and equations do not count, nor do operands: `Subtract 7 from 12: 12 - 7 = 35`.

    Args:
        text: the text.
        expression: left side of the equation.
        end: end of its result.
    """
    start = expression.numbers[0].start
    before_it = _EQUATION_END.split(text[max(0, start - _CHARS_BEFORE) : start].lower())[-1]
    after_it = _CLAUSE_END.split(text[end : end + _CHARS_NEAR].lower(), maxsplit=1)[0]
    counts = [list(_counts(part, expression.values)) for part in (before_it, after_it)]
    return counts[0][-_MAX_COUNTS:] + counts[1][:_MAX_COUNTS]


def _counts(part: str, operands: list[Fraction]) -> Iterator[Fraction]:
    """Whole numbers above one that count things in lower-case text."""
    for found in _NUMBER.finditer(part):
        if found["word"] and found["word"] not in NUMBER_WORDS:
            continue
        value, words_before = _value(found), part[: found.start()].split()[-1:]
        if value <= 1 or value.denominator > 1 or not _COUNTED.match(part, found.end()) or LABELS & {*words_before}:
            continue
        if value not in operands or _FOR_EACH & {*words_before}:
            yield value


_MAX_COUNTS = 2
_FOR_EACH = frozenset(("for", "in", "over", "during"))
_EQUATION_END = re.compile(r"[=≈]\s?\$?[0-9.,]*|\n|[.?!;](?:\s|\Z)|<<|>>")
_CLAUSE_END = re.compile(r"[=≈\n,;:]|[.?!](?:\s|\Z)|<<|>>|\b(?:so|and|then)\b")
_COUNTED = re.compile(
    r"[\s-](?!(?:more|fewer|less|times|amounts|numbers|values|results|sums|totals|quantities|figures)\b)[a-z]{2}"
)

_MAX_LINK = 7
_EACH = re.compile(r"\b(?:each|every\sone)\sof\s(?:[a-z]+\s)?\Z")
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


def is_average(text: str, start: int, end: int) -> bool:
    """Whether words of the line before an equation, or directly after it, call it an average."""
    line = text[max(0, start - _CHARS_NEAR) : start].rpartition("\n")[2]
    return bool(_AVERAGE.search(_SENTENCE_END.split(line)[-1]) or _ON_AVERAGE.match(text, end))


_SENTENCE_END = re.compile(r"(?<!avg)[.?!;]\s", re.IGNORECASE)
_AVERAGE = re.compile(r"\b(?:averag(?:e|es|ed|ing)|avg|mean|median)\b", re.IGNORECASE)
_ON_AVERAGE = re.compile(r"[^.,;?!=\n0-9]{0,30}\bon\saverage\b", re.IGNORECASE)


def is_withdrawn(text: str, start: int, end: int) -> bool:
    """Whether an equation is asked, tried, denied or taken back: `5 * 4 = 25? No`, `Try 5 * 4 = 25`.

    Args:
        text: the text.
        start: start of the first operand.
        end: end of the result.
    """
    remark = text[end : end + _CHARS_AFTER].partition("=")[0]
    return bool(
        _OBJECTION.match(remark)
        or _JUDGEMENT.search(remark)
        or _TRIAL.search(text[max(0, start - _CHARS_NEAR) : start])
    )


_OBJECTION = re.compile(
    r"[^.?!\n]{0,60}\?|\s?(?:[✗✘❌≠]|<-|(?:is\s)?(?:wrong|false|incorrect)(?=\s?(?:[.,;!)\n]|\Z))"
    r"|is\san?\s(?:wrong|false|incorrect)\b)"
    r"|[^.,;?!\n]{0,40}(?:\.{1,3}|[…,;!(\[\n]|\s[-–—])\s?[*(]{0,3}(?:no|nope|wait|hmm+|oops|sorry|wrong|incorrect|false"
    r"|actually|correction|scratch\sthat|not\s(?:right|correct|true|equal|quite)"
    r"|let\sme\s(?:re|try\sagain|correct|fix|check\sagain)\w*)\b",
    re.IGNORECASE,
)
_JUDGEMENT = re.compile(
    r"^[^?!\n]{0,60}?\b(?:(?:that|this|it|which)(?:\sis|\swas|\sseems|\slooks|['’]s)?"
    r"\s(?:wrong|incorrect|false|impossible|an?\s(?:mistake|error)|not\s(?:right|correct|true|what|possible|[$0-9]))"
    r"|(?:is|was)(?:\snot|n['’]t)\s(?:right|correct|true|possible|equal)|[0-9]\sis\snot\s[0-9]"
    r"|(?:(?:does|did|would|could|can)\snot|(?:does|did|would|could|ca)n['’]t|cannot)"
    r"\s(?:hold|work|match|add\sup|fit|make\ssense|equal|be\b)"
    r"|(?:would|must)\sbe\s(?:wrong|false|incorrect|too\s)|too\s(?:high|low|big|small|large|much)\b"
    r"|(?:by|made\sa|a)\smistake)",
    re.IGNORECASE,
)
_TRIAL = re.compile(
    r"\b(?:(?:what\sif|suppos|assum|try|guess|say|imagin|not(?!e|ing)|never|(?:is|was)n['’]t|is\sit|mistakenly|wrongly|incorrectly"
    r"|claim|false|untrue|wrong|incorrect|think|thought|(?:can['’]t|cannot|not)\s(?:the\scase|be))(?:e|ed|ing|s)?"
    r"(?:\s(?:that|we|with|for|computed|wrote|said|says|true|right|correct|possible|so))*[:,]?"
    r"|(?:try|guess)(?:ing)?\s[a-z0-9\s]{1,12}[:,])\s?[$(]*\Z",
    re.IGNORECASE,
)


def is_approximate(text: str, expression: Expression, result: Number) -> bool:
    """Whether words near an equation, or its sign, call the result approximate."""
    start, equals, end = expression.numbers[0].start, expression.numbers[-1].end, result.end
    line = text[max(0, start - _CHARS_NEAR) : start].rpartition("\n")[2]
    parts = line, text[equals : end + _CHARS_NEAR]
    stated = re.compile(rf"\b(?:{_ABOUT})\s\$?{re.escape(text[result.start : end])}(?![0-9])", re.IGNORECASE)
    return bool(_BEFORE_RUN.search(line)) or any(_APPROXIMATE.search(part) or stated.search(part) for part in parts)


_ABOUT = r"about|around|nearly|almost|close\sto|roughly"
_BEFORE_RUN = re.compile(rf"\b(?:{_ABOUT})\s?\$?\Z", re.IGNORECASE)
_APPROXIMATE = re.compile(
    r"[≈~≅≃]|\b(?:approx|rough|estimat)|\b(?:rounded|rounding|rounds|nearest|or\sso|more\sor\sless)\b|\babout(?=[.)])"
    r"|\bround\s(?:to|up|down|it|the|this|that|each|both)\b",
    re.IGNORECASE,
)
