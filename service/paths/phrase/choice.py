"""Decision which quantity of a phrase is its answer.

A phrase that begins with a quantity states it, and what follows is a remark. An equation states its right side. Any
other phrase states its last quantity that is not part of the circumstances ("each of the 3 friends gets 5 apples").
"""

import re
from itertools import pairwise

from service.paths.numbers import write
from service.paths.phrase.clauses import (
    EQUALS,
    begins_with,
    conclusion,
    continues_as_equation,
    main_clause,
    sentences_of,
    without_circumstances,
    without_denial,
    without_remarks,
)
from service.paths.phrase.pairs import ALTERNATIVES, NOUN, agree, conjunction
from service.paths.phrase.quantities import EXPRESSION, Quantity, has_quantity, scan

NO_NUMBER = "no number"
SEVERAL = "several values"
INEQUALITY = "a bound and not a value"
UNSOLVED = "an equation that is not solved"
DENIED = "a value that the text denies"

_OPERATED = re.compile(
    rf"[)\]\s]*(?:{NOUN}\s+){{0,3}}?(?:{NOUN}\s*)?"
    r"(?:(?:[+*^]|/(?!\s?[dghlmsy]\b)|\s-\s?|-(?=[\d(])|(?:plus|minus|times|multiplied\sby|divided\sby)\s)"
    r"\s{0,3}[-$€£]?\s?(?:[\d(√]|[b-z]\b))",
)
_OPERATOR_BEFORE = re.compile(
    r"[\w)%.]\s{0,3}[+*/^]\s{0,3}[($€£]?\s?\Z|\b(?:plus|minus|times|divided\sby|multiplied\sby)\s\Z"
)
_MINUS_BEFORE = re.compile(r"(?:(?<![A-Za-z])[A-Za-z]|[\d)%])\s{0,3}-\s{0,3}[($]?\Z")
_SHARE_OF = re.compile(r"(?:%|percent|[)\d])?\s+(?:of|out\sof)\s+(?:the\s|a\s|his\s|her\s|their\s)?[-$]?\d")
_OUT_OF = re.compile(r"\s+(?:(?!instead)[a-z]+\s)?(?:out\sof|in\severy|of)\s+[-$]?\d|\s+in\s+\d+\s*(?:$|[.,;])")
_NAMED_NEXT = re.compile(r"[)\s]*(?:and|or|[,;])\s{0,3}[A-Za-z]\w*\s?=")
_REMAINDER = re.compile(
    r"\b(?:(?:remainder|modulo|mod)\b.{0,20}\d|(?:with|leaving)\s(?:[^\W\d_]+\s)?\d.{0,20}\b(?:left|remaining|over))|\b[rR]\s?\d"
)
_REMAINDER_REMARK = re.compile(
    r"\((?:(?:and|with|plus|leaving)\s)?(?:(?:an?\s)?(?:remainder|rem|R)\b\W{0,3}(?:of\s|is\s)?\d"
    r"|\d+\s(?:[^\W\d_]+\s)?(?:are\s|is\s)?(?:left|remaining|over)\b)",
    re.IGNORECASE,
)
_RELATION = re.compile(
    rf"\s(?:{NOUN}\s)?(?:more|less|fewer|greater|larger|smaller|higher|lower|longer|shorter|older|younger)\s"
    rf"(?:{NOUN}\s)?than\s\Z"
)
_BOUND_BEFORE = re.compile(
    r"(?:\b(?:more|less|fewer|greater|larger|smaller|higher|lower|longer|shorter|older|younger|bigger|better)\sthan"
    r"(?:\sor\sequal\sto)?|\bat\s(?:least|most)|\bup\sto|\b(?:over|under|above|below|exceeds?|exceeding|nearly|almost)"
    r"|[<>≤≥≠]=*|!=+)\s{0,3}(?:the\s)?[($]?\Z",
    re.IGNORECASE,
)
_BOUND_AFTER = re.compile(
    r"\s?(?:[^\W\d_]+\s)?(?:or\s(?:more|less|fewer|greater|higher|lower|above|over|under)|and\s(?:above|up|over|more)|at\s(?:most|least))\b"
    r"|\s?\+(?!\s?[\w(/$-])|\s?(?:[<>≤≥≠]=*|!=+)(?=\s?[\w$(-])",
    re.IGNORECASE,
)
_NOT_BEFORE = re.compile(
    r"\b(?:no|not|never|isn't|no\slonger|cannot\sbe)\s(?:(?:be|just|only|merely|simply|even)\s|equal\s(?:to\s)?)?[$]?\Z",
    re.IGNORECASE,
)
_CIRCUMSTANCE = re.compile(
    r"(?:\b(?:the|these|those|all|both|each|every|his|her|their|its|my|our|your|for|in|over|after|per|from|with|by|at|on|"
    r"within|during|into|than|among|between|first|last|another|other)"
    r"|\b(?:each|all|half|some|most|any|one|both|out|rest|many|none|\d+)\sof)\s{1,2}[$]?\Z",
    re.IGNORECASE,
)
_CIRCUMSTANCE_CHARS = 40
_SYMBOLIC = re.compile(
    r"[√∛π∞⊗]|\b(?:sqrt|square\sroot|cube\sroot|pi|infinity|infinite|infinitely)\b"
    r"|\b(?:log|ln|sin|cos|tan|exp)(?:\s?[(0-9_]|\s[a-z]\b)"
)
_COEFFICIENT = re.compile(
    r"\d\s?[b-zB-Z](?![A-Za-z'.]|-[A-Za-z])|(?<![A-Za-z'])[b-zB-Z]\s?[-+*/^]\s?(?:[\d(]|[b-z](?![A-Za-z]))"
    r"|[\d)A-Za-z]\s?[-+*/]\s?(?!(?<=/)[dghlmsy]\b)[b-zB-Z](?![A-Za-z'.]|-[A-Za-z])"
)
_ARITHMETIC = re.compile(r"\d\s?[+*/x^-]\s?[\d($]")
_ANOTHER_VALUE = re.compile(r"\bor\b|(?:,|;|\band\b|&)[^\d+*/=]*\Z")
_ALTERNATIVE = re.compile(r"\bor\b\D*\Z")
_TIMES_X = re.compile(r"(?<=[\d)])\s?[xX]\s?(?=[\d$(.])")
_UNIT_LETTER = re.compile(r"(?<=\d)\s?[mghlsdcCFKLkp]\b")
_BEFORE_THE_LEFT_SIDE = re.compile(r"[:;,](?!\d)|\b(?:get|find|have|gives|is)\b")
_CHECK = re.compile(r"\b(?:check|verif|confirm|revers|indeed)", re.IGNORECASE)
_REMARK_WORDS = 2


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
    value = found.value if isinstance(found, Quantity) else None
    if value is not None and re.search(rf"(?<![\d.,]){re.escape(write(value))}(?![\d.,]*\d)", sentences[0]):
        return SEVERAL
    return found


