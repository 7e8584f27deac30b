"""Sentences and clauses of a plain phrase: remarks, circumstances, conclusions and equations."""

import re

from service.paths.phrase.notation import BOX
from service.paths.phrase.quantities import Quantity, has_quantity, scan

EQUALS = re.compile(r"(?<![<>≤≥≠!:=])=+|≈|→")
"""Sign between the sides of an equation."""

_REMARK = re.compile(
    r"(?<=[\w%°.)'\"])\s{1,3}\((?!\s?(?:or|to|and)\b)(?![A-Za-z]{1,20}\))[^()]*(?:\([^()]*\)[^()]*)?\)?"
)
_FILLER = re.compile(
    r"(?:[\s(\[:;,≈→=±]|(?:is|are|was|be|will|would|about|approximately|approx|around|roughly|exactly|only|just|simply|"
    r"therefore|thus|then|so|equals?(?:\sto)?|also|still|now|indeed|the|a\stotal\sof)\b)*",
    re.IGNORECASE,
)
_SUBORDINATE = re.compile(
    r"[\s,;](?:because|since|as(?=\s(?:he|she|it|they|we|you|there|each|the|\d))|when|where|whereas|if|after|before|while|"
    r"given\sthat|instead|rather|but|unless|until)\b|,\s?(?:who|which)\b",
    re.IGNORECASE,
)
_CIRCUMSTANCES = re.compile(
    r"\s?(?:because|since|as|if|when|where|after|before|while|given|with|in|for|on|at|over)\s(?:[^,]|,\d)*,\s",
    re.IGNORECASE,
)
_CONCLUSION = re.compile(
    r"[\s,;](?:so|therefore|thus|hence|consequently|(?:which|that)\smeans|meaning|which\sgives)\b|→|:\s(?=[^:;]*=)"
    r"|\bwhich(?:\s[a-z]+){1,3}:?\s(?=(?:\w\s=\s|[-+$\d(])(?:[^,;]|,\d)*=)",
    re.IGNORECASE,
)
_INTO_EQUATION = re.compile(rf"(?:[^=,;:≈→<>]|[,:](?=\d))*(?:{EQUALS.pattern})(?=.*\w)")
_DENIAL = re.compile(
    r"(?:\b(?:not|no\slonger)|n't)\s(?!(?:just|only|merely|simply|even)\b)(?:be\s)?(?=[-$]?\w)(?:[^,;.]|[.,]\d){1,40}?,?\s"
    r"but\s(?:(?:rather|instead|actually|in\sfact|it\sis|it's|is)\s)?(?=[-$]?\w)"
)
_OPERATOR = re.compile(r"[+*/^][\s(]{0,3}\Z")
_SENTENCE_END = re.compile(r"(?<!\.\.)(?<=[.!?])\s+(?=\S)|(?<=[a-z0-9)]\.)(?=[A-Z][a-z])")
_EDGES = " \t\r\f\v*`:;,"
_DOUBLE_BRACKETS = re.compile(r"\A\(\(([^()]*)\)\)")
_MAX_CLAUSES = 3


def sentences_of(text: str) -> list[str]:
    """Sentences of the first line that has a word or a number. A box begins a text of its own."""
    before, _, inside = text.partition(BOX)
    boxed = (text if not inside or _OPERATOR.search(before) else inside).replace(BOX, "")
    lines = [line for line in boxed.splitlines() if re.search(r"\w|[√π∞⊗]", line)]
    if not lines:
        return [""]
    if lines[0].rstrip().endswith(":") and len(lines) > 1 and not has_quantity(lines[0]):
        lines[0] = f"{lines[0]} {lines[1].lstrip()}"
    line = _DOUBLE_BRACKETS.sub(r"(\1)", lines[0].strip(_EDGES))
    line = line.strip("\"'") if line[:1] in "\"'" else line
    return [sentence for sentence in _SENTENCE_END.split(line) if re.search(r"\w", sentence)] or [line]


def without_remarks(text: str) -> str:
    """Text without the brackets that follow a word or a number."""
    return _REMARK.sub(" ", text)


def without_circumstances(text: str) -> str:
    """Text without the clauses of circumstances at its start ("In 3 days, she reads 60 pages")."""
    for _ in range(_MAX_CLAUSES):
        begun = _CIRCUMSTANCES.match(text)
        if begun is None or not has_quantity(text[begun.end() :]):
            break
        text = text[begun.end() :]
    return text


def without_denial(text: str) -> str:
    """Text without the value that it denies before another one ("not 10 but 12")."""
    found = _DENIAL.search(text)
    if found is None or not has_quantity(found[0]) or not has_quantity(text[found.end() :]):
        return text
    return text[: found.start()] + " " + text[found.end() :]


def begins_with(text: str, quantity: Quantity) -> bool:
    """Whether at most words such as "about" or "equal to" precede a quantity."""
    filler = _FILLER.match(text)
    return filler is not None and quantity.start <= filler.end()


def continues_as_equation(text: str, position: int) -> bool:
    """Whether an equals sign follows in the same clause."""
    return _INTO_EQUATION.match(text, position) is not None


def conclusion(text: str) -> int:
    """End of the last "so" or "therefore" before a quantity, or 0."""
    ends = [found.end() for found in _CONCLUSION.finditer(text)]
    last = max((quantity.end for quantity in scan(text)), default=0) if ends else 0
    return next((end for end in reversed(ends) if end < last and has_quantity(text[end:])), 0)


def main_clause(text: str, position: int) -> str:
    """Text up to the first subordinate clause behind a position."""
    found = _SUBORDINATE.search(text, position)
    return text[: found.start()] if found else text
