r"""Parser for chain-of-thought paths, with repair of their equations.

The answer follows the last "The answer is", "Answer:", "####" or "\boxed{". Without such a marker, a complete text
that ends in an equation answers with its result. Any other text has no answer. Text from another "Question:" on is
ignored. Never raises.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from service.paths.answer import Answer, answer_from_value, parse_answer
from service.paths.calculator.repair import Repairs, check_equations
from service.paths.numbers import write

MAX_RATIONALE_CHARS = 20_000
"""Maximum length of a rationale in characters. A longer text has no answer."""


@dataclass(frozen=True, slots=True)
class CotPath:
    """A parsed rationale.

    Args:
        answer: answer after repair. It is the answer that votes.
        stated: answer that the text states.
        repaired: whether any number was changed.
        text: text with the repairs written in.
    """

    answer: Answer | None
    stated: Answer | None
    repaired: bool
    text: str


def parse_cot(text: str, *, complete: bool = False) -> CotPath:
    """Parse a rationale. Never raises.

    Args:
        text: text of the model.
        complete: whether the model ended the text itself. Then the result of a final equation can be the answer.
    """
    if len(text) > MAX_RATIONALE_CHARS:
        return CotPath(None, None, False, text)
    following = _FOLLOWING.search(text)
    own, rest = (text[: following.start()], text[following.start() :]) if following else (text, "")
    first = path = _read(own, complete)
    for _ in range(_ROUNDS):
        if not path.repaired:
            return CotPath(path.answer, first.stated, first.repaired, path.text + rest)
        path = _read(path.text, complete)
    return CotPath(first.stated, first.stated, False, text)  # two repairs undo each other, so none applies


def _read(text: str, complete: bool) -> CotPath:
    """One round: read the stated answer, and check every equation once.

    A repair can make another equation false, so a text takes several rounds.
    """
    # A text without a marker was mostly cut off at the token limit: three of four equations at its end are not the
    # last step. So its last number, or an equation at the end of an incomplete text, is not an answer.
    stated, start = _stated(text)
    repairs = check_equations(text)
    if complete and start is None:
        stated = _final_result(text, repairs)
    answer = stated
    if start is not None and stated is not None and stated.value is not None and stated.value in repairs.corrected:
        value = repairs.corrected[stated.value]
        answer = answer_from_value(value)
        _restate(text, start, stated.value, value, repairs)
    return CotPath(answer, stated, bool(repairs.edits), repairs.apply(text))


_ROUNDS = 4
_FOLLOWING = re.compile(r"\n\s{0,9}(?:Question|Problem|Q)\s?:")
_STATED = re.compile(r"\banswer\**\s?(?:is|:)(?:\s?:)?|####|\\boxed\s?\{", re.IGNORECASE)
_PHRASE_CHARS = 400  # after a marker
_DIGITS = re.compile(r"-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,60})(?:\.[0-9]{1,60})?")
_END = re.compile(r"[^\n=0-9]{0,80}\s*\Z")


def _stated(text: str) -> tuple[Answer | None, int | None]:
    """Stated answer, and the start of its phrase. The answer of a phrase can be None."""
    start = None
    for marker in _STATED.finditer(text):
        start = marker.end()
    return (None, None) if start is None else (parse_answer(text[start : start + _PHRASE_CHARS]), start)


def _final_result(text: str, repairs: Repairs) -> Answer | None:
    """Repaired result at the end of the text. Only a few words may follow it."""
    if repairs.last is None or not _END.match(text, repairs.last_end):
        return None
    return answer_from_value(repairs.last)


def _restate(text: str, start: int, old: Fraction, new: Fraction, repairs: Repairs) -> None:
    """Write the repaired answer over the stated one."""
    for digits in _DIGITS.finditer(text, start, start + _PHRASE_CHARS):
        if Fraction(digits[0].replace(",", "")) == old:
            if not any(first <= digits.start() < end for first, (end, _) in repairs.edits.items()):
                repairs.edits[digits.start()] = (digits.end(), write(new, thousands="," in digits[0]))
            return
    line_end = text.find("\n", start)
    end = line_end if line_end >= 0 else len(text)
    for inside in [edit for edit in repairs.edits if start <= edit < end]:
        del repairs.edits[inside]  # the whole phrase is replaced
    repairs.edits[start] = (end, f" {write(new)}")
