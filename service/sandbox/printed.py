"""Result in the text that a program printed.

A printed line may be a sentence with several numbers. `printed_result` returns the phrase that begins with the result,
for the answer parser. Several results become a list, which has no answer.
"""

import itertools
import re

_LINE_CHARACTERS = 2000


def printed_result(output: str) -> str | list[str] | None:
    """Result that a program printed, or None if it printed nothing.

    The last line that names an answer counts, else the last line with a number, yes or no, else the last line.

    Args:
        output: printed text.
    """
    lines = [line.strip()[:_LINE_CHARACTERS] for line in output.splitlines() if line.strip()]
    stating = [line for line in lines if states_result(line)]
    answers = [line for line in stating if _MARKER.search(line)]
    best = answers or stating or lines
    return _result_of(best[-1]) if best else None


def states_result(output: str) -> bool:
    """Whether a printed text holds a number, besides those of steps, or is yes or no."""
    return any(_numbers(line) or _WORD_ANSWER.fullmatch(line) for line in output.splitlines())


_NUMBER = re.compile(
    r"""(?: (?<![\w.)\]%]) [-\u2212] | \b(?:minus|negative)\s )? (?<![\w.]) (?:[$€£¥₹]\s?-?)?
    (?: \d+ (?:[.,:/_]\d+)* (?:\s\d+/\d+)? | \.\d+ ) (?:[eE][-+]?\d+)? %? (?!(?:st|nd|rd|th)\b|\d)""",
    re.VERBOSE | re.IGNORECASE,
)
_STEP = re.compile(r"\b(?:step|question|problem|part|case|example|test)\s?#?$", re.IGNORECASE)
_MARKER = re.compile(r"\banswer\b[^:=\d\n]{0,40}?(?:\bis\b|\bare\b|[:=])", re.IGNORECASE)
_WORD_ANSWER = re.compile(
    r"\s*(?!(?:\w+ )?(?:verif|check|correct|valid|match|test))(?:[\w ]{1,30}[:=]\s*)?(?:yes|no|true|false)[.!]?\s*",
    re.IGNORECASE,
)
_REMARK = re.compile(r"\([^()]*\)")

_LEAD = re.compile(r"([A-Za-z']+|[=:])\s{0,3}$")
_CIRCUMSTANCE = re.compile(
    r"\b(?:for|in|of|from|with|per|than|every|each|after|before|within|among|between|at|over|by|on|to\s[a-z]+"
    r"|day|week|month|year|hour)\s$",
    re.IGNORECASE,
)
"""Words before a number that is a circumstance of the result: "in 2 weeks", "to pack 28 apples"."""
_BESIDE = re.compile(
    r"[-\s'\"\[\](){},;|&]+ | \s?(?:[a-z]+\s?){0,2}(?:[,;|&]|\b(?:and|or|to)\b) \s?", re.VERBOSE | re.IGNORECASE
)
"""Text between two numbers of one list, such as "7 pens and 3 pencils"."""
_ONE_BY_ONE = re.compile(r"[,;|&]|\b(?:and|or|but|while|vs)\b", re.IGNORECASE)
_ONWARD = re.compile(r"[+*/×÷^]|\s[-−x]\s|\b(?:so|then|now|thus|hence|therefore|total|left)\b", re.IGNORECASE)
_UNITS = (
    r"(?:hours?|hrs?|minutes?|mins?|seconds?|days?|weeks?|months?|years?|feet|foot|inch(?:es)?|yards?|miles?|pounds?"
    r"|lbs|ounces?|oz|dollars?|cents?|kg|kilograms?|grams?|meters?|centimeters?|cm|liters?)"
)
_COMPOUND = re.compile(rf"\s?{_UNITS},?\s(?:and\s)?", re.IGNORECASE)
_UNIT_AFTER = re.compile(rf"\s?{_UNITS}\b", re.IGNORECASE)


def _numbers(line: str) -> list[re.Match[str]]:
    found = _NUMBER.finditer(line)
    return [number for number in found if not _STEP.search(line, max(0, number.start() - 12), number.start())]


def _result_of(line: str) -> str | list[str]:
    """Phrase of a line that begins with its result, or all its numbers if several may be the result."""
    *_, marker_end = (0, *(marker.end() for marker in _MARKER.finditer(line)))
    for narrower in (line[marker_end:], _REMARK.sub(" ", line[marker_end:])):
        line = narrower if _numbers(narrower) else line
    numbers = _numbers(line)
    if not numbers:
        return line
    chosen = _choose(line, numbers)
    if chosen is None or _is_one_of_several(line, numbers, chosen):
        return [number[0] for number in numbers]
    return _phrase(line, numbers, chosen)


def _choose(line: str, numbers: list[re.Match[str]]) -> int | None:
    """Index of the result: after the last equals sign, after the last label, or the last outside a circumstance."""
    before = [line[: number.start()].rstrip() for number in numbers]
    for rank in (
        [i for i, text in enumerate(before) if text.endswith("=")],
        [i for i, text in enumerate(before) if text.endswith(":")],
        [i for i, number in enumerate(numbers) if not _ends_with(_CIRCUMSTANCE, line, number.start())],
    ):
        if rank:
            return rank[-1]
    return 0 if len(numbers) == 1 else None


def _is_one_of_several(line: str, numbers: list[re.Match[str]], chosen: int) -> bool:
    """Whether the number is in a list, ends a range, or is one of several named values ("x = 5, y = 7")."""
    number = numbers[chosen]
    for first, second in itertools.pairwise(numbers):
        if number in (first, second) and _are_beside(line, first, second):
            return True
    lead = _lead(line, number)
    for other in numbers[:chosen]:
        between = line[other.end() : number.start()]
        if lead and _lead(line, other) == lead and other[0] != number[0] and not _ONWARD.search(between):
            return lead in "=:" or bool(_ONE_BY_ONE.search(between))
    return False


def _are_beside(line: str, first: re.Match[str], second: re.Match[str]) -> bool:
    return not _are_compound(line, first, second) and bool(_BESIDE.fullmatch(line, first.end(), second.start()))


def _are_compound(line: str, first: re.Match[str], second: re.Match[str]) -> bool:
    """Whether two numbers are one quantity in two units, such as "2 hours and 30 minutes"."""
    joined = _COMPOUND.fullmatch(line, first.end(), second.start())
    return bool(joined and _UNIT_AFTER.match(line, second.end()))


def _phrase(line: str, numbers: list[re.Match[str]], chosen: int) -> str:
    """Text from the chosen number to the next one."""
    first = chosen
    while first and _are_compound(line, numbers[first - 1], numbers[first]):
        first -= 1
    last = chosen
    while last + 1 < len(numbers) and _are_compound(line, numbers[last], numbers[last + 1]):
        last += 1
    end = numbers[last + 1].start() if last + 1 < len(numbers) else len(line)
    return line[numbers[first].start() : end].strip()


def _lead(line: str, number: re.Match[str]) -> str:
    found = _LEAD.search(line, max(0, number.start() - 30), number.start())
    return found[1].lower() if found else ""


def _ends_with(pattern: re.Pattern[str], line: str, end: int) -> bool:
    return bool(pattern.search(line, max(0, end - 30), end))
