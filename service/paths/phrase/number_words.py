"""Number words: cardinals of any size, fractions in words, and scale words."""

import re
from fractions import Fraction

_BELOW_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_ONES = {word: number for number, word in enumerate(_BELOW_TWENTY.split())}
_TENS = {
    word: 10 * number for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
} | {"fourty": 40}
_SCALES = {
    "thousand": 10**3, "lakh": 10**5, "lac": 10**5, "million": 10**6, "crore": 10**7, "billion": 10**9,
    "trillion": 10**12, "dozen": 12,
}  # fmt: skip
_ALL_SCALES = _SCALES | {
    "hundred": 100, "gross": 144, "bn": 10**9, "mn": 10**6, "mln": 10**6, "mio": 10**6,
    "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8,
}  # fmt: skip
_DENOMINATORS = {
    "half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "twelfth": 12, "sixteenth": 16, "twentieth": 20, "hundredth": 100, "thousandth": 1000,
}  # fmt: skip
_NUMERATORS = {"a": 1, "an": 1} | _ONES

_NAMES = "|".join(sorted((_ONES | _TENS).keys(), key=len, reverse=True))
START = re.compile(
    rf"(?<![\w'-])(?:{_NAMES}|half|quarter|point(?=\s(?:{_NAMES}))|an?\s(?={'|'.join(_ALL_SCALES)}|half|quarter|"
    rf"(?:third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)\b|[a-z]+\sand\s))\b",
    re.IGNORECASE,
)
"""Start of a number in words."""
_WORD = re.compile(r"(?:[ \t]{1,3}|-|,[ \t])?([A-Za-z]+)")
_SCALE = re.compile(rf"[ \t]{{0,3}}-?(?:({'|'.join(_ALL_SCALES)})s?|(score))(?![A-Za-z])", re.IGNORECASE)
_SCORE = 20
_FRACTION = re.compile(
    rf"(?:({'|'.join(_NUMERATORS)}|[0-9]{{1,2}})[ \t-]{{1,3}})?({'|'.join(_DENOMINATORS)})(s)?(?![A-Za-z])",
    re.IGNORECASE,
)
_OF_A_SCALE = re.compile(rf"[ ](?:of[ ])?an?(?=[ ](?:{'|'.join(_ALL_SCALES)})\b)", re.IGNORECASE)
_RUNS_ON = re.compile(
    rf"(?:[ \t]{{1,3}}|-)(?:{_NAMES}|(?<=-)(?:first|second|{'|'.join(_DENOMINATORS)})|hundred|{'|'.join(_SCALES)})\b",
    re.IGNORECASE,
)
_POINT = re.compile(rf"[ \t]?point((?:[ \t](?:{'|'.join(_BELOW_TWENTY.split()[:10])}))+)\b", re.IGNORECASE)
_MAX_WORDS = 40


def cardinal(text: str, start: int) -> tuple[Fraction, int] | None:
    """Number in words at a position, and its end: "two thousand three hundred and five"."""
    total, group, below, end, position = 0, -1, 10**15, start, start  # a group is a number below the next scale word
    for _ in range(_MAX_WORDS):
        found = _WORD.match(text, position)
        if found is None or (position == start and found.start(1) != start):
            break
        word, position = found[1].lower(), found.end()
        if word == "and":
            if not (group >= 100 and group % 100 == 0) and not (group < 0 and total):
                break
            continue
        if word in _ONES or word in _TENS:
            group = _joined(group, _ONES.get(word, -1), _TENS.get(word, -1))
            if group < 0:
                return None
        elif word in ("a", "an") and group < 0 and not total:
            group = 1
            continue
        elif word == "hundred" and 0 < group < 100:
            group *= 100
        elif word in _SCALES and group > 0 and _SCALES[word] < below:
            total, below, group = total + group * _SCALES[word], _SCALES[word], -1
        else:
            break
        end = position
    return (Fraction(total + max(group, 0)), end) if end > start else None


def fraction(text: str, start: int) -> tuple[Fraction, int] | None:
    """Fraction in words at a position, and its end: "half", "two thirds", "a quarter"."""
    found = _FRACTION.match(text, start)
    if found is None:
        return None
    name, top = found[2].lower(), (found[1] or "").lower()
    plural = bool(found[3]) or name == "halves"
    if (not top and name not in ("half", "quarter")) or (plural and top in ("", "a", "an", "one", "1")):
        return None
    if top.isdigit() and (
        (not plural and (top != "1" or name == "quarter"))
        or (plural and name == "quarter" and not text[found.end() :].lstrip().startswith("of"))
    ):
        return None  # "3 quarters" are coins, and "5 third" not a fraction
    if not top.isdigit() and not plural and top not in ("", "a", "an", "one"):
        return None
    numerator = int(top) if top.isdigit() else _NUMERATORS.get(top, 1)
    of = _OF_A_SCALE.match(text, found.end())
    return Fraction(numerator, _DENOMINATORS[name]), of.end() if of else found.end()


def scale(text: str, start: int) -> tuple[int, int] | None:
    """Factor of a scale word at a position, and its end: " million", " dozen"."""
    found = _SCALE.match(text, start)
    if found is None:
        return None
    return (_ALL_SCALES[found[1].lower()] if found[1] else _SCORE), found.end()


def decimals(text: str, start: int) -> tuple[str, int] | None:
    """Digits of " point two five" at a position, and their end."""
    found = _POINT.match(text, start)
    return ("".join(str(_ONES[word]) for word in found[1].lower().split()), found.end()) if found else None


def runs_on(text: str, start: int) -> bool:
    """Whether another number word follows directly, so that what was read is not the whole."""
    return _RUNS_ON.match(text, start) is not None


def _joined(group: int, ones: int, tens: int) -> int:
    """Group with another word added, or -1 if the two words do not form a number."""
    number = max(ones, tens)
    if group < 0:
        return number
    if group >= 100 and group % 100 == 0 and number > 0:
        return group + number
    return group + ones if 20 <= group % 100 <= 90 and group % 10 == 0 and 1 <= ones <= 9 else -1
