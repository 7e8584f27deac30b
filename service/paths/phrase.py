"""Decision which quantity of a phrase is its answer.

A phrase that begins with a quantity states it, and what follows is a remark. An equation states its right side. Any
other phrase states its last quantity that is not part of the circumstances ("each of the 3 friends gets 5 apples").
"""

import re

from service.paths.notation import BOX
from service.paths.quantities import EXPRESSION, Quantity, scan

SEVERAL = "several values"

NO_NUMBER = "no number"
INEQUALITY = "a bound and not a value"
UNSOLVED = "an equation that is not solved"
DENIED = "a value that the text denies"

_REMARK = re.compile(
    r"(?<=[\w%°.)'\"])\s{1,3}\((?!\s?(?:or|to|and)\b)(?![A-Za-z]{1,20}\))[^()]*(?:\([^()]*\)[^()]*)?\)?"
)
_FILLER = re.compile(
    r"(?:[\s(\[:;,≈→=±]|(?:is|are|was|be|will|would|about|approximately|approx|around|roughly|exactly|only|just|simply|"
    r"therefore|thus|then|so|equals?(?:\sto)?|also|still|now|indeed|the|a\stotal\sof)\b)*",
    re.IGNORECASE,
)
_SUBORDINATE = re.compile(
    r"[\s,;](?:because|since|as(?=\s(?:he|she|it|they|we|you|there|each|the|\d))|when|where|whereas|if|after|before|while|given\sthat|instead|rather|but|unless|until)\b|,\s?(?:who|which)\b",
    re.IGNORECASE,
)
_CIRCUMSTANCE_CLAUSE = re.compile(
    r"\s?(?:because|since|as|if|when|where|after|before|while|given|with|in|for|on|at|over)\s(?:[^,]|,\d)*,\s(?![^=]*\bwho\b\s?\Z)",
    re.IGNORECASE,
)
_CONCLUSION = re.compile(
    r"[\s,;](?:so|therefore|thus|hence|consequently|(?:which|that)\smeans|meaning|which\sgives)\b|→|\bwhich(?:\s[a-z]+){1,3}:?\s(?=(?:\w\s=\s|[-+$\d(])(?:[^,;]|,\d)*=)|:\s(?=[^:;]*=)",
    re.IGNORECASE,
)
_EQUALS = re.compile(r"(?<![<>≤≥≠!:])==?|≈|→")
_NOUN = r"(?!(?:for|in|of|per|from|with|at|by|on|than|each|every|and|or|to|is|are|was|were|has|have|that)\b)[^\W\d_][\w'°-]*"
_OPERATED = re.compile(
    rf"[)\]\s]*(?:{_NOUN}\s+){{0,3}}?(?:{_NOUN}\s*)?"
    r"(?:(?:[+*^]|/(?!\s?[dghlmsy]\b)|\s-\s?|-(?=[\d(])|(?:plus|minus|times|multiplied\sby|divided\sby)\s)"
    r"\s{0,3}[-$€£]?\s?(?:[\d(√]|[b-z]\b))",
)
_OPERATOR_BEFORE = re.compile(
    r"[\w)%.]\s{0,3}[+*/^]\s{0,3}[($€£]?\s?\Z|\b(?:plus|minus|times|divided\sby|multiplied\sby)\s\Z"
)
_MINUS_BEFORE = re.compile(r"(?:(?<![A-Za-z])[A-Za-z]|[\d)%])\s{0,3}-\s{0,3}[($]?\Z")
_SHARE_OF = re.compile(r"(?:%|percent|[)\d])?\s+(?:of|out\sof)\s+(?:the\s|a\s|his\s|her\s|their\s)?[-$]?\d")
_OUT_OF = re.compile(r"\s+(?:(?!instead)[a-z]+\s)?(?:out\sof|in\severy|of)\s+[-$]?\d|\s+in\s+\d+\s*(?:$|[.,;])")
_CONJUNCTION = re.compile(
    rf"[)\]\s]*(?:(?:{_NOUN}|for|in|of|per|each|every)\s+){{0,6}}?(?:{_NOUN}\s?)?"
    r"\s?\(?(?P<word>,\s?(?:and|or)\b|[,;&±]|\+/-|\b(?:and|or|to|versus|vs|by|past|remainder|rem|r|R|through|until)\b|-|—)"
    r"\s{0,2}(?:(?:also|another|maybe|possibly|perhaps|about|even|the|only|a\sremainder\sof|[a-z]\s?=|[A-Z]\w*\s?:|[A-Z]\w+\s\w+)\s{0,2})?\Z"
)
_ALTERNATIVES = (",", ";", "or", ",or")
_NAMED_NEXT = re.compile(r"[)\s]*(?:and|or|[,;])\s{0,3}[A-Za-z]\w*\s?=")
_REMAINDER = re.compile(
    r"\b(?:(?:remainder|modulo|mod)\b.{0,20}\d|with\s(?:[^\W\d_]+\s)?\d.{0,20}\b(?:left|remaining|over))|\b[rR]\s?\d"
)
_NEXT_TO = re.compile(r"[)\]\s]*(?:[^\W\d_]*s\s)?\s?\Z")
_BOUND_BEFORE = re.compile(
    r"(?:\b(?:more|less|fewer|greater|larger|smaller|higher|lower|longer|shorter|older|younger|bigger|better)\sthan(?:\sor\sequal\sto)?"
    r"|\bat\s(?:least|most)|\bup\sto|\b(?:over|under|above|below|exceeds?|exceeding|nearly|almost)|[<>≤≥≠]=?)\s{0,3}(?:the\s)?[($]?\Z",
    re.IGNORECASE,
)
_BOUND_AFTER = re.compile(
    r"\s?(?:[^\W\d_]+\s)?(?:or\s(?:more|less|fewer|greater|higher|lower|above|over|under)|and\s(?:above|up|over|more))\b|\s?\+(?!\s?[\w(/$-])|\s?[<>≤≥≠](?=\s?[\w$(-])",
    re.IGNORECASE,
)
_NOT_BEFORE = re.compile(
    r"\b(?:no|not|never|isn't|no\slonger|cannot\sbe)\s(?:be\s|equal\s(?:to\s)?)?[$]?\Z", re.IGNORECASE
)
_CIRCUMSTANCE = re.compile(
    r"(?:\b(?:the|these|those|all|both|each|every|his|her|their|its|my|our|your|for|in|over|after|per|from|with|by|at|on|within|"
    r"during|into|than|among|between|first|last|another|other)|\b(?:each|all|half|some|most|any|one|both|out|rest|many|none|\d+)\sof)"
    r"\s{1,2}[$]?\Z",
    re.IGNORECASE,
)
_SYMBOLIC = re.compile(
    r"[√∛π∞⊗]|\b(?:sqrt|square\sroot|cube\sroot|pi|infinity|infinite|infinitely)\b|\b(?:log|ln|sin|cos|tan|exp)(?:\s?[(0-9_]|\s[a-z]\b)"
)
_VARIABLE = re.compile(r"(?<![A-Za-z'])(?![aI]\b)(?:[b-zB-HJ-Z])(?![A-Za-z'(.])")
_COEFFICIENT = re.compile(
    r"\d\s?[b-zB-Z](?![A-Za-z'.]|-[A-Za-z])|(?<![A-Za-z'])[b-zB-Z]\s?[-+*/^]\s?(?:[\d(]|[b-z](?![A-Za-z]))"
    r"|[\d)A-Za-z]\s?[-+*/]\s?(?!(?<=/)[dghlmsy]\b)[b-zB-Z](?![A-Za-z'.]|-[A-Za-z])"
)
_ARITHMETIC = re.compile(r"\d\s?[+*/x^-]\s?[\d($]")
_ANOTHER_VALUE = re.compile(r"\bor\b|(?:,|;|\band\b|&)[^\d+*/=]*\Z")
_ALTERNATIVE = re.compile(r"\bor\b\D*\Z")
_INTO_EQUATION = re.compile(r"(?:[^=,;:≈→<>]|[,.:](?=\d))*(?:==?|≈|→)(?=.*\w)")
_TIMES_X = re.compile(r"(?<=[\d)])\s?[xX]\s?(?=[\d$(.])")
_UNIT_LETTER = re.compile(r"(?<=\d)\s?[mghlsdcCFKLkp]\b")


