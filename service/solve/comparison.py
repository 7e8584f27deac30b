"""Comparison of what a response states with the right answer."""

import re
from dataclasses import dataclass, replace

from service.paths.answer import Answer, parse_answer
from service.paths.calculator.units import conversions, named_ratios, unit
from service.paths.cot import rationale_of
from service.paths.equality import agree, may_be_other_notation, may_be_rounded
from service.paths.mentions import Mentions
from service.paths.response import ResponseReading, kind_of, read_response
from service.paths.work import WorkLimitError, limited
from service.types import GradeVerdict

_ROUNDED = "The response may be the answer, rounded."
_CONVERTED = "The response may be the answer in another unit."
_UNITS = "The response and the answer have different units."
_NOTATION = "The response may be the answer in another notation."
_TOO_MUCH_WORK = "The response has too many numbers to compare."
_HALF_DAY = "The response leaves out am or pm."
_WORD = re.compile(r"[a-z]+")
_TIME = re.compile(r"([0-9]{1,2}:[0-9]{2})(?: ([ap]m))?")
_SIGNS = {"$": "dollar", "€": "euro"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Result of a comparison.

    Args:
        given: answer that the response states, or None.
        verdict: verdict on the response.
        reason: reason of an undecided verdict in one sentence, else empty.
    """

    given: Answer | None
    verdict: GradeVerdict = GradeVerdict.UNDECIDED
    reason: str = ""


def compare(response: str, answer: Answer | None, expected: str = "") -> Comparison:
    """Comparison of a response with the right answer.

    A response is correct only if it states one answer without taking it back. It is incorrect only if no other number
    of it can be the right answer.

    Args:
        response: text of the response.
        answer: right answer, or None if it is unknown.
        expected: text that states the answer with its unit.
    """
    reading = read_response(response)
    if not reading.answers:
        return Comparison(None, reason=f"No answer was read from the response: {reading.reason}.")
    if answer is None:
        return Comparison(reading.answers[0])
    try:
        with limited():
            return _compare(response, reading, answer, expected)
    except WorkLimitError:
        return Comparison(reading.answers[0], reason=_TOO_MUCH_WORK)


def _compare(response: str, reading: ResponseReading, answer: Answer, expected: str) -> Comparison:
    mentions = Mentions.of(rationale_of(response))
    texts = _Texts(mentions, Mentions.of(expected), _words(f"{response} {expected}"))
    compared = _best(reading, answer, texts)
    if compared.given and compared.verdict is not GradeVerdict.UNDECIDED and (doubt := mentions.doubt(compared.given)):
        return Comparison(compared.given, reason=f"{doubt}.")
    if compared.verdict is not GradeVerdict.INCORRECT or compared.given is None:
        return compared
    if mentions.states(answer, texts.expected.unit_of(answer), compared.given):
        return Comparison(compared.given, reason=f"The response also states {answer.text}.")
    return compared


@dataclass(frozen=True, slots=True)
class _Texts:
    """Numbers of the response and of the expected text, and the words of both."""

    response: Mentions
    expected: Mentions
    words: frozenset[str]


def _words(text: str) -> frozenset[str]:
    signs = {name for sign, name in _SIGNS.items() if sign in text}
    return frozenset(_WORD.findall(text.lower())) | signs


def _best(reading: ResponseReading, answer: Answer, texts: _Texts) -> Comparison:
    """Comparison of the answer that is correct, else of the one of the right kind."""
    compared = [_of_one(given, answer, texts) for given in reading.answers]
    is_kind = [kind_of(given) == kind_of(answer) for given in reading.answers]
    correct = (one for one in compared if one.verdict is GradeVerdict.CORRECT)
    same_kind = (one for one, is_same in zip(compared, is_kind, strict=True) if is_same)
    return next(correct, None) or next(same_kind, compared[0])


def _of_one(given: Answer, answer: Answer, texts: _Texts) -> Comparison:
    if times := _of_times(given, answer):
        return times
    if kind_of(given) != kind_of(answer):
        return Comparison(given, reason=f"The response gives {kind_of(given)}, and the answer is {kind_of(answer)}.")
    if given.value is None or answer.value is None:
        return Comparison(given, GradeVerdict.CORRECT if given == answer else GradeVerdict.INCORRECT)
    own, right = texts.response.unit_of(given), texts.expected.unit_of(answer)
    if own and right and own != right:
        return _in_units(given, answer, own, right)
    if agree(given, answer):
        others = {unit(word) for word in texts.words} - {right}
        is_other = right and not own and any(conversions(right, other) for other in others)
        return Comparison(given, reason=_CONVERTED) if is_other else Comparison(given, GradeVerdict.CORRECT)
    if may_be_rounded(given, answer):
        return Comparison(given, reason=_ROUNDED)
    if may_be_other_notation(given, answer):
        return Comparison(given, reason=_NOTATION)
    if given.value and answer.value and not (own and own == right):
        ratio = abs(given.value / answer.value)
        if max(ratio, 1 / ratio) in named_ratios(texts.words):
            return Comparison(given, reason=_CONVERTED)
    return Comparison(given, GradeVerdict.INCORRECT)


def _in_units(given: Answer, answer: Answer, own: str, right: str) -> Comparison:
    """Comparison of two amounts with different units."""
    assert given.value is not None
    factors = conversions(own, right)
    if not factors:
        return Comparison(given, reason=_UNITS)
    target = replace(answer, unit=None)
    amounts = [replace(given, value=given.value * factor, decimals=0, unit=None) for factor in factors]
    if any(agree(amount, target) for amount in amounts):
        is_sure = len(amounts) == 1
        return Comparison(given, GradeVerdict.CORRECT) if is_sure else Comparison(given, reason=_CONVERTED)
    if any(may_be_rounded(amount, target) for amount in amounts):
        return Comparison(given, reason=_ROUNDED)
    return Comparison(given, GradeVerdict.INCORRECT)


def _of_times(given: Answer, answer: Answer) -> Comparison | None:
    """Comparison of two times, one of which can be the number of a full hour. None for other answers or faces."""
    own, right = _time(given), _time(answer)
    numbers = [one for one in (given, answer) if one.value is not None]
    if own is None or right is None or len(numbers) > 1:
        return None
    if own[0] != right[0] or (own[1] and right[1] and own != right):
        return None if numbers else Comparison(given, GradeVerdict.INCORRECT)
    is_half_open = right[1] and not own[1]
    return Comparison(given, reason=_HALF_DAY) if is_half_open else Comparison(given, GradeVerdict.CORRECT)


def _time(answer: Answer) -> tuple[str, str] | None:
    """Clock face and half of the day, or None. A whole number is a full hour."""
    text = f"{answer.text}:00" if answer.value is not None and answer.text.isdecimal() else answer.text
    read = parse_answer(text) if answer.value is not None else answer
    found = _TIME.fullmatch(read.text) if read else None
    return (found[1], found[2] or "") if found else None
