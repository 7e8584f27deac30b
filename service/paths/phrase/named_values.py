"""Answers that are not numbers.

These are yes and no, option letters, clock times, ratios, dates, weekdays and months.
"""

import calendar
import math
import re
from fractions import Fraction

_CHOICE = re.compile(
    r"(?:the\s)?(?:(?:(?:option|choice|letter)\s{1,3}(?:\(([A-E])\)|([A-E])\b)|\(\s?([A-E])\s?\)|\[([A-E])\]|([A-E])\))(?![\w(])"
    r"|(?-i:([A-E]))(?:[.:](?!\w)|\s{0,3}(?:$|[,;—]|-\s|\()|(?<!A)\s(?:because|since|as)\b))",
    re.IGNORECASE,
)
_ANOTHER_CHOICE = re.compile(r"\s{0,3}(?:,|and|or|&|,\s?and)\s{0,3}\(?[A-E](?:\)|\b(?!\s(?!and\b|or\b)[a-z]))")
_YES_NO = re.compile(
    r"\(?(?:(yes|true)|(no|false))\b(?:\s{0,3}(?:[.,;:!)—'\x22]|-|$)|\s(?:because|since|as|it|he|she|they|we|there)\b)",
    re.IGNORECASE,
)
_YES_OR_NO = re.compile(
    r"\(?(?:yes|no|true|false)(?:\s{0,3}/\s{0,3}|,?\sor\s)(?:yes|no|true|false)\b|(?:yes|no)\sand\s(?:yes|no)\W{0,3}$",
    re.IGNORECASE,
)
_YES = re.compile(r"\(?yes\b(?![-'])", re.IGNORECASE)

_HALF = r"(?:[ ]?([ap]m)\b|[ ]in[ ]the[ ](morning|afternoon|evening)|[ ]at[ ](night))?"
_TIME = re.compile(
    rf"([0-9]{{1,2}}):([0-5][0-9])(?::([0-5][0-9]))?(?![0-9]|:[0-9]|[ ]?(?:h|hr|hour|min|minute)s?\b){_HALF}",
    re.IGNORECASE,
)
_HOUR = re.compile(rf"([0-9]{{1,2}})(?:[ ]?([ap]m)\b|[ ]?o'[ ]?clock{_HALF})", re.IGNORECASE)
_PAST = re.compile(r"(half[ ]past|quarter[ ]past|quarter[ ]to)[ ]([0-9]{1,2}|[a-z]+)\b" + _HALF, re.IGNORECASE)
_HOURS = "one two three four five six seven eight nine ten eleven twelve".split()
_WORD_HOUR = re.compile(rf"({'|'.join(_HOURS)})[ ]o'[ ]?clock{_HALF}", re.IGNORECASE)
_TWELVE = re.compile(r"12[ ](noon|midnight)\b", re.IGNORECASE)
_NOON = {"noon": "12:00 pm", "midnight": "12:00 am"}

_TERM = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
_RATIO = re.compile(
    rf"{_TERM}(?:(?::{_TERM})+|(?:\s:\s{_TERM})+)(?![.:]?[0-9]|[A-Za-z]|[ ]?(?:h|hr|hour|min|minute)s?\b)"
)
_RATIO_IN_WORDS = re.compile(rf"({_TERM})\s(?:to|is\sto)\s({_TERM})(?![.,:]?[0-9])")

_MONTHS = [name for name in calendar.month_name if name]
_WEEKDAYS = list(calendar.day_name)
_MONTH = rf"({'|'.join(_MONTHS)}|{'|'.join(name[:3] for name in _MONTHS)}|Sept)\b\.?"
_YEAR = r"(?:,?[ ]([12][0-9]{3})\b)?(?![0-9])"
_ISO_DATE = re.compile(r"([12][0-9]{3})-([0-9]{2})-([0-9]{2})(?![0-9-])")
_DAY_MONTH = re.compile(rf"([0-9]{{1,2}})(?:st|nd|rd|th)?[ ](?:day[ ])?(?:of[ ])?{_MONTH}{_YEAR}")
_MONTH_DAY = re.compile(rf"{_MONTH}[ ](?:the[ ])?([0-9]{{1,2}})(?:st|nd|rd|th)?(?![0-9:.]*[0-9]|[A-Za-z%]){_YEAR}")
_MONTH_YEAR = re.compile(rf"{_MONTH},?[ ]([12][0-9]{{3}})(?![0-9.,]*[0-9])")
_NAME = re.compile(rf"(?:(?:on|in)\s)?(?:a\s)?({'|'.join(_WEEKDAYS + _MONTHS)})\s{{0,3}}(?:[.!;)]|,(?!.*[0-9])|$)")

START = re.compile(
    rf"\b(?:noon|midnight|half[ ]past|quarter[ ](?:past|to)|{_MONTH}[ ]|(?:{'|'.join(_HOURS)})[ ]o')",
    re.IGNORECASE,
)
"""Start of a time or a date that does not begin with a digit."""


