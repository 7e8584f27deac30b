"""Answer of the last sentence of a complete text.

The text has no marker. The answer is the bold number of the sentence, or its only number, if the text works it out.
Of several different numbers, the result of the last equation is the answer.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from service.paths.answer import Answer, parse_answer
from service.paths.phrase.choice import SEVERAL
from service.paths.rationale.grounds import BACK_CHARS, SPAN, WORDS, concludes, is_grounded
from service.paths.rationale.markers import sentence_end


@dataclass(frozen=True, slots=True)
class Conclusion:
    """Answer of a last sentence.

    Args:
        answer: the answer, or None.
        start: start of the number in the text.
        end: end of the sentence.
        reason: reason for a missing answer, else empty.
        is_final: whether the sentence concludes: by an equation, a bold number, or a word such as "so" or "left".
    """

    answer: Answer | None
    start: int
    end: int
    reason: str = ""
    is_final: bool = False


def conclude(text: str, start: int, end: int, *, announced: bool = False) -> Conclusion:
    """Answer of the last sentence of `text[start:end]`.

    Args:
        text: the text.
        start: start of the part to read.
        end: end of the part to read.
        announced: whether a marker announces the part as the answer. Otherwise its number must rest on the text.
    """
    sentences = _last_sentences(text, start, end)
    for first, last in sentences:
        sentence = text[first:last]
        if _CHECK.search(sentence) or _NOTE.match(sentence):
            continue
        if not _has_number(sentence) and (_CLOSING.search(sentence) or len(sentence.split()) <= _SHORT_WORDS):
            continue
        if _REFUSAL.search(sentence):
            return Conclusion(None, first, last)
        if _is_list(text, first, last):
            return Conclusion(None, first, last, SEVERAL)
        return _read(text, first, last, announced or is_grounded(text, start, first, last))
    return Conclusion(None, start, start)


_MAX_SENTENCES = 4  # the last one with a number, and courtesies after it
_SHORT_WORDS = 3
_MAX_NUMBERS = 60
_CLOSING = re.compile(
    r"hope|let me know|feel free|thank|happy|glad|good luck|great|correct|right\b|clear|help"
    r"|any (?:other |more )?questions",
    re.IGNORECASE,
)
_CHECK = re.compile(  # its numbers are old
    r"\b(?:verif|confirm|(?:double-?)?check\b|reverse|(?:which|that|this|it|result|answer)\s(?:also\s)?matches\b)"
    r"|(?<![0-9]\s)\bmatches\s(?:the|our|with|what|that)\b",
    re.IGNORECASE,
)
_NOTE = re.compile(
    r"[\s>*_(]*(?:(?:note|remark|n\.?b\.?)[*_]{0,3}[:：]|(?:please\s)?let\sme\sknow|feel\sfree|(?:would|do)\syou\s(?:like|want)"
    r"|if\syou(?:['’]d|\swould)?\s(?:like|want|need|have)\b|i\shope)",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"(?:\bcannot|\bcan\snot|can['’]t|unable\sto|(?:im|not\s)possible\sto)\s(?:be\s)?"
    r"(?:answer|determin|solve|say|find|calculat|comput|conclude|tell|know|provide)"
    r"|(?:not|n['’]t)\s(?:have\s)?enough\s(?:info|data)|\binsufficient\b|\bunknowns\b",
    re.IGNORECASE,
)
_BOLD = re.compile(r"(?:\*\*|__|<b>|<strong>)([^*\n<]{1,80}?)(?:\*\*|__|</b>|</strong>)")
_LABEL = re.compile(
    r"[\s>*_#-]*(?:(?:step|part)\s[0-9]{1,2}\s?[.:)-]|\(?[0-9]{1,2}[.)])\s+(?=\D*[^\d\s]\D*\d)", re.IGNORECASE
)
_PREFIX = re.compile(r"[-−–]?\s?[$€£¥₹]?\\?\$?\s?[-−]?\Z")
_UNIT = (
    r"(?:hours?|hrs?|h|minutes?|mins?|seconds?|secs?|days?|weeks?|months?|years?|dollars?|cents?|pounds?|pence|ounces?"
    r"|feet|foot|ft|inch(?:es)?|met(?:er|re)s?|centimet(?:er|re)s?|cm|m|km|kg|g|grams?|kilograms?|lit(?:er|re)s?|ml)"
)
_COMPOUND = re.compile(rf"[*\s]{{0,3}}{_UNIT}[*\s]{{0,3}},?\s?(?:and\s)?[*$]{{0,3}}", re.IGNORECASE)
_DOUBTED = re.compile(
    r"(?:\bnot|n['’]t|\bnever|\bmaybe|\bperhaps|\bm(?:ight|ay)|\bcould|\bsuppose|\bif|\bwhether)\b[^.,;]{0,25}\Z",
    re.IGNORECASE,
)
# Words of a sentence that comments on the problem, and words before a number that only names a circumstance.
_REMARK = re.compile(
    r"relevant|extraneous|unnecessary|not\s(?:needed|affect|impact|matter)|n['’]t\s(?:need|affect|impact|matter)"
    r"|\b(?:question|problem)\s(?:asks|provides|states|tells|gives|does|only|is|was)\b|\binformation\b|\bgiven\b|\bwe\sonly\b|\bassum|\btypo\b|\bdisregard",
    re.IGNORECASE,
)
_CIRCUMSTANCE = re.compile(
    r"\b(?:these|those|his|her|their|its|over|within|(?:of|to|from|by|for|in|on|with)\sthe)\s[$]?\Z", re.IGNORECASE
)
_MADE = re.compile(r"\b(?:makes?|gives?|leaves?|leaving)\s(?:a\stotal\sof\s)?[$]?\Z", re.IGNORECASE)
_BEFORE_CHARS = 120
_MAX_SPANS = 8
# A preposition before a number that is not the result, and words of one more step that the sentence takes.
_ASIDE = re.compile(
    r"\b(?:in|after|of|for|from|with|over|per|within|by|on|than|among|at|every|all)\s"
    r"(?:(?:the|all|these|those|his|her|their|its|every|each|another|step|day)\s)?[$]?\Z",
    re.IGNORECASE,
)
_STEP = re.compile(
    r"\b(?:since|because|if|but|however|which|divid\w+|multipl\w+|subtract\w*|add|half|quarter|third|twice|round\w*"
    r"|to\sget|square|am|pm)\b|[0-9]\s?[-+*/×÷]\s?[$]?[0-9]",
    re.IGNORECASE,
)
_NAME = re.compile(r"[a-z,]['’]?\s(?!I\s|[A-Z]+\$)[A-Z]\w+[\s-]\Z")
_DATED = re.compile(r"\b(?:in|since|until|after|before|during|by|of|from|to|the|early|late|year)\s\Z", re.IGNORECASE)
_YEAR = re.compile(r"(?:1[0-9]|20)[0-9]{2}s?(?![\d.,]?[0-9])(?!\s(?!and\b|to\b)[a-z])")
_ITEM = re.compile(r"\s*[-*•]\s+[*_]{0,3}[^\W\d][^:=\n]{0,40}:[*_\s$]{0,4}[0-9][^=\n]{0,30}")
_TOTAL = re.compile(r"total|answer|left|remain|result|final|altogether|\ball\b", re.IGNORECASE)
_RESULT = re.compile(r"=[^0-9=\n]{0,20}?-?([0-9][0-9.,]*)")
_LAST_SIDE = re.compile(r"(?:[-+*/×÷·]|\\times|\\div|\\cdot|\\frac).*=\s*([^=]*)\Z", re.DOTALL)
_VARIABLE = re.compile(r"[0-9][a-z]\b", re.IGNORECASE)
_ALGEBRA = re.compile(r"\b[a-z]\s?[-+*/^]\s?[0-9]|[0-9]\s?[-+*/^]\s?[a-z]\b", re.IGNORECASE)


def _last_sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Starts and ends of the last sentences, the last one first."""
    begin = max(start, end - BACK_CHARS)
    sentences, first = [], begin
    while first < end:
        last = sentence_end(text, first, end)
        if text[first:last].strip(_MARKUP):
            sentences.append((first, min(last + 1, end)))
        first = last + 1
    return sentences[: -_MAX_SENTENCES - 1 : -1]


