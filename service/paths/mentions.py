"""Numbers that a response mentions, with their units, and doubts about them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

from service.paths.answer import Answer, Unit
from service.paths.calculator.units import conversions, measure
from service.paths.equality import agree
from service.paths.phrase.notation import plain
from service.paths.phrase.quantities import Quantity, scan
from service.paths.work import spend

DENIED = "The response denies its own answer"
WITHDRAWN = "The response changes its answer"
RELATIVE = "The response does not state its answer as a number"

_MAX_CHARS = 400  # of a piece that `scan` reads
_PIECE = re.compile(rf"[^\n]{{1,{_MAX_CHARS}}}(?:(?<=\s)|(?=\s)|$|(?=\n))|[^\n]{{1,{_MAX_CHARS}}}")
_OPERAND = re.compile(
    r"\s{0,2}(?:[A-Za-z]{1,15}\s){0,2}?(?:[+*/x^-]|plus\b|minus\b|times\b|take\saway\b|divided\sby\b|multiplied\sby\b)\s{0,2}"
    r"[($£€-]{0,2}(?:[0-9]|[a-z]+\s?=)"
)
_DIVISION = re.compile(r"[$£€]?([0-9]{1,15})\s?/\s?([0-9]{1,15})")
_EQUALS = re.compile(r"[^0-9\n=]{0,20}=")
_RESULT = re.compile(r"(?:=|→|->)\s{0,2}[$£€]?\Z")
_SUBTRACTED = re.compile(r"(?:[0-9)]\s{0,2}[-/]|\b(?:minus|by|take\saway))\s{0,2}[$£€]?\Z")
_MAX_SIGN_CHARS = 16
_RANGE = re.compile(r"\s?\.{2,}\s?[0-9]")
_SENTENCE = re.compile(r"(?:[^.!?\n]|\.(?=[0-9]))+[.!?\n]?")
_CURRENCIES = {"$": "dollar", "€": "euro", "£": "pound", "¢": "cent"}
_WORD = re.compile(r"[A-Za-z]+")
_NEXT_WORDS = re.compile(r"[ -]?(?:\(?([A-Za-z]+))?(?: ([A-Za-z]+))?(?: ([A-Za-z]+))?")
_SKIPPED = frozenset("a an of more full whole extra long other additional total".split())
_RATE = re.compile(r"\s?(?:/|\^|per\b|an?\b|each\b|squared\b|cubed\b)")
_DENIED_AFTER = re.compile(
    r"[\s,.:;*]{0,3}(?:[a-z]+\s){0,2}?(?:(?:is|was|are|were|be|seems|but\s(?:that|this|it)(?:\sis|'s|\swas))\s(?:\w+ly\s|just\s)?"
    r"(?:(?:not|no)\b|wrong|false|incorrect|a\smistake|impossible|too\s\w+)|(?:is|was|are|were)n't\b|cannot\sbe\b|can't\sbe\b)"
    r"|[\s,.:;*(]{0,3}(?:wrong\b|false\b|incorrect\b|[✗✘❌✖❎])",
    re.IGNORECASE,
)
_DENIED_BEFORE = re.compile(
    r"(?:(?:\b(?:not|never|no|cannot|neither|nor)|n't)\s(?!sure|certain)(?:be\s|equal\s(?:to\s)?)?(?:(?!but\b|it\b)[a-z]+\s){0,2}"
    r"|\b(?:false|wrong|incorrect|instead\sof|rather\sthan)\W{1,3}"
    r"|\bif\s(?:it|the\sanswer|that)\s(?:were|was|is)\s|\b(?:e\.g\.|such\sas|for\sexample,?)\s|\bwhy\s)[$£€]?\Z",
    re.IGNORECASE,
)
_ASKED = re.compile(r"\b(?:is|was|could|can)\s(?:it|that|the\sanswer)\s(?:be\s)?[$£€]?\Z", re.IGNORECASE)
_WITHDRAWAL = re.compile(
    r"\b(?:but|wait|actually|no|sorry|then|now|rather|correction|oops|mean|others?|friend)\b|\.\.|->|→", re.IGNORECASE
)
_RELATIVE_BEFORE = re.compile(
    r"\b(?:double|twice|triple|thrice|half\sof|(?:after|before|square|root|cube|product)\s(?:of\s)?)\s?[$£€]?\Z",
    re.IGNORECASE,
)
_RELATIVE_AFTER = re.compile(r"\s(?:squared|cubed|doubled|halved)\b")
_IN_BRACKETS = re.compile(r"\([^()\n]{0,80}\Z")
_BECAUSE = re.compile(r"\b(?:because|since|as|when|if|than|from)\b[^.!?\n]{0,80}\Z", re.IGNORECASE)
_CONTEXT = 80
_WORK, _WORK_PER_UNIT = 60, 6  # of the words around a number, and of its unit


@dataclass(frozen=True, slots=True)
class Mention:
    """A number, time or ratio in a plain text.

    Args:
        start: position of its first character.
        end: position behind it.
        answer: its value.
        is_operand: whether it is an operand of a calculation, except the last one of a sum or product.
        is_asked: whether it is in a question.
    """

    start: int
    end: int
    answer: Answer
    is_operand: bool = False
    is_asked: bool = False


@dataclass(frozen=True, slots=True)
class Mentions:
    """Plain text of a response, and the numbers in it."""

    text: str
    all: tuple[Mention, ...]

    @classmethod
    def of(cls, text: str) -> "Mentions":
        """Mentions of a text, in linear time."""
        return cls(own := plain(text), tuple(_mentions(own)))

    def states(self, answer: Answer, unit: str, given: Answer) -> bool:
        """Whether a number beside the given answer can be another one, outside questions and operands.

        Args:
            answer: the other answer.
            unit: its unit, or empty.
            given: answer that the text gives.
        """
        if answer.value is None:
            flags = 0 if len(answer.text) == 1 else re.IGNORECASE
            return re.search(rf"(?<![\w:]){re.escape(answer.text)}(?!\w)", self.text, flags) is not None
        others = [one for one in self.all if one.answer != given and not one.is_operand and not one.is_asked]
        if any(agree(other, answer) for other in {one.answer for one in others}):
            return True
        own = [(one.answer.value, self._unit(one)) for one in others] if unit else []
        return any(
            value and value * factor == answer.value for value, name in own for factor in conversions(name, unit)
        )

    def unit_of(self, answer: Answer) -> str:
        """Unit beside an answer, or empty if the text names none or several."""
        found = {self._unit(one) for one in self.all if one.answer == answer}
        return found.pop() if len(found) == 1 else ""

    def doubt(self, given: Answer) -> str:
        """Reason to doubt that the text gives an answer, or empty."""
        stated = [one for one in self.all if one.answer == given and not one.is_operand]
        for one in stated:
            spend(_WORK)
            if _RELATIVE_BEFORE.search(self._before(one)) or _RELATIVE_AFTER.match(self._after(one)):
                return RELATIVE
            if self._is_denied(one):
                return DENIED
        return WITHDRAWN if stated and self._is_withdrawn(stated[-1]) else ""

    def _before(self, one: Mention) -> str:
        return self.text[max(0, one.start - _CONTEXT) : one.start]

    def _after(self, one: Mention) -> str:
        return self.text[one.end : one.end + _CONTEXT]

    def _is_denied(self, one: Mention) -> bool:
        before, after = self._before(one), self._after(one)
        asked = _ASKED.search(before) and after.lstrip().startswith("?")
        return bool(asked or _DENIED_AFTER.match(after) or _DENIED_BEFORE.search(before))

    def _is_withdrawn(self, given: Mention) -> bool:
        """Whether another value follows a "but", "wait" or "no"."""
        if _RANGE.match(self.text, given.end):
            return True
        for one in self.all:
            spend(1)
            if one.start < given.end or one.is_operand or one.answer == given.answer:
                continue
            between = self.text[given.end : one.start]
            if len(between) > _CONTEXT or not _WITHDRAWAL.search(between):
                break
            before = self._before(one)
            if not (self._is_denied(one) or _IN_BRACKETS.search(before) or _BECAUSE.search(between)):
                return True
        return False

    def _unit(self, one: Mention) -> str:
        spend(_WORK_PER_UNIT)
        own = self.text[one.start : one.end]
        after = self._after(one)
        for sign, name in _CURRENCIES.items():
            if sign in own or after.lstrip().startswith(sign):
                return name
        words = [word.lower() for word in _WORD.findall(own)]
        if name := next(filter(None, map(measure, words)), ""):
            return "" if _RATE.match(after) else name
        following = _NEXT_WORDS.match(after)
        for number in (1, 2, 3):
            word = (following[number] or "").lower() if following else ""
            if word not in _SKIPPED:
                is_rate = following and _RATE.match(after, following.end(number)) if word else None
                return "" if is_rate else measure(word)
        return ""


def _mentions(text: str) -> Iterator[Mention]:
    questions = [(found.start(), found.end()) for found in _SENTENCE.finditer(text) if found[0].endswith("?")]
    current = 0
    for piece in _PIECE.finditer(text):
        for quantity in scan(piece[0]):
            answer = _answer(quantity)
            if answer is None:
                continue
            start, end = piece.start() + quantity.start, piece.start() + quantity.end
            while current < len(questions) and questions[current][1] < end:
                current += 1
            asked = current < len(questions) and questions[current][0] <= start and end < questions[current][1] - 1
            yield Mention(start, end, answer, _is_operand(text, start, end), asked)


def _is_operand(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - _MAX_SIGN_CHARS) : start]
    division = _DIVISION.fullmatch(text[start:end])
    if division and gcd(int(division[1]), int(division[2])) > 1 and _EQUALS.match(text, end):
        return True  # "432/12 = 34" computes, but "1/2 = 0.4" states a fraction
    if _OPERAND.match(text, end):
        return not _RESULT.search(before)
    return bool(_SUBTRACTED.search(before))  # the unknown of "68 + 24 = 92" can be the answer


def _answer(quantity: Quantity) -> Answer | None:
    if quantity.text:
        return Answer(quantity.text, None)
    return (
        None
        if quantity.value is None
        else Answer("", quantity.value, quantity.decimals, Unit(quantity.unit) if quantity.unit else None)
    )
