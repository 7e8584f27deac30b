r"""Markers of an answer in a rationale, and the phrases after them.

Markers are such as "The answer is", "####", "\boxed{" or a heading.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from service.paths.work import spend

MAX_PHRASE_CHARS = 400
"""Maximum length of a phrase in characters."""

MAX_SECTION_CHARS = 2000
"""Maximum length in characters of the prose under a heading."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A phrase that a marker announces as the answer.

    Args:
        start: start of the phrase in the text.
        end: end of the phrase.
        closed: whether a bracket, a tag, a line or a sentence ends the phrase.
        is_section: whether the phrase is the prose of several lines under a heading.
    """

    start: int
    end: int
    closed: bool
    is_section: bool = False


def find_marked(text: str) -> list[Marked]:
    """Phrases of a text that a valid marker announces, in order.

    Questions, denials, suppositions and judgements of the answer are left out. Weak markers such as "The result is"
    count only without any other, in the last sentence. Only the first 30 and the last 30 markers of a text count.
    """
    spend(len(text) * _WORK_PER_CHAR)
    found = [marker for marker in _markers(text) if marker.lastgroup != "hash" or _is_value(text, marker)]
    last = len(text.rstrip(_AFTER_LAST))
    limits = [marker.start() for marker in found[1:]] + [len(text)]
    pairs = list(zip(found, limits, strict=False))
    if len(pairs) > 2 * _MAX_MARKERS:
        pairs = [*pairs[:_MAX_MARKERS], *pairs[-_MAX_MARKERS:]]
    strong: list[Marked] = []
    weak: list[Marked] = []
    for marker, limit in pairs:
        is_weak = marker.lastgroup in _WEAK
        spend(_WORK_PER_MARKER)
        marked = _phrase(text, marker, limit)
        if marked is None or (is_weak and marked.end < last):
            continue
        corrected = _corrected(text, marker, marked)
        if corrected is None and _is_void(text, marker, marked):
            continue
        marked = corrected or marked
        (weak if is_weak else strong).append(marked)
    return strong or weak


def _markers(text: str) -> Iterator[re.Match[str]]:
    """Markers of a text, or of its first and last thousand characters if it has too many."""
    written = text.lower()
    if len(text) <= 2 * _MAX_END_CHARS or sum(map(written.count, _PARTS)) <= _MAX_PARTS:
        return _MARKER.finditer(text)
    return chain(_MARKER.finditer(text, 0, _MAX_END_CHARS), _MARKER.finditer(text, len(text) - _MAX_END_CHARS))


def sentence_end(text: str, start: int, limit: int) -> int:
    """End of the sentence or line that contains `start`, at most `limit`."""
    found = _SENTENCE_END.search(text, start, limit)
    return found.start() if found else limit


_SENTENCE_END = re.compile(r"(?<![A-Z])[.!?](?=[\"')*_\]}$\\]{0,4}\s+[^\sa-z0-9])|[。！？]|\n")
_ANSWER_WORDS = {  # by first letter, in the Latin script
    "a": "ntwort ntwoord",
    "r": "espuesta eponse esposta isposta éponse",
    "s": "var(?:et)?",
    "c": "evap",
    "y": "anıt",
    "o": "dpowiedź",
    "j": "awaban ibu",
}
_OTHER_ANSWER_WORDS = (
    "答案|答え|正解|정답|ответ|відповідь|उत्तर|উত্তর|الجواب|الإجابة|đáp án|đáp số|คำตอบ|సమాధానం|பதில்|απάντηση|תשובה|پاسخ"
)
_ABROAD = (
    rf"(?=[{''.join(_ANSWER_WORDS)}])(?:"
    + "|".join(f"{first}(?:{'|'.join(rest.split())})" for first, rest in _ANSWER_WORDS.items())
    + rf")|(?=[^\x00-\x7f])(?:{_OTHER_ANSWER_WORDS})"
)
_IS_ABROAD = (
    "是|为|為|は|는|은|(?:ist|lautet|beträgt|es|est|é|è|är|er|blir|is|to|jest|wynosi|adalah|là|ni)\\b|คือ|هو|هي|है|হল|"
    "равен|είναι"
)
_FILLER = r"(?:[^\n.!?:：=|→⇒]|\.(?=[0-9])){0,44}?"
_SIGN = r"[:：=|→⇒]|\s[-–—]\s"
_VERB = (
    r"\b(?:(?:is|are|was|were)(?:n['’]t)?|be|equals?|becomes?|comes?\s(?:out\s)?(?:to|as)|works\sout\s(?:to|as)"
    r"|amounts\sto|totals)\b"
)
_TAIL = r"(?:\s(?:as\sfollows|given\sby))?(?:\s?[*_\"')\]]{0,4}\s?[:：=])?"
_LINE_START = r"[ \t>#*_✅👉✔️☑️🎯-]{0,12}+"
# The lookaheads only save time: each holds the first letters of its alternatives.
_MARKER = re.compile(
    rf"""
    (?=[\\<\[\#])(?:
      (?P<box>\\(?:boxed|fbox|framebox)\s?\{{|<\|begin_of_box\|>)
      |(?P<bare_box>\\boxed\s{{0,3}}(?=[-0-9]))
      |(?P<tag>[<\[](?:final[_\s]?)?answer[>\]])
      |(?P<hash>\#\#\#\#(?!\#)))
    |^(?:
      (?P<heading>{_LINE_START}(?:(?:step\s)?[0-9]{{1,2}}[.):]\s)?(?:the\s|my\s|our\s|your\s)?
        (?:\w{{1,12}}\s)?answer[*_ \t]{{0,6}}$)
      |(?P<plain>{_LINE_START}(?:final\s)?answer[*_]{{0,3}}[ \t]{{1,3}}(?=[*$\\(]{{0,4}}[-−]?[0-9])))
    |(?=[iwa=])(?P<reverse>\b(?:is|was|as|=)\s(?:the|my|our|your)\s(?:\w{{1,12}}\s){{0,2}}answer\b
      (?=[^\n.!?:=]{{0,40}}(?:[.!?]|$)))
    |(?=a)(?P<word>(?<![A-Za-z])(?:answers\*{{0,2}}\s?(?:{_SIGN}|{_VERB}){_TAIL}
      |ans(?:wer)?(?![a-z]|\s(?:check\w{{0,3}}|verif\w{{1,8}}|explanation|format)\b)
      (?:\s(?:of|as|to\sbe)\b|{_FILLER}(?:{_SIGN}|{_VERB}){_TAIL})))
    |(?P<abroad>(?:{_ABROAD})[^\n.!?。:：=0-9]{{0,20}}?(?:[:：=]|\s[-–—]\s|\s?(?:{_IS_ABROAD}))(?:\s?[:：])?)
    |^(?P<short>[ \t>*_]{{0,6}}(?:A|答|답)[*_]{{0,3}}\s?[:：.][*_]{{0,3}})
    |(?=[tcfrdo∴])(?P<result>\b(?:the\s)?
      (?:(?:correct|final|required|desired|overall)\s(?!answer)\w{{1,12}}|result)\b{_FILLER}(?:{_SIGN}|{_VERB})|∴)
    """,
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
# Parts of markers. The regular expression takes long at each of them, so that their number needs a limit.
_PARTS = (
    *("ans", "result", "correct", "final", "required", "desired", "overall", "box", "####", "∴", "svar"),
    *(first + rest for first, words in _ANSWER_WORDS.items() for rest in words.split() if first != "s"),
    *_OTHER_ANSWER_WORDS.split("|"),
)
_MAX_PARTS = 60
_MAX_END_CHARS = 1000
_WORK_PER_CHAR, _WORK_PER_MARKER = 0.2, 20
_WEAK = ("short", "result")
_MAX_MARKERS = 30  # at each end of the text
_AFTER_LAST = " \t\r\n.!*_$\\()[]{}|`"

_HASH_VALUE = re.compile(
    r"(?![ \t*_]{0,5}[0-9]{1,2}[.):]\s*[*_]{0,2}[A-Za-z])[ \t]{0,3}"
    r"(?:[-−+$€£¥₹*_(\\ ]{0,6}[0-9.]|[*_ ]{0,3}(?:yes|no|true|false|[A-E]|[a-z-]{3,12})[*_.) ]{0,4}$)",
    re.IGNORECASE | re.MULTILINE,
)
_EMPTY_LINE = re.compile(
    r"[\s*_`$\\\[\](){}|:：=~>-]*(?:(?:```|~~~)\w*|\\begin\{\w+\*?\}(?:\{\w*\})?)?[\s*_`$\\\[\](){}|:：=~-]*\n"
)
_OPENING = re.compile(r"[\s|:：\"]*(?:(?<=\n)>\s?)?")
_VALUE = re.compile(r"[\s*_`$(\\{\[]*[-−+]?[\s$€£¥₹*]*(?:[0-9.]|d?frac|boxed|fbox|text)")
_HEADING = re.compile(r"\n\s*(?:#{1,6}\s|\*\*[^*\n]{1,60}\*\*\s*\n)")
_CLOSING_SIGNS = {">": "</", "]": "[/", "|": "|"}

# Words shortly before a marker, within its clause, that make it a supposition or a denial.
_SUPPOSED = re.compile(
    r"(?:\b(?:if|suppos(?:e|ing)|assum(?:e|es|ed|ing)|whether|maybe|perhaps|might|could|may|unless|imagine|pretend|not|never|cannot"
    r"|false|wrong|incorrect|at\sfirst|initially|naively|doubt)\b|n['’]t\b|(?:^|let['’]?s\s|let\sus\s)say\b)"
    r"(?:\s\w{1,12}){0,5}\s?\Z",
    re.IGNORECASE,
)
_CLAUSE_START = re.compile(r"[.!?\n,;:：。，]")
_NO_ANSWER = re.compile(
    r"\b(?:each|every|per|an?|any|one|wrong|incorrect|another)\s(?:(?!\w*the\s)\w{1,12}\s)?\Z", re.IGNORECASE
)
_VERB_USE = re.compile(r"\b(?:to|can|must|will|should|could|and|let['’]?s|we|you|please|now|then)\s\Z", re.IGNORECASE)
_OBJECT = re.compile(r"answers?\s(?:the|this|that|your|a|these|it|both|how|what|each)\b", re.IGNORECASE)
_DENIED_VERB = re.compile(
    r"(?:\bnot|n['’]t|\bcannot|\bnever|\bmight|\bcould|\bmay|\bcan)\s(?:\w{1,12}\s)?be\Z|n['’]t\b", re.IGNORECASE
)
_DENIED = re.compile(
    r"\W{0,3}(?:definitely\s|certainly\s|simply\s)?(?:not|never|neither|no\slonger|n['’]t)\b", re.IGNORECASE
)
_BUT = re.compile(
    r"(?:not\s)?[^\n.!?;:a-z]{0,9}[0-9][^\n.!?;:]{0,40}?,?\sbut\s(?:(?:rather|instead|actually)\s)?(?=[^\sa-z]{0,6}[0-9])",
    re.IGNORECASE,
)
_JUDGED = re.compile(
    r"\W{0,3}(?:(?:\w{2,12}ly|also|indeed|now|still|quite|very|thus|therefore|then|all)\s){0,2}"
    r"(?:correct|right|wrong|incorrect|clear|valid|invalid|verified|consistent|inconsistent|plausible|sensible|simple|easy"
    r"|hard|obvious|straightforward|confirmed|checked|found|obtained|calculated|computed|determined|reached|accurate"
    r"|reasonable|realistic|logical|sound|good|fine|helpful|useful|worth|unique|based|in\s[a-z]\w*|below"
    r"|above|unclear|unknown|ambiguous|complete|done|ready|possible|impossible)\b(?![^\n.!?,]{0,40}[:：])",
    re.IGNORECASE,
)
_ASKED = re.compile(r"[^\n.!?]{0,400}(?:\.[0-9][^\n.!?]{0,40}){0,4}\?")
_TAKEN_BACK = re.compile(
    r"[\s.!*_)$}\]\\]{0,8}(?:no[,.!:—]|wrong\b|oops|sorry|i made an?\s(?:mistake|error)"
    r"|(?:wait|hmm|but|hold on|actually)?[,.!—-]?\s?(?:wait,?\s|hmm,?\s|no,?\s)?(?:that|this|it|which)"
    r"(?:['’]s|\sis|\swas)(?:\snot|n['’]t)?\s(?:\w{1,9}\s)?"
    r"(?:wrong|incorrect|not\b|a mistake|right yet))",
    re.IGNORECASE,
)


_SIGNS = ":：=|→⇒-–—"
_CHECKED = re.compile(
    r"\b(?:(?:double-?)?check(?:ing)?|verify(?:ing)?|verification\sof|confirm(?:ing)?|units?\sof)\s"
    r"(?:(?:the|this|that|our|my|your)\s)?(?:final\s)?\Z",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    r"\b(?:says|said|claims|claimed|thinks|thought|believes|believed|guessed|guesses)\s(?:that\s)?(?:(?:the|his|her)\s)?\Z",
    re.IGNORECASE,
)
_WRONG = re.compile(
    r"\W{0,3}[0-9][0-9.,]{0,12}(?:\s\w{1,12})?\s(?:is|was)\s(?:wrong|incorrect|false|not\s(?:right|correct))\b",
    re.IGNORECASE,
)
_WOULD_BE = re.compile(r"\bwould\s(?:be|have\sbeen)\W*\Z", re.IGNORECASE)
_IF = re.compile(r"\bif\b", re.IGNORECASE)
_SENTENCE_BREAK = re.compile(r"[.!?]\s|\n")


def _is_value(text: str, marker: re.Match[str]) -> bool:
    return bool(_HASH_VALUE.match(text, marker.end()))


def _is_void(text: str, marker: re.Match[str], marked: Marked) -> bool:
    """Whether the text questions, denies, supposes, judges or takes back what the marker announces."""
    kind = marker.lastgroup
    if _TAKEN_BACK.match(text, marked.end):
        return True
    if kind in ("box", "bare_box", "hash", "tag", "heading"):
        return False
    before = text[max(0, marker.start() - 60) : marker.start()]
    breaks = list(_CLAUSE_START.finditer(before))
    clause = before[breaks[-1].end() :] if breaks else before
    is_supposed = not clause.endswith("The ") and _SUPPOSED.search(clause.lstrip())
    if is_supposed or _ASKED.match(text, marked.start):
        return True
    if kind != "word":
        return False
    if _NO_ANSWER.search(before) and marker[0][-3:].strip() not in ("of", "as", ":", "="):
        return True
    if _VERB_USE.search(before) and _OBJECT.match(marker[0]):
        return True
    if _DENIED_VERB.search(marker[0]) or _DENIED.match(text, marked.start) or _JUDGED.match(text, marked.start):
        return True
    if _CHECKED.search(before) and marker[0].rstrip()[-1:] in _SIGNS:
        return True
    if _QUOTED.search(before) or _WRONG.match(text, marked.start):
        return True
    sentence = _SENTENCE_BREAK.split(before)[-1] + text[marked.start : marked.end]
    return bool(_WOULD_BE.search(marker[0]) and _IF.search(sentence))


def _corrected(text: str, marker: re.Match[str], marked: Marked) -> Marked | None:
    """The second part of "isn't 10 but 12", or None without such a correction."""
    if marker.lastgroup != "word" or not (_DENIED_VERB.search(marker[0]) or _DENIED.match(text, marked.start)):
        return None
    found = _BUT.match(text, marked.start, marked.end)
    return Marked(found.end(), marked.end, marked.closed) if found else None


def _closing_brace(text: str, start: int) -> int:
    """Position of the brace that closes the one at `start`, or -1 if it is unclosed or far away."""
    depth = 0
    for brace in islice(_BRACE.finditer(text, start), _MAX_BRACES):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return brace.start()
    return -1


_BRACE = re.compile(r"\\?[{}]")
_MAX_BRACES = 200


def _phrase(text: str, marker: re.Match[str], limit: int) -> Marked | None:
    """Phrase of a marker, or None if it is empty."""
    kind, start = marker.lastgroup, marker.end()
    if kind == "box":
        end = _closing_brace(text, start - 1) if text[start - 1] == "{" else text.find("<|end_of_box|>", start)
        closed = end >= 0
        end = end if closed else sentence_end(text, start, min(limit, start + MAX_PHRASE_CHARS))
        return _marked(text, start, end, closed)
    if kind == "reverse":
        begin = max(0, marker.start() - MAX_PHRASE_CHARS // 4)
        breaks = [found.end() for found in _SENTENCE_END.finditer(text, begin, marker.start())]
        return _marked(text, breaks[-1] if breaks else begin, marker.start(), True)
    is_below = kind == "tag"
    while (empty := _EMPTY_LINE.match(text, start, min(limit, start + MAX_PHRASE_CHARS))) and empty.end() > start:
        start, is_below = empty.end(), True
    opening = _OPENING.match(text, start, limit)
    start = opening.end() if opening else start
    section = limit
    sign = '"' if '"' in marker[0] else _CLOSING_SIGNS.get(text[marker.end() - 1])
    if sign and (place := text.find(sign, start, min(limit, start + MAX_SECTION_CHARS))) >= 0:
        section = place
    end = sentence_end(text, start, min(section, start + MAX_PHRASE_CHARS))
    if is_below and not _VALUE.match(text, start, end):
        heading = _HEADING.search(text, end, section)
        section = min(heading.start() if heading else section, start + MAX_SECTION_CHARS)
        if text[end:section].strip(_AFTER_LAST):
            return Marked(start, section, section < len(text), is_section=True)
    return _marked(text, start, end, end < len(text))


def _marked(text: str, start: int, end: int, closed: bool) -> Marked | None:
    """The phrase, or None if it is empty within the text."""
    return Marked(start, end, closed) if text[start:end].strip() or end == len(text) else None