_SENTENCE_END = re.compile(r"(?<!\.\.)(?<=[.!?])\s+(?=\S)|(?<=[a-z0-9)]\.)(?=[A-Z][a-z])")
_CHECK = re.compile(r"\b(?:check|verif|confirm|revers|indeed)", re.IGNORECASE)
_REMARK_WORDS = 2
_MAX_CLAUSES = 3
_EDGES = " \t\r\f\v*`:;,"
_DOUBLE_BRACKETS = re.compile(r"\A\(\(([^()]*)\)\)")


def read_phrase(text: str) -> Quantity | str:
    """Quantity that a plain phrase states, or the reason for a missing one.

    If the first sentence is an equation and others follow it, the last one has the result. A result that the first
    one already contains can be a check, so that such a phrase has several values.
    """
    sentences = sentences_of(text)
    equations = 1
    while equations < len(sentences) and all(map(_is_equation, sentences[equations - 1 : equations + 1])):
        equations += 1
    if equations == 1 or any(_CHECK.search(sentence) for sentence in sentences[1:equations]):
        return choose(sentences[0])
    found = choose(sentences[equations - 1])
    if isinstance(found, Quantity) and any(found.value == operand.value for operand in scan(sentences[0])):
        return SEVERAL
    return found


def _is_equation(sentence: str) -> bool:
    """Whether the answer of a sentence is the result of an equation."""
    kept = _REMARK.sub(" ", sentence)
    quantities = scan(kept)
    filler = _FILLER.match(kept)
    if quantities and filler and quantities[0].start <= filler.end():
        return _INTO_EQUATION.match(kept, quantities[0].end) is not None
    return bool(quantities) and _EQUALS.search(kept) is not None


