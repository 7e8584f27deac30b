"""Grounds of the number in a last sentence.

A number without a marker is an answer only if the text works it out, or if its sentence has the form of a result.
"""

import re

BACK_CHARS = 1200
"""Length in characters of the text before a sentence that is searched for other numbers."""

_BEFORE_CHARS = 120
WORDS = re.compile(
    r"\b(?:zero|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand|million|half)(?:[\s-]\w+)?\b",
    re.IGNORECASE,
)
"""Number word, with the word after it."""

SPAN = re.compile(
    r"\\[dt]?frac\s?(?:\{[^{}\n]{1,20}\}|[0-9])\s?(?:\{[^{}\n]{1,20}\}|[0-9])"
    r"|[0-9]+(?:(?:[.,:/ \u00a0\u202f'’]|\{,\}|\\,|\s?/\s?|\sand\s(?=[0-9]+/))[0-9]+){0,12}"
)
"""Number in digits. Fractions, times and grouped digits are one number."""

# Arithmetic with signs or words, and verbs whose object is a result if two numbers precede them.
_ARITHMETIC = re.compile(
    r"[=≈]|[0-9)%]\s?(?:[+×÷*/−]|\\times|\\div|\\cdot|x\s)\s?[$(]?[0-9]|[0-9]\s-\s[$]?[0-9]"
    r"|\b(?:plus|minus|times|multipl\w+|divid\w+|subtract\w*|add(?:s|ed|ing)?|sum)\b",
    re.IGNORECASE,
)
_NUMBER = rf"(?:[$]?[0-9]|{WORDS.pattern})"
_MAKES = re.compile(
    rf"\b(?:makes?|gives?|leaves?|leaving|is|are|has|have)\s(?:a\stotal\sof\s)?{_NUMBER}", re.IGNORECASE
)
_SENTENCE_START = re.compile(r"[.!?]\s|\n")
# Forms of a sentence that states a result without any work: "So she has 13", "13 are left", "**Total: 13**".
_STATES = re.compile(
    r"\b(?:he|she|they|we)\s(?:\w+\s)?(?:has|have|gets?|keeps?|needs?|pays?|earns?|spends?|saves?|makes?|owes?|scores?)\b"
    r"|^\W*(?:each|every)\s(?:\w+\s){1,2}(?:has|gets?|receives?|pays?|costs?|holds?|weighs?|needs?)\b"
    r"|\b(?:left|remain(?:s|ing)?|needed|altogether|in\s(?:all|total))\b",
    re.IGNORECASE,
)
_SO = re.compile(
    r"\W*(?:so|thus|therefore|hence|in\stotal|(?:al)?together|finally|th(?:at|is)\s(?:leaves|makes|gives|means|costs))\b",
    re.IGNORECASE,
)
_FINAL = re.compile(rf"^{_SO.pattern}|\b(?:left|remain(?:s|ing)?|needed|altogether|in\s(?:all|total))\b", re.IGNORECASE)
_PRONOUN = re.compile(r"\W*(?:he|she|it|they|we|that|this|each)\b", re.IGNORECASE)  # of a text of one sentence
_WORD = re.compile(r"\w+")
_MAX_WORDS = 4  # of a sentence that is little more than a number


def is_grounded(text: str, start: int, first: int, last: int) -> bool:
    """Whether the number in `text[first:last]` rests on the text from `start` on, or on the form of its sentence."""
    sentence = text[first:last]
    states = _STATES.search(sentence) or len(_WORD.findall(sentence)) <= _MAX_WORDS
    is_whole = not text[start:first].strip() and _PRONOUN.match(sentence)
    return bool(states or is_whole) or _follows(text, first, last) or _is_worked_out(text, start, last)


def concludes(sentence: str) -> bool:
    """Whether a sentence begins or ends as a conclusion: "so", "left", "in total"."""
    return bool(_FINAL.search(sentence))


def _is_worked_out(text: str, start: int, end: int) -> bool:
    """Whether a text calculates, with signs or in words such as "4 and 9 more make 13"."""
    if _ARITHMETIC.search(text, start, end):
        return True
    for found in _MAKES.finditer(text, max(start, end - BACK_CHARS), end):
        before = _SENTENCE_START.split(text[max(start, found.start() - _BEFORE_CHARS) : found.start()])[-1]
        if len(SPAN.findall(before)) + len(WORDS.findall(before)) > 1:
            return True
    return False


def _follows(text: str, first: int, last: int) -> bool:
    """Whether a conclusion such as "So there are 15" states a new number after several others, or is the whole text."""
    sentence = text[first:last]
    own = SPAN.search(sentence)
    earlier = {found[0] for found in SPAN.finditer(text, max(0, first - BACK_CHARS), first)}
    rests = len(earlier) > 1 or not text[:first].strip()
    return bool(_SO.match(sentence) and rests and own and own[0] not in earlier)