_MARKUP = " \t\r\n*_`$\\()[]{}|#>-=~."


def _has_number(sentence: str) -> bool:
    return bool(SPAN.search(sentence) or WORDS.search(sentence))


def _read(text: str, first: int, last: int, rests: bool) -> Conclusion:
    sentence = text[first:last]
    if sentence.rstrip(_MARKUP).endswith("?"):
        return Conclusion(None, first, last)
    is_equation = "=" in sentence
    if not is_equation and _ALGEBRA.search(sentence):
        return Conclusion(None, first, last)
    bold = [found for found in _BOLD.finditer(sentence) if _has_number(found[1])]
    values = {answer for found in bold if (answer := parse_answer(found[1]))}
    if len(values) == 1:
        (answer,) = values
        return Conclusion(answer, first + bold[-1].start(1), first + bold[-1].end(1), is_final=True)
    label = _LABEL.match(sentence)
    spans = list(SPAN.finditer(sentence, label.end() if label else 0))
    if not rests:
        return Conclusion(None, first, last)
    if not spans:
        return _read_words(text, first, last)
    if len(_values(span[0] for span in spans)) > 1 and not _is_compound(sentence, spans):
        return _read_several(text, first, last, spans)
    if _is_doubted(text, first, sentence, spans[0]) or _is_given(text, first, spans[0]):
        return Conclusion(None, first, last)
    prefix = _PREFIX.search(sentence[: spans[0].start()])
    begin = first + (prefix.start() if prefix else spans[0].start())
    answer = parse_answer(text[begin:last]) or parse_answer(spans[0][0])
    return Conclusion(answer, begin, last, is_final=is_equation or concludes(sentence))


