"""Reader of responses, from a bare number to a worked text.

The answer is never repaired. A doubtful response has no answer, because a wrong guess would mark a right one as wrong.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.paths.answer import Answer, Reading, parse_answer, read_answer
from service.paths.cot import NO_ANSWER, rationale_of, read_stated
from service.paths.phrase.choice import DENIED, INEQUALITY, SEVERAL
from service.paths.phrase.clauses import begins_with, main_clause, without_remarks
from service.paths.phrase.notation import plain
from service.paths.phrase.quantities import scan
from service.paths.proofs import without_label, without_proofs, without_withdrawn
from service.paths.rationale.markers import MAX_PHRASE_CHARS, find_marked
from service.paths.work import TOO_MUCH_WORK, WorkLimitError, limited

BLANK = "it is blank"
"""Reason for a response without any text."""


@dataclass(frozen=True, slots=True)
class ResponseReading:
    """Result of reading a response.

    Args:
        answers: answers that the response can state, the likeliest first. Several are of different kinds: "B. 26"
            states a number or an option letter.
        reason: reason for a missing answer in a few words, else empty.
    """

    answers: tuple[Answer, ...]
    reason: str = ""


def read_response(text: str) -> ResponseReading:
    """Read the answer that a response states. Never raises.

    Proofs and values that it takes back do not count. The rest is read as a rationale. Its only sentence, or the first
    and the last one, is also read as a phrase.
    """
    try:
        with limited():
            return _read_response(text)
    except WorkLimitError:
        return ResponseReading((), TOO_MUCH_WORK)


def _read_response(text: str) -> ResponseReading:
    whole = rationale_of(text)
    own = without_label(without_withdrawn(without_proofs(whole)))
    stated = read_stated(text if own == whole else own)
    own = _ARROW.sub("", own)
    sentences = [sentence for sentence in _BREAK.split(own) if sentence.strip()]
    if not sentences:
        return ResponseReading((), stated.reason if text.strip() else BLANK)
    first, last = (_read_phrase(sentences[index]) for index in (0, -1))
    if len(sentences) > 1:
        return _agreed([stated, *_beside(stated, first, last, sentences)])
    is_short = _is_short(own)
    if stated.answer and find_marked(own):
        return _agreed([stated, *_of_other_kind(stated, last)])
    if last.reason in _REFUSALS or (is_short and stated.answer and last.reason == SEVERAL):
        return ResponseReading((), last.reason)
    agreed = _agreed([stated, last])
    return ResponseReading((last.answer,)) if is_short and last.answer and not agreed.answers else agreed


def _beside(stated: Reading, first: Reading, last: Reading, sentences: Sequence[str]) -> list[Reading]:
    """Readings of the first and the last sentence that count. Beside a stated answer, only those of short ones do."""
    if not stated.answer:
        return [last, first]
    beside = [last] if _is_short(sentences[-1]) else []
    return beside + (_of_other_kind(stated, first) if _is_short(sentences[0]) else [])


def _of_other_kind(stated: Reading, other: Reading) -> list[Reading]:
    is_other = stated.answer and other.answer and kind_of(stated.answer) != kind_of(other.answer)
    return [other] if is_other else []


def _agreed(readings: Sequence[Reading]) -> ResponseReading:
    """One answer of each kind, or none if two answers of a kind differ."""
    by_kind: dict[str, list[Answer]] = {}
    for reading in readings:
        if reading.answer:
            by_kind.setdefault(kind_of(reading.answer), []).append(reading.answer)
    if any(len({*answers}) > 1 for answers in by_kind.values()):
        return ResponseReading((), SEVERAL)
    return ResponseReading(tuple(answers[0] for answers in by_kind.values()), "" if by_kind else readings[-1].reason)


def kind_of(answer: Answer) -> str:
    """Kind of an answer, with its article."""
    if answer.value is not None:
        return "a number"
    if answer.is_yes_no:
        return "yes or no"
    return "an option letter" if len(answer.text) == 1 else "a time, a date or a ratio"


_SHORT_WORDS = 4  # of a sentence that is nothing but an answer
_BREAK = re.compile(r"\n|(?<=[.!?])\s+(?=\S)")
_REFUSALS = (INEQUALITY, DENIED)
_ARROW = re.compile(r"\A(?:=>|->|⇒|→)\s*")
_LETTER = re.compile(r"\W*([a-eA-E])\W*")
_RESULT = re.compile(
    r"\b(?:is|are|equals?|makes?|gives?|leaves?|gets?|got|have|has)\b|->|→|(?<![<>=!])=(?!=)", re.IGNORECASE
)


def _is_short(sentence: str) -> bool:
    return len(sentence.split()) <= _SHORT_WORDS


def _read_phrase(line: str) -> Reading:
    """Answer of a sentence. One that begins with one of several numbers states what follows its last verb."""
    if len(line) > MAX_PHRASE_CHARS:
        return Reading(None, NO_ANSWER)
    if letter := _LETTER.fullmatch(line):
        return read_answer(letter[1].upper())
    phrase = plain(line)
    reading = read_answer(line)
    if reading.answer and (reading.answer.value is None or _is_only(phrase)):
        return reading
    verbs = list(_RESULT.finditer(phrase))
    if not verbs or (reading.reason == SEVERAL and len(verbs) > 1) or reading.reason in _REFUSALS:
        return Reading(None, reading.reason or SEVERAL)
    tail = phrase[verbs[-1].end() :]
    quantities = scan(tail)
    answer = parse_answer(tail) if quantities and begins_with(tail, quantities[0]) and _is_only(tail) else None
    return Reading(answer) if answer else Reading(None, reading.reason or SEVERAL)


def _is_only(phrase: str) -> bool:
    """Whether a phrase does not begin with a number, or its main clause has no other one."""
    kept = without_remarks(phrase)
    quantities = scan(kept)
    if not quantities or not begins_with(kept, quantities[0]):
        return True
    main = scan(main_clause(kept, quantities[0].end))
    return len({(quantity.value, quantity.text) for quantity in main}) == 1
