"""Scripted word problems, and rationales of a scripted teacher."""

import re

from service.types import PathKind

_QUESTION = "Ann has {a} pens and buys {b} more. How many pens does she have?"
_NUMBERS = re.compile(re.escape(_QUESTION).replace(r"\{a\}", r"(\d{1,9})").replace(r"\{b\}", r"(\d{1,9})"))
_NAMES = ("pens", "first", "had")
_OPENINGS = ("She has", "Ann has", "There are")


def problems(count: int) -> list[tuple[str, str]]:
    """Question and answer of `count` problems. A longer list starts with the shorter one."""
    return [(_QUESTION.format(a=i + 2, b=i + 13), str(2 * i + 15)) for i in range(count)]


def rationale(kind: PathKind, question: str, answer: str = "", *, variant: int = 0, wrong: bool = False) -> str:
    """Rationale of a question.

    A scripted problem has a calculation. Any other question has only its answer, so that a recipe's own problems can
    pass the filter.

    Args:
        kind: CoT or PoT.
        question: the word problem.
        answer: gold answer, for a question that the script cannot read.
        variant: number of the wording, taken modulo 3.
        wrong: whether the answer must be wrong.
    """
    found = _NUMBERS.fullmatch(question)
    if found is None:
        answer = "-1" if wrong or not answer else answer
        return f"The answer is {answer}" if kind is PathKind.COT else f"ans = {_literal(answer)}"
    a, b = map(int, found.groups())
    if kind is PathKind.COT:
        total = a + b + wrong
        return f"{_OPENINGS[variant % 3]} {a} pens and buys {b}: {a} + {b} = {total}. The answer is {total}"
    name = _NAMES[variant % 3]
    return f"{name} = {a}\nmore = {b}\nans = {name} + more" + " + 1" * wrong


def _literal(answer: str) -> str:
    """Python literal of an answer."""
    return answer if re.fullmatch(r"-?(0|[1-9]\d{0,15})(\.\d{1,15})?", answer) else repr(answer)