def choose(sentence: str) -> Quantity | str:
    """Quantity that a plain sentence states, or the reason for a missing one."""
    sentence = without_denial(sentence)
    found = _stated(without_circumstances(sentence))
    if isinstance(found, str) and (end := conclusion(sentence)):
        return choose(sentence[end:])
    return found


def _stated(sentence: str) -> Quantity | str:
    kept = without_remarks(sentence)
    quantities = scan(kept)
    if not quantities:
        kept, quantities = sentence, scan(sentence)
    if not quantities:
        return EXPRESSION if _SYMBOLIC.search(sentence) else NO_NUMBER
    strong = next((index for index, quantity in enumerate(quantities) if not quantity.weak), 0)
    if _REMAINDER_REMARK.search(sentence):
        return SEVERAL
    if begins_with(kept, quantities[strong]):
        return _leading(kept, quantities[strong:])
    if end := conclusion(kept):
        return choose(kept[end:])
    main = main_clause(kept, quantities[0].end)
    return _equation(main) if EQUALS.search(main) else _last(main)


def _is_equation(sentence: str) -> bool:
    """Whether the answer of a sentence is the result of an equation."""
    kept = without_remarks(sentence)
    quantities = scan(kept)
    if quantities and begins_with(kept, quantities[0]):
        return continues_as_equation(kept, quantities[0].end)
    return bool(quantities) and EQUALS.search(kept) is not None