def sentences_of(text: str) -> list[str]:
    """Sentences of the first line that has a word or a number. A box begins a text of its own."""
    boxed = (text.partition(BOX)[2] or text).replace(BOX, "")
    lines = [line for line in boxed.splitlines() if re.search(r"\w|[√π∞⊗]", line)]
    if not lines:
        return [""]
    if lines[0].rstrip().endswith(":") and len(lines) > 1 and not scan(lines[0]):
        lines[0] = f"{lines[0]} {lines[1].lstrip()}"
    line = _DOUBLE_BRACKETS.sub(r"(\1)", lines[0].strip(_EDGES))
    line = line.strip("\"'") if line[:1] in "\"'" else line
    return [sentence for sentence in _SENTENCE_END.split(line) if re.search(r"\w", sentence)] or [line]


def choose(sentence: str) -> Quantity | str:
    """Quantity that a plain sentence states, or the reason for a missing one."""
    found = _stated(sentence)
    if isinstance(found, str) and (end := _conclusion(sentence)):
        return choose(sentence[end:])
    return found


def _conclusion(text: str) -> int:
    """End of the last "so" or "therefore" before a quantity, or 0."""
    ends = [found.end() for found in _CONCLUSION.finditer(text)]
    return next((end for end in reversed(ends) if scan(text[end:])), 0)


def _stated(sentence: str) -> Quantity | str:
    for _ in range(_MAX_CLAUSES):
        begun = _CIRCUMSTANCE_CLAUSE.match(sentence)
        if begun is None or not scan(sentence[begun.end() :]):
            break
        sentence = sentence[begun.end() :]
    kept = _REMARK.sub(" ", sentence)
    quantities = scan(kept)
    if not quantities:
        kept, quantities = sentence, scan(sentence)
    if not quantities:
        return EXPRESSION if _SYMBOLIC.search(sentence) else NO_NUMBER
    start = _first_strong(quantities)
    filler = _FILLER.match(kept)
    if filler is not None and quantities[start].start <= filler.end():
        return _leading(kept, quantities[start:])
    if end := _conclusion(kept):
        return choose(kept[end:])
    main = _main_clause(kept, quantities)
    if _EQUALS.search(main):
        return _equation(main)
    return _last(main)


def _first_strong(quantities: list[Quantity]) -> int:
    """Index of the first quantity that is not the pronoun "one", else 0."""
    return next((index for index, quantity in enumerate(quantities) if not quantity.weak), 0)


def _leading(text: str, quantities: list[Quantity]) -> Quantity | str:
    """First quantity of a phrase that begins with it."""
    first, rest = quantities[0], text[quantities[0].end :]
    if _NAMED_NEXT.match(rest):
        return SEVERAL
    equation = _INTO_EQUATION.match(_main_clause(text, quantities), first.end)
    if equation:
        return _equation(_main_clause(text, quantities))
    end = _conclusion(text)
    if end and "=" in text[end:] and _words(text[first.end : end]) > _REMARK_WORDS:
        return choose(text[end:])  # a fact, and the equation that uses it
    equals = _EQUALS.search(_main_clause(text, quantities), first.end)
    if equals and _words(text[first.end : equals.start()]) > _REMARK_WORDS:
        return _equation(_main_clause(text, quantities))
    if _OPERATED.match(rest) or first.problem == EXPRESSION:
        return EXPRESSION
    if first.problem:
        return first.problem
    main_end = len(_main_clause(text, quantities))
    before = text[: first.start]
    if _SYMBOLIC.search(text[:main_end]):
        return EXPRESSION
    if _BOUND_BEFORE.search(before) or _BOUND_AFTER.match(rest):
        return INEQUALITY
    if (first.unit == "percent" or _is_fraction(first)) and _SHARE_OF.match(rest):
        return EXPRESSION
    if before.rstrip().endswith("±") or _OUT_OF.match(rest) or _REMAINDER.search(rest[: max(0, main_end - first.end)]):
        return SEVERAL
    for one, other in zip(quantities, quantities[1:], strict=False):
        word = _conjunction(text, one, other) if other.start < main_end else None
        if word is None:
            break
        if word not in _ALTERNATIVES or not _agree(first, other):
            return SEVERAL
    return first


