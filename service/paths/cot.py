"""Chain-of-thought paths: the stated answer, and the equations behind it, checked and repaired.

In a request it stands between the engine and the vote.
"""

import re
from dataclasses import dataclass

from service.paths.answer import Answer, answer_from_value, parse_answer
from service.paths.repair import check_equations

MAX_RATIONALE = 20_000
"""Characters; a longer text is not parsed."""


@dataclass(frozen=True, slots=True)
class CotPath:
    """A parsed rationale.

    `stated` is the answer that the text states, `answer` the same after repair, `text` the text with the repairs
    written in, `repaired` whether there were any.
    """

    answer: Answer | None
    stated: Answer | None
    repaired: bool
    text: str


_STATED = re.compile(r"answer\s*(?:is\s*:?|:)|####|\\boxed\s*\{", re.IGNORECASE)


def parse_cot(text: str) -> CotPath:
    """The stated answer of a rationale, its equations checked and repaired."""
    if len(text) > MAX_RATIONALE:
        return CotPath(None, None, False, text)
    stated = None
    place = len(text)
    for found in _STATED.finditer(text):
        place = found.end()
        stated = parse_answer(text[place : place + 400])
    repairs = check_equations(text)
    answer = stated
    if stated is not None and stated.value in repairs.carried:
        answer = answer_from_value(repairs.carried[stated.value])
    return CotPath(answer, stated, bool(repairs.edits), repairs.apply(text))
