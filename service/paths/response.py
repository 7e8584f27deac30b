"""Reader of a response: the answer that a person states in any form, from a bare number to a worked text."""

from service.paths.answer import Reading, read_answer
from service.paths.cot import read_stated


def read_response(text: str) -> Reading:
    """Read the answer that a response states. Never raises.

    The answer is never repaired. A text with a marker, such as "Answer:", or with a conclusion is read as a rationale.
    """
    if not text.strip():
        return Reading(None, "it is blank")
    stated = read_stated(text)
    return stated if stated.answer else read_answer(text)
