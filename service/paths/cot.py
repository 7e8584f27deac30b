r"""Chain-of-thought paths: the stated answer, and the equations behind it, checked and repaired.

In a request it stands between the engine and the vote. The answer is what follows the last "The answer is",
"Answer:", "####" or "\boxed{". The last number of a text without any of them is no answer: such a text was mostly
cut off at the token limit, and three of four equations that it then ends with are not the last. Only of a text that
is known to be complete, and that ends with an equation, the result is the answer. What follows another "Question:"
belongs to another problem. It never raises, and takes linear time.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from service.paths.answer import Answer, answer_from_value, parse_answer
from service.paths.calculator.repair import Repairs, check_equations
from service.paths.numbers import write

MAX_RATIONALE = 20_000
"""Characters; a longer text is not parsed."""


@dataclass(frozen=True, slots=True)
class CotPath:
    """A parsed rationale.

    `stated` is the answer that the text states, `answer` the one after repair: what votes. `repaired` says whether
    any number was changed, and `text` is the text with the repairs written in.
    """

    answer: Answer | None
    stated: Answer | None
    repaired: bool
    text: str


def parse_cot(text: str, *, complete: bool = False) -> CotPath:
    """Read a rationale; what holds no answer has None, and never raises.

    `complete` says that the model ended the text itself, so that a final equation may stand for a statement.
    """
    if len(text) > MAX_RATIONALE:
        return CotPath(None, None, False, text)
    following = _FOLLOWING.search(text)
    own, rest = (text[: following.start()], text[following.start() :]) if following else (text, "")
    first = path = _read(own, complete)
    for _ in range(_ROUNDS):
        if not path.repaired:
            return CotPath(path.answer, first.stated, first.repaired, path.text + rest)
        path = _read(path.text, complete)
    return CotPath(first.stated, first.stated, False, text)  # repairs that undo one another repair nothing


def _read(text: str, complete: bool) -> CotPath:
    """One round: the statement, and every equation once. A repair may show that another equation is false."""
    stated, place = _stated(text)
    repairs = check_equations(text)
    if complete and place is None:
        stated = _concluded(text, repairs)
    answer = stated
    if place is not None and stated is not None and stated.value is not None and stated.value in repairs.answers:
        value = repairs.answers[stated.value]
        answer = answer_from_value(value)
        _restate(text, place, stated.value, value, repairs)
    return CotPath(answer, stated, bool(repairs.edits), repairs.apply(text))


_ROUNDS = 4
_FOLLOWING = re.compile(r"\n\s{0,9}(?:Question|Problem|Q)\s?:")
_STATED = re.compile(r"\banswer\**\s?(?:is|:)(?:\s?:)?|####|\\boxed\s?\{", re.IGNORECASE)
_PHRASE = 400  # characters after a marker
_DIGITS = re.compile(r"-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,60})(?:\.[0-9]{1,60})?")
_END = re.compile(r"[^\n=0-9]{0,80}\s*\Z")


def _stated(text: str) -> tuple[Answer | None, int | None]:
    """The stated answer, and where its phrase begins; the phrase may hold none."""
    place = None
    for found in _STATED.finditer(text):
        place = found.end()
    return (None, None) if place is None else (parse_answer(text[place : place + _PHRASE]), place)


def _concluded(text: str, repairs: Repairs) -> Answer | None:
    """The result, as repaired, that the text ends with: nothing but a few words may follow it."""
    if repairs.last is None or not _END.match(text, repairs.last_end):
        return None
    return answer_from_value(repairs.last)


def _restate(text: str, place: int, old: Fraction, new: Fraction, repairs: Repairs) -> None:
    """Write the repaired answer in the place of the stated one."""
    for found in _DIGITS.finditer(text, place, place + _PHRASE):
        if Fraction(found[0].replace(",", "")) == old:
            if not any(start <= found.start() < end for start, (end, _) in repairs.edits.items()):
                repairs.edits[found.start()] = (found.end(), write(new, thousands="," in found[0]))
            return
    line = text.find("\n", place)
    end = line if line >= 0 else len(text)
    for start in [start for start in repairs.edits if place <= start < end]:
        del repairs.edits[start]  # the whole phrase is written anew
    repairs.edits[place] = (end, f" {write(new)}")
