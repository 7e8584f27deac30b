r"""Parser for chain-of-thought paths, with repair of their equations.

Only the text after the last thought counts, up to another task. The answer follows the last marker, such as "The answer
is" or "\boxed{". Without a marker, a complete text answers with its last sentence. Never raises.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from service.paths.answer import Answer, Reading, answer_from_value, read_answer
from service.paths.calculator.repair import check_equations
from service.paths.calculator.repairs import Repairs
from service.paths.following import FOLLOWING
from service.paths.numbers import decimals_of, write
from service.paths.phrase.choice import SEVERAL
from service.paths.rationale.conclusion import conclude
from service.paths.rationale.markers import Marked, find_marked
from service.paths.thinking import Split, split_thinking
from service.paths.work import READING, TOO_MUCH_WORK, WorkLimitError, limited, spend

MAX_RATIONALE_CHARS = 20_000
"""Maximum length of a rationale in characters, without its thought. A longer text has no answer."""

MAX_TEXT_CHARS = 1_000_000
"""Maximum length of a text in characters, with its thought. A longer text has no answer."""

NO_ANSWER = "no answer in the text"
"""Reason for a text that states no answer."""


@dataclass(frozen=True, slots=True)
class CotPath:
    """A parsed rationale.

    Args:
        answer: answer after repair. It is the answer that votes.
        stated: answer that the text states.
        repaired: whether any number was changed.
        text: text with the repairs written in.
        detail: reason for a missing answer, else empty.
    """

    answer: Answer | None
    stated: Answer | None
    repaired: bool
    text: str
    detail: str = ""


def parse_cot(text: str, *, complete: bool | None = None) -> CotPath:
    """Parse the text of a model. See `parse_rationale`."""
    return parse_rationale(split_thinking(text), complete=complete)


def parse_rationale(split: Split, *, complete: bool | None = None) -> CotPath:
    """Parse a rationale. Never raises.

    Args:
        split: text of the model.
        complete: whether the model ended the text itself. Then its last sentence can be the answer. A number that ends
            an incomplete text is not an answer. None if it is unknown. Then neither holds.
    """
    if fault := _fault(split):
        return CotPath(None, None, False, split.text, fault)
    for work, with_repair in ((READING, True), (_STATED_WORK, False)):
        try:
            with limited(work):
                return _parse_split(split, complete, with_repair)
        except WorkLimitError:
            continue
    return CotPath(None, None, False, split.text, TOO_MUCH_WORK)


def read_stated(text: str) -> Reading:
    """Read the answer that a complete rationale states, without any repair. Never raises."""
    split = split_thinking(text)
    if fault := _fault(split):
        return Reading(None, fault)
    try:
        with limited():
            stated = _read_stated(split)
    except WorkLimitError:
        return Reading(None, TOO_MUCH_WORK)
    return Reading(stated.answer, "" if stated.answer else stated.detail)


def _read_stated(split: Split) -> "_Stated":
    own = split.answer[: _own_end(split.answer)]
    phrases = find_marked(own)
    stated = _stated(own, phrases, cut_off=False)
    if stated is None:
        checked = check_equations(own)
        checked.last = checked.last_stated
        stated = _concluded(own, phrases, checked, has_thought=bool(split.thought.strip()))
    return stated


def _fault(split: Split) -> str:
    """Reason for a text that cannot be read, else empty."""
    if len(split.thought) + len(split.answer) > MAX_TEXT_CHARS:
        return _TOO_LONG
    if split.unterminated:
        return "the thought does not end"
    return _TOO_LONG if len(split.answer) > MAX_RATIONALE_CHARS else ""


def rationale_of(text: str) -> str:
    """Rationale in the text of a model, without its thought and without another task that follows."""
    return own_rationale(split_thinking(text).answer)


def own_rationale(answer: str) -> str:
    """As `rationale_of`, for a text without its thought."""
    try:
        with limited(_STATED_WORK):
            return answer[: _own_end(answer)].strip()
    except WorkLimitError:
        return answer.strip()


def _parse_split(split: Split, complete: bool | None, with_repair: bool) -> CotPath:
    """Parse a rationale, with the repair of its equations or only for its stated answer."""
    end = _own_end(split.answer)
    own, has_thought = split.answer[:end], bool(split.thought.strip())
    if end < len(split.answer) and complete is not None:
        complete = True
    path = _repaired(own, complete, has_thought) if with_repair else _read(own, complete, has_thought, Repairs())
    detail = "" if path.answer else path.detail
    return replace(path, text=split.thought + path.text + split.answer[end:], detail=detail)


def _repaired(text: str, complete: bool | None, has_thought: bool) -> CotPath:
    """Parse a rationale without thought and following task."""
    first = path = _read(text, complete, has_thought, check_equations(text))
    for _ in range(_ROUNDS):
        if not path.repaired:
            return CotPath(path.answer, first.stated, first.repaired, path.text, path.detail)
        path = _read(path.text, complete, has_thought, check_equations(path.text))
    # Two repairs undo each other, so none applies.
    return CotPath(first.stated, first.stated, False, text, first.detail)


def _read(text: str, complete: bool | None, has_thought: bool, repairs: Repairs) -> CotPath:
    """One round: read the stated answer, with the repairs of the equations.

    A repair can make another equation false, so a text takes several rounds.
    """
    # An incomplete text without a marker has no answer: three of four equations at its end are not the last step.
    phrases = find_marked(text)
    stated = _stated(text, phrases, complete is False)
    if stated is None:
        stated = _concluded(text, phrases, repairs, has_thought) if complete else _Stated(None, NO_ANSWER)
    answer = stated.answer
    if answer is not None and answer.value is not None and answer.value in repairs.corrected and not stated.is_repaired:
        value = repairs.corrected[answer.value]
        if not stated.detail or decimals_of(value) is not None:
            _restate(text, stated, answer.value, value, repairs)
            answer = answer_from_value(value)
        else:  # a false equation at the end that no decimal makes true is mostly misread
            answer = None
    return CotPath(answer, stated.answer, bool(repairs.edits), repairs.apply(text), stated.detail)


@dataclass(frozen=True, slots=True)
class _Stated:
    """An answer as the text states it, in `text[start:end]`."""

    answer: Answer | None
    detail: str = ""
    start: int = 0
    end: int = 0
    is_repaired: bool = False


_ROUNDS = 4
_STATED_WORK = 5_000
_WORK_PER_LABEL = 400
_TOO_LONG = "the text is too long"
_MAX_LABELS = 20
_OWN_CHARS = 1200  # before a label
_CUT_OFF = "the text was cut off at its answer"
_DIGITS = re.compile(r"-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,60})(?:\.[0-9]{1,60})?")
_END = re.compile(r"(?![^\n]{0,80}answer)[^\n=0-9]{0,80}\s*\Z", re.IGNORECASE)
_JOINT = re.compile(
    r"[\s}$\\(),.;*]{0,20}(?:and|or|&)?[\s$\\()*]{0,20}(?:[a-z]\s{0,3}=\s{0,3})?[\s$\\()*]{0,9}\\?(?:boxed|fbox)?\s?\{",
    re.IGNORECASE,
)
# Signs that a quantity is over, where the text was cut off soon after it.
_OVER = re.compile(
    r"[^\n]{0,60}?(?:\*\*|\\\)|\\\]|\$|`|</|[;:.!]\s+\S"
    r"|[ ,](?:because|since|so|as|which|that|for|to|in|on|per|left|each|total"
    r"|altogether|remaining|if|when|after|before|then|he|she|it|they|we|who|where|now)[\s,])",
    re.IGNORECASE,
)
# Words of a quantity that can follow its first number.
_CUT_WORD = re.compile(r"\s([A-Za-z]{2,20})\Z")
_CONTINUATIONS = (
    "million billion trillion thousand hundred dozen gross score lakh crore and or to point half halves third quarter "
    "fourth fifth sixth seventh eighth ninth tenth eleventh twelfth twentieths hundredths percent percentage times "
    "plus minus over by divided multiplied squared cubed power factorial choose through hours hrs minutes mins "
    "seconds secs days weeks months years feet ft foot inches yards miles meters metres centimeters centimetres "
    "millimeters kilometers kilograms grams pounds lbs ounces oz cents dollars gallons quarts pints cups liters "
    "litres milliliters km cm mm kg am pm o'clock degrees remainder pi sqrt modulo"
).split()


def _own_end(text: str) -> int:
    """Position of another task or turn after the answer, else the length of the text."""
    first = len(text) - len(text.lstrip())
    answered: int | None = None
    for number, label in enumerate(found for found in FOLLOWING.finditer(text) if found.start() > first):
        if answered is None:
            answered = next((m.start for m in find_marked(text) if _phrase_answer(text, m).answer), len(text))
        if label.start() > answered:
            return label.start()
        if number < _MAX_LABELS:
            spend(_WORK_PER_LABEL)
            begin = max(0, label.start() - _OWN_CHARS)
            own = text[begin : label.start()]
            conclusion = conclude(own, 0, len(own))
            if conclusion.is_final or (conclusion.answer and not label["task"]):
                return label.start()
            if any(_phrase_answer(own, marked).answer for marked in find_marked(own)[-1:]):
                return label.start()
    return len(text)


def _stated(text: str, phrases: Sequence[Marked], cut_off: bool) -> _Stated | None:
    """Answer of the last marker whose phrase has one, or None without such a marker."""
    for number in range(len(phrases) - 1, -1, -1):
        marked = phrases[number]
        if cut_off and not marked.closed and not _is_over(text, marked):
            return _Stated(None, _CUT_OFF)
        stated = _phrase_answer(text, marked)
        if stated.answer is not None:
            before = phrases[number - 1] if number else None
            if before and _JOINT.fullmatch(text, before.end, marked.start):
                other = _phrase_answer(text, before).answer
                if other is not None and other != stated.answer:
                    return _Stated(None, SEVERAL)
            return stated
        if stated.detail in (SEVERAL, TOO_MUCH_WORK):
            return stated
    return None


def _phrase_answer(text: str, marked: Marked) -> _Stated:
    """Answer of one phrase."""
    if marked.is_section:
        found = conclude(text, marked.start, marked.end, announced=True)
        return _Stated(found.answer, found.reason, found.start, found.end)
    reading = read_answer(text[marked.start : marked.end])
    return _Stated(reading.answer, reading.reason, marked.start, marked.end)


def _is_over(text: str, marked: Marked) -> bool:
    """Whether the quantity of the last phrase is over before the end of a text that was cut off."""
    digits = [found.end() for found in re.finditer(r"[0-9]", text[marked.start :])]
    end = marked.start + (digits[-1] if digits else 0)
    cut = _CUT_WORD.match(text, end) if digits else None
    if cut and not any(word.startswith(cut[1].lower()) for word in _CONTINUATIONS):
        return True
    return bool(_OVER.match(text, end))


def _concluded(text: str, phrases: Sequence[Marked], repairs: Repairs, has_thought: bool) -> _Stated:
    """Answer of the last sentence: a bold or only number, else the repaired result of a final equation."""
    found = conclude(text, 0, len(text), announced=has_thought)  # a thought holds the work
    if any(marked.start < found.end and found.start < marked.end for marked in phrases):
        return _Stated(None, NO_ANSWER)  # the marker's phrase was refused
    if found.answer is not None and not found.reason:
        return _Stated(found.answer, "", found.start, found.end)
    result = None
    if repairs.last is not None and repairs.last_end <= found.end and _END.match(text, repairs.last_end):
        result = answer_from_value(repairs.last)
    if result is not None:
        return _Stated(result, is_repaired=True)
    return _Stated(found.answer, found.reason or NO_ANSWER, found.start, found.end)


def _restate(text: str, stated: _Stated, old: Fraction, new: Fraction, repairs: Repairs) -> None:
    """Write the repaired answer over the stated one."""
    for digits in _DIGITS.finditer(text, stated.start, stated.end):
        if Fraction(digits[0].replace(",", "")) == old:
            if not any(first <= digits.start() < end for first, (end, _) in repairs.edits.items()):
                repairs.edits[digits.start()] = (digits.end(), write(new, thousands="," in digits[0]))
            return
    for inside in [edit for edit in repairs.edits if stated.start <= edit < stated.end]:
        del repairs.edits[inside]  # the whole phrase is replaced
    repairs.edits[stated.start] = (stated.end, write(new))
