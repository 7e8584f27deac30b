"""Removal of proofs and withdrawn values from a response."""

import re
from dataclasses import dataclass

from service.paths.work import spend

_MAX_OPERANDS = 8
_NUMBER = r"[$£€]?-?[0-9][0-9.,]{0,20}(?<![.,])%?"
_NOUNS = r"(?:\s?[A-Za-z]{1,15}(?![A-Za-z])){0,2}?"
_OPERATOR = r"\s{0,3}(?:[-+*/x×÷·−–]|(?<=\s):(?=\s)|plus\b|minus\b|times\b|take\saway\b|divided\sby\b|and\b)\s{0,3}"
_VERB = r"(?:is|are|equals?|makes?|gives?)\b"
_EQUALS = rf"\s{{0,3}}(?:=|→|->|{_VERB})\s{{0,3}}"
# The possessive chain of operands is read once, also without a result, so that the work is linear.
_EQUATION = re.compile(
    rf"(?<![0-9.,])\(?(?P<left>{_NUMBER}(?:(?:\s?(?!{_VERB})[A-Za-z]{{1,15}}(?![A-Za-z])){{0,2}}?{_OPERATOR}{_NUMBER})++)"
    rf"(?:{_NOUNS}\)?{_EQUALS}(?P<result>{_NUMBER})(?!\s?[-+*/×÷=]|[0-9]))?",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"\A\s*(?:[0-9]{1,2}\)|(?:nr|no|question|q|exercise)\b\.?\s?[0-9]{1,2}\s?[:.)])\s+(?=[^\n]*[0-9][^\n]*\Z)",
    re.IGNORECASE,
)
_REVERSED = re.compile(
    rf"(?P<result>{_NUMBER}{_NOUNS})\s{{0,3}}=\s{{0,3}}{_NUMBER}(?:{_NOUNS}{_OPERATOR}{_NUMBER}){{1,{_MAX_OPERANDS}}}"
    rf"{_NOUNS}\.?",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"(?<![0-9.,])[0-9][0-9.,]*")
_REASON = r"\b(?:because|since|as|for)\b(?:\s(?:we|I)\sknow\b)?"
_CHECK = (
    r"\b(?:(?:double-?)?check(?:ed|ing)?|proof|prove[ds]?|verif(?:y|ied|ication)|revers\w{1,5}|test|probe"
    r"|confirm\w{0,3})\b"
)
_INTRODUCED = re.compile(
    rf"[\s,;.(:–-]*(?:\b(?:(?:I|we)\s)?(?:know|can|to)\s)?(?:\b(?:I|we|my|the)\s)?"
    rf"(?:(?P<sure>{_REASON}|{_CHECK})(?:\s(?:it|this|that|is|by))?|\band\b|\bund\b)?[\s:,.(]*\Z",
    re.IGNORECASE,
)
_SO = re.compile(r"[\s,.;]*(?:so|therefore|thus)\b[^0-9\n]{0,30}(?P<number>[0-9][0-9.,]*)", re.IGNORECASE)
_AFTER = re.compile(r"[\s)]*[✓✔☑.!]?")
_BARE = re.compile(
    r"\W{0,6}(?:(?:so|it's|it\sis)\s)?[$£€]?[0-9][0-9.,]*(?:\s[^\W\d_]{1,15}){0,2}[\s.!,;:(–-]*", re.IGNORECASE
)
_ANSWERS = re.compile(r"\b(?:left|remain\w{0,3}|difference|answer|so|therefore|it's|it\sis)\b", re.IGNORECASE)
_BACK_CHARS = 60
_WORK, _WORK_PER_CHAR = 80, 0.2  # of an equation, and of the rest of the text
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?![\s])[^.!?\n]*)*")
_STRUCK = re.compile(r"~~[^~\n]{1,60}~~")
_TAKEN_BACK = re.compile(
    r"\b(?:first|thought|guess(?:ed)?|friend|others?|say|says|said|claims?|wrong|not)\b[^.!?\n]{0,80}?[\s,;]but\b"
    r"(?![^.!?\n]{0,40}\b(?:not|friend|others?|say|says|said|he|she|they|wrong|thought)\b(?<!I\ssay))"
    r"(?=[^.!?\n]{0,60}[0-9])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Equation:
    start: int
    end: int
    operands: frozenset[str]
    result: str


def without_proofs(text: str) -> str:
    """Text without the equations that only prove an answer, such as `7 + 5 = 12` after `12 - 5 = 7`.

    A proof has an earlier answer as an operand. Its result is an operand of the last equation, or a
    reason or check introduces it, or only that answer precedes it.
    """
    earlier: list[_Equation] = []
    spend(len(text) * _WORK_PER_CHAR)
    kept, position = [], 0
    for found in _EQUATION.finditer(text):
        if found["result"] is None:
            continue
        spend(_WORK)
        one = _Equation(found.start(), found.end(), _values(found["left"]), _value(found["result"]))
        start = _introduction(text, one, position)
        if start is not None and _proves(text, one, start, earlier):
            kept.append(text[position:start])
            position = _AFTER.match(text, one.end).end()  # type: ignore[union-attr]
        elif (so := _SO.match(text, one.end)) and _is_unknown(one, _value(so["number"])):
            kept.append(text[position : one.start])
            position = one.end
        else:
            earlier.append(one)
    own = "".join([*kept, text[position:]])
    return own if _DIGITS.search(own) else text


def without_label(text: str) -> str:
    """Text without the number of its exercise, and without the calculation behind a result: "24 = 92 - 68"."""
    text = _LABEL.sub("", text)
    found = _REVERSED.fullmatch(text.strip())
    return found["result"] if found else text


def without_withdrawn(text: str) -> str:
    """Text without struck values and without those before a "but": "I first thought 26, but it is 24"."""
    text = _STRUCK.sub(" ", text)
    kept, position = [], 0
    for sentence in _SENTENCE.finditer(text):
        found = _TAKEN_BACK.search(text, sentence.start(), sentence.end())
        if found and _DIGITS.search(text, sentence.start(), found.end()):
            kept.append(text[position : sentence.start()])
            position = found.end()
    return "".join([*kept, text[position:]])


def _introduction(text: str, one: _Equation, limit: int) -> int | None:
    """Start of the words that introduce an equation."""
    begin = max(limit, one.start - _BACK_CHARS)
    found = _INTRODUCED.search(text, begin, one.start)
    return found.start() if found else one.start


def _proves(text: str, one: _Equation, start: int, earlier: list[_Equation]) -> bool:
    if one.result in one.operands:
        return False
    if any(other.result in one.operands and one.result in other.operands for other in earlier[-1:]):
        return True
    before = text[max(0, start - 2 * _BACK_CHARS) : start]
    sentence = re.split(r"[\n;]|[.!?]\s", before.rstrip(" \n.;"))[-1]
    stated = [_value(number[0]) for number in _DIGITS.finditer(sentence)]
    if not stated or stated[-1] not in one.operands:
        return False
    introduced = _INTRODUCED.search(text, start, one.start)
    if introduced and introduced["sure"]:
        return True
    is_answer = _BARE.fullmatch(before) or (len(stated) == 1 and _ANSWERS.search(sentence))
    return start <= 2 * _BACK_CHARS and bool(is_answer)


def _is_unknown(one: _Equation, number: str) -> bool:
    return number in one.operands and number != one.result


def _values(left: str) -> frozenset[str]:
    return frozenset(_value(number[0]) for number in _DIGITS.finditer(left))


def _value(number: str) -> str:
    """Digits of a number without thousands separators, currency and sign."""
    digits = number.strip("$£€-%.,").replace(",", "")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