def _read_several(text: str, first: int, last: int, spans: Sequence[re.Match[str]]) -> Conclusion:
    """Answer of a sentence with different numbers: its last side, or the only one that the last equation results in."""
    sentence = text[first:last]
    is_equation = "=" in sentence
    if is_equation:
        side = None if _VARIABLE.search(sentence) else _LAST_SIDE.search(sentence)
        if side and len({*SPAN.findall(side[1])}) == 1:
            return Conclusion(parse_answer(side[1]), first + side.start(1), last, SEVERAL, is_equation)
        return Conclusion(None, first, last, SEVERAL, is_equation)
    is_final = concludes(sentence)
    if len(spans) > 2 and _MADE.search(sentence, 0, spans[-1].start()) and not _STEP.search(sentence):
        return Conclusion(parse_answer(sentence[spans[-1].start() :]), first + spans[-1].start(), last, "", is_final)
    results = [found[1].rstrip(".,") for found in _RESULT.finditer(text, max(0, first - BACK_CHARS), first)]
    result = parse_answer(results[-1]) if results else None
    same = [span for span in spans if result is not None and parse_answer(span[0]) == result]
    if len(same) != 1 or len(spans) > _MAX_SPANS or _STEP.search(sentence):
        return Conclusion(None, first, last, SEVERAL)
    aside = all(span is same[0] or _ASIDE.search(sentence, 0, span.start()) for span in spans)
    if not aside or _is_doubted(text, first, sentence, same[0]):
        return Conclusion(None, first, last, SEVERAL)
    return Conclusion(result, first + same[0].start(), first + same[0].end(), "", is_final)


def _is_list(text: str, first: int, last: int) -> bool:
    """Whether the sentence is the last of several items that state a number each."""
    item = _ITEM.fullmatch(text[first:last].rstrip())
    line = text[:first].rstrip()[-_BEFORE_CHARS:].rpartition("\n")[2]
    return bool(item and not _TOTAL.search(item[0]) and _ITEM.fullmatch(line))


def _is_doubted(text: str, first: int, sentence: str, span: re.Match[str]) -> bool:
    """Whether a sentence doubts a number, or the number is a year or a part of a name."""
    before = sentence[: span.start()]
    if _DOUBTED.search(before) or _REMARK.search(sentence):
        return True
    return bool(_NAME.search(before) or (_DATED.search(before) and _YEAR.match(text, first + span.start())))


def _is_given(text: str, first: int, span: re.Match[str]) -> bool:
    """Whether a number is given by the problem, and not the result of the text."""
    if _CIRCUMSTANCE.search(text, first, first + span.start()):
        return True
    value = parse_answer(span[0])
    results = _values(found[1].rstrip(".,") for found in _RESULT.finditer(text))
    earlier = _values(found[0] for found in SPAN.finditer(text, max(0, first - BACK_CHARS), first))
    return bool(results) and value not in results and value in earlier


def _values(numbers: Iterable[str]) -> set[Answer | None]:
    """Values of the last different numbers of a text."""
    return {parse_answer(number) for number in [*dict.fromkeys(numbers)][-_MAX_NUMBERS:]}


def _is_compound(sentence: str, spans: list[re.Match[str]]) -> bool:
    """Whether the numbers are one quantity, such as 2 hours and 30 minutes."""
    return all(_COMPOUND.fullmatch(sentence, one.end(), other.start()) for one, other in pairwise(spans))


def _read_words(text: str, first: int, last: int) -> Conclusion:
    """Answer of a sentence without digits: its only number word."""
    words = list(WORDS.finditer(text, first, last))
    if len(words) != 1 or _DOUBTED.search(text[first : words[0].start()]):
        return Conclusion(None, first, last, SEVERAL if words else "")
    return Conclusion(parse_answer(text[words[0].start() : last]), words[0].start(), last)