def _words(text: str) -> int:
    return len(re.findall(r"[^\W\d_]{2,}", text))


def _equation(text: str) -> Quantity | str:
    """Quantity on the right side of the last equation."""
    if end := _conclusion(text):
        return choose(text[end:])
    sides = [side for side in _EQUALS.split(text) if re.search(r"\w", side)]
    if len(sides) == 1:
        return choose(sides[0])
    worked = any(_ARITHMETIC.search(side) or _COEFFICIENT.search(side) for side in sides)
    if any(_ANOTHER_VALUE.search(side) and (not worked or _ALTERNATIVE.search(side)) for side in sides[1:-1]):
        return SEVERAL
    last = sides[-1]
    found = scan(last)
    if not found:
        if not _SYMBOLIC.search(last) and (first := _bare(sides[0])):
            return first
        return EXPRESSION if _SYMBOLIC.search(last) or _VARIABLE.search(last) else NO_NUMBER
    left = re.split(r"[:;,](?!\d)|\b(?:get|find|have|gives|is)\b", _TIMES_X.sub("*", sides[-2]))[-1]
    left = _UNIT_LETTER.sub(" ", left)
    if _COEFFICIENT.search(left):
        return UNSOLVED
    return choose(last)


def _bare(side: str) -> Quantity | None:
    found = choose(side)
    return found if isinstance(found, Quantity) else None


def _last(text: str) -> Quantity | str:
    """Last quantity that is not part of the circumstances."""
    quantities = scan(text)
    strong = [quantity for quantity in quantities if not quantity.weak] or quantities
    stated = [quantity for quantity in strong if not _CIRCUMSTANCE.search(text[: quantity.start])] or strong
    chosen = stated[-1]
    before, rest = text[: chosen.start], text[chosen.end :]
    if chosen.problem:
        return chosen.problem
    if (
        _SYMBOLIC.search(text)
        or _OPERATOR_BEFORE.search(before)
        or _MINUS_BEFORE.search(before)
        or _OPERATED.match(rest)
    ):
        return EXPRESSION
    if _BOUND_BEFORE.search(before) or _BOUND_AFTER.match(rest):
        return INEQUALITY
    if (chosen.unit == "percent" or _is_fraction(chosen)) and _SHARE_OF.match(rest):
        return EXPRESSION
    if _NOT_BEFORE.search(before):
        return DENIED
    index = strong.index(chosen)
    for one, other in zip(strong[max(0, index - 1) :], strong[max(1, index) : index + 2], strict=False):
        word = _conjunction(text, one, other)
        if word is None or (word in (",", ";") and one not in stated):
            continue
        if word not in _ALTERNATIVES or not _agree(one, other):
            return SEVERAL
    if _REMAINDER.search(text):
        return SEVERAL
    return chosen


def _main_clause(text: str, quantities: list[Quantity]) -> str:
    """Text up to the first subordinate clause behind a quantity."""
    found = _SUBORDINATE.search(text, quantities[0].end)
    return text[: found.start()] if found else text


def _conjunction(text: str, one: Quantity, other: Quantity) -> str | None:
    """Word or sign that joins two neighbours to a list, range or pair. Empty if they touch, and None for no pair."""
    between = text[one.end : other.start]
    found = _CONJUNCTION.match(between)
    if found:
        return "".join(found["word"].split())
    return "" if _NEXT_TO.match(between) else None


def _agree(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are one amount: 1/2 and 50 %, 10/3 and 3.33, or 2 hours and 120 minutes."""
    if one.value is None or other.value is None:
        return one.text == other.text != ""
    if one.value == other.value:
        return True
    for scale, ratio in one.ratios.items():
        if scale in other.ratios and one.value * ratio == other.value * other.ratios[scale]:
            return True
    if (one.unit == "percent") != (other.unit == "percent"):
        share, percent = (other, one) if one.unit == "percent" else (one, other)
        return share.value is not None and percent.value is not None and share.value * 100 == percent.value
    exact, rounded = (one, other) if other.decimals else (other, one)
    assert exact.value is not None and rounded.value is not None
    return rounded.decimals >= 2 and abs(exact.value - rounded.value) * 2 * 10**rounded.decimals <= 1


def _is_fraction(quantity: Quantity) -> bool:
    return quantity.value is not None and quantity.value.denominator > 1 and not quantity.decimals