def word_answer(phrase: str) -> str | None:
    """Option letter, yes or no at the start of a phrase."""
    choice = _CHOICE.match(phrase)
    if choice:
        several = _ANOTHER_CHOICE.match(phrase, choice.end() - phrase[: choice.end()].endswith(","))
        return None if several else next(letter for letter in choice.groups() if letter).upper()
    if _YES_OR_NO.match(phrase):
        return None
    found = _YES_NO.match(phrase)
    if found:
        return "yes" if found[1] else "no"
    return "yes" if _YES.match(phrase) else None


def name(phrase: str) -> str | None:
    """Weekday or month that is the whole phrase."""
    found = _NAME.match(phrase)
    return found[1] if found else None


def named_value(text: str, start: int) -> tuple[str, int] | None:
    """Canonical text of a time, date or ratio at a position, and its end."""
    return _time(text, start) or _date(text, start) or _ratio(text, start)


def _time(text: str, start: int) -> tuple[str, int] | None:
    for word, time in _NOON.items():
        if text[start : start + len(word)].lower() == word:
            return time, start + len(word)
    if found := _TWELVE.match(text, start):
        return _NOON[found[1].lower()], found.end()
    if found := _PAST.match(text, start):
        hour = (
            _HOURS.index(found[2].lower()) + 1
            if found[2].lower() in _HOURS
            else int(found[2])
            if found[2].isdigit()
            else 0
        )
        minute = {"half past": 30, "quarter past": 15, "quarter to": 45}[found[1].lower()]
        hour = (hour - 2) % 12 + 1 if minute == 45 and hour else hour
        return _clock(hour, minute, "", _half(found, 3), found.end())
    if found := _WORD_HOUR.match(text, start):
        return _clock(_HOURS.index(found[1].lower()) + 1, 0, "", _half(found, 2), found.end())
    if found := _TIME.match(text, start):
        return _clock(int(found[1]), int(found[2]), found[3] or "", _half(found, 4), found.end())
    if found := _HOUR.match(text, start):
        return _clock(int(found[1]), 0, "", (found[2] or "").lower() or _half(found, 3), found.end())
    return None


def _half(found: re.Match[str], group: int) -> str:
    meridiem, part, night = found.group(group, group + 1, group + 2)
    if meridiem:
        return meridiem.lower()
    return "am" if part and part.lower() == "morning" else "pm" if part or night else ""


def _clock(hour: int, minute: int, seconds: str, half: str, end: int) -> tuple[str, int] | None:
    """Time of twelve hours. Hours up to 12 without am or pm remain ambiguous."""
    if hour > 24 or (half and not 1 <= hour <= 24) or (hour == 24 and minute):
        return None
    if hour in (0, 24):
        half = "am"
    elif hour > 12:
        half = "pm"
    text = f"{(hour - 1) % 12 + 1}:{minute:02d}" + (f":{seconds}" if seconds not in ("", "00") else "")
    return f"{text} {half}".rstrip(), end


def _date(text: str, start: int) -> tuple[str, int] | None:
    if found := _ISO_DATE.match(text, start):
        return _day(int(found[1]), int(found[2]), int(found[3]), found.end())
    if found := _DAY_MONTH.match(text, start):
        return _day(int(found[3] or 0), _month(found[2]), int(found[1]), found.end())
    if found := _MONTH_DAY.match(text, start):
        return _day(int(found[3] or 0), _month(found[1]), int(found[2]), found.end())
    if found := _MONTH_YEAR.match(text, start):
        return f"{_MONTHS[_month(found[1]) - 1]} {found[2]}", found.end()
    return None


def _month(written: str) -> int:
    return next(number for number, month in enumerate(_MONTHS, 1) if month.startswith(written[:3]))


def _day(year: int, month: int, day: int, end: int) -> tuple[str, int] | None:
    if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(year or 2000, month)[1]):
        return None
    return (f"{year}-{month:02d}-{day:02d}" if year else f"{_MONTHS[month - 1]} {day}"), end


def _ratio(text: str, start: int) -> tuple[str, int] | None:
    found = _RATIO.match(text, start)
    if found is None and "ratio" in text.lower():
        found = _RATIO_IN_WORDS.match(text, start)
    if found is None:
        return None
    terms = [Fraction(term) for term in re.findall(_TERM, found[0])]
    common = math.lcm(*(term.denominator for term in terms))
    whole = [int(term * common) for term in terms]
    divisor = math.gcd(*whole)
    if not all(whole):
        return None
    parts = [str(term // divisor) for term in whole]
    text = ":".join(parts)
    time = _time(text, 0)  # 13:40 would read back as 1:40 pm
    return (text if time is None or time[0] == text else " : ".join(parts)), found.end()