def _leading(text: str, quantities: list[Quantity]) -> Quantity | str:
    """First quantity of a phrase that begins with it."""
    first, rest = quantities[0], text[quantities[0].end :]
    main = main_clause(text, first.end)
    if _NAMED_NEXT.match(rest):
        return SEVERAL
    if len(quantities) > 1 and _RELATION.match(text[first.end : quantities[1].start]) and "=" not in main:
        end = conclusion(text)
        return choose(text[end:]) if end else EXPRESSION  # "3 more than 10"
    if continues_as_equation(main, first.end):
        return _equation(main)
    end = conclusion(text)
    if end and "=" in text[end:] and _words(text[first.end : end]) > _REMARK_WORDS:
        return choose(text[end:])  # a fact, and the equation that uses it
    equals = EQUALS.search(main, first.end)
    if equals and _words(text[first.end : equals.start()]) > _REMARK_WORDS:
        return _equation(main)
    if problem := _problem(main, first, rest) or (EXPRESSION if _SYMBOLIC.search(main) else ""):
        return problem
    if _OUT_OF.match(rest) or _REMAINDER.search(main, first.end):
        return SEVERAL
    for one, other in pairwise(quantities):
        word = conjunction(text, one, other) if other.start < len(main) else None
        if word is None or (word in (",", ";") and continues_as_equation(main, other.end)):
            break  # an equation behind the answer is a remark
        if word not in ALTERNATIVES or not agree(first, other):
            return SEVERAL
    return first


def _last(text: str) -> Quantity | str:
    """Last quantity that is not part of the circumstances."""
    quantities = scan(text)
    if not quantities:  # the clause ends within a word that was read as a value, such as "Jan, but"
        return NO_NUMBER
    strong = [quantity for quantity in quantities if not quantity.weak] or quantities
    stated = [quantity for quantity in strong if not _is_circumstance(text, quantity.start)] or strong
    chosen = stated[-1]
    if problem := _problem(text, chosen, text[chosen.end :]) or (EXPRESSION if _SYMBOLIC.search(text) else ""):
        return problem
    index = strong.index(chosen)
    for one, other in pairwise(strong[max(0, index - 1) : index + 2]):
        word = conjunction(text, one, other)
        if word is None or (word in (",", ";") and one not in stated):
            continue
        if word not in ALTERNATIVES or not agree(one, other):
            return SEVERAL
    return SEVERAL if _REMAINDER.search(text) else chosen


def _is_circumstance(text: str, start: int) -> bool:
    return _CIRCUMSTANCE.search(text, max(0, start - _CIRCUMSTANCE_CHARS), start) is not None


def _problem(text: str, chosen: Quantity, rest: str) -> str:
    """Reason why a quantity is not the value of its phrase, or empty."""
    before = text[: chosen.start]
    share = chosen.value is not None and chosen.value.denominator > 1 and not chosen.decimals
    if chosen.problem:
        return chosen.problem
    if _OPERATED.match(rest) or _OPERATOR_BEFORE.search(before) or _MINUS_BEFORE.search(before):
        return EXPRESSION
    if _BOUND_BEFORE.search(before) or _BOUND_AFTER.match(rest):
        return INEQUALITY
    if (share or chosen.unit == "percent") and _SHARE_OF.match(rest):
        return EXPRESSION
    if before.rstrip().endswith("±"):
        return SEVERAL
    return DENIED if _NOT_BEFORE.search(before) else ""


def _words(text: str) -> int:
    return len(re.findall(r"[^\W\d_]{2,}", text))


def _equation(text: str) -> Quantity | str:
    """Quantity on the right side of the last equation, or on the left side of one such as "15 = x"."""
    if end := conclusion(text):
        return choose(text[end:])
    sides = [side for side in EQUALS.split(text) if re.search(r"\w", side)]
    last = sides[-1]
    worked = any(_ARITHMETIC.search(side) or _COEFFICIENT.search(side) for side in sides)
    if any(_ANOTHER_VALUE.search(side) and (not worked or _ALTERNATIVE.search(side)) for side in sides[1:-1]):
        return SEVERAL
    if len(sides) == 1:
        return choose(last) if len(last) < len(text) else UNSOLVED
    if not has_quantity(last):
        first = choose(sides[0])
        symbolic = _SYMBOLIC.search(last) is not None
        return first if isinstance(first, Quantity) and not symbolic else EXPRESSION
    left = _BEFORE_THE_LEFT_SIDE.split(_TIMES_X.sub("*", sides[-2]))[-1]
    return UNSOLVED if _COEFFICIENT.search(_UNIT_LETTER.sub(" ", left)) else choose(last)
