"""Equality of answers: with a gold answer."""

import re
from fractions import Fraction

from service.paths.answer import Answer, parse_answer


def matches(answer: Answer, gold: str) -> bool:
    """Whether an answer is right.

    It is right if it equals gold, or if gold has non-zero decimals and the answer rounds to gold at their number. 10/3
    matches "3.33", but neither "3" nor "3.0".
    """
    target = parse_answer(gold)
    if target is None:
        return False
    if answer == target:
        return True
    decimals = _DECIMALS.search(gold)
    if decimals is None or answer.value is None or target.value is None or not int(decimals[1][:50]):
        return False
    return abs(answer.value - target.value) * 2 <= Fraction(1, 10 ** len(decimals[1]))


_DECIMALS = re.compile(r"\.([0-9]+)")
