"""Tokenizer for arithmetic in prose.

It splits a rationale into tokens, and the tokens into clauses. The meaning of a token is the work of `equations.py`.
Takes linear time.
"""

import re
from collections.abc import Sequence

from service.paths.work import spend

MAX_EQUALS_SIGNS = 100
"""Maximum number of equals signs of a text whose equations are checked. They are its last ones."""

Token = tuple[str, int, int]
"""Kind, start and end.

Kinds: num, op, eq, lp, rp, pct, word, ordinal, skip, brk, fn for names of functions and constants, and bad for other
unsupported notation.
"""


def clauses(text: str) -> list[list[Token]]:
    """Tokens of the last clauses with an equals sign, in order.

    Full stops, commas, line ends and comparisons end a clause. Full stops and commas within numbers do not. A bracket
    without a match in the clause, or around an equals sign, also ends it. A clause that continues arithmetic before
    such a cut begins with a token of kind bad.
    """
    begin = _first_checked(text)
    if begin is None:
        return []
    tokens = _tokens(text, begin)
    found, start = [], 0
    for end in [*sorted(_ends(tokens)), len(tokens)]:
        clause = tokens[start:end]
        if any(token[0] == "eq" for token in clause):
            if start and _continues(text, tokens, start):
                clause.insert(0, ("bad", clause[0][1], clause[0][1]))
            found.append(clause)
        start = end + 1
    return found


def _first_checked(text: str) -> int | None:
    """Start of the line or sentence with the first equals sign that counts, or None without one."""
    number = sum(map(text.count, _EQUALS))
    if number <= MAX_EQUALS_SIGNS:
        return 0 if number else None
    sign = len(text)
    for _ in range(MAX_EQUALS_SIGNS):
        sign = _last_of(text, _EQUALS, sign)
    begin = _last_of(text, ("\n", ". "), sign)
    return begin + 1 if begin > _last_of(text, _EQUALS, sign) else sign


def _last_of(text: str, signs: Sequence[str], end: int) -> int:
    """Position of the last of some signs before `end`, or -1."""
    return max(text.rfind(sign, 0, end) for sign in signs)


def _tokens(text: str, begin: int) -> list[Token]:
    """Tokens from a position on. Of a line without an equals sign, only the end counts if an equation follows it."""
    tokens: list[Token] = []
    before: tuple[int, int] | None = None
    while begin < len(text):
        end = text.find("\n", begin) + 1 or len(text)
        spend(_WORK_PER_LINE)
        if any(text.find(sign, begin, end) >= 0 for sign in _EQUALS):
            if before:
                tokens += _tokens_of_line(text, *before)
            tokens += _tokens_of_line(text, begin, end)
            before = None
        else:
            before = begin, end
        begin = end
    return tokens


def _tokens_of_line(text: str, begin: int, end: int) -> list[Token]:
    tokens = [(found.lastgroup or "", *found.span()) for found in _TOKEN.finditer(text, begin, end)]
    spend((end - begin) * _WORK_PER_CHAR + len(tokens) * _WORK_PER_TOKEN)
    return tokens


def _ends(tokens: list[Token]) -> set[int]:
    """Indices of the tokens that end a clause."""
    ends = {index for index, token in enumerate(tokens) if token[0] == "brk"}
    open_brackets: list[int] = []
    for index, (kind, _, _) in enumerate(tokens):
        if kind == "lp":
            open_brackets.append(index)
        elif kind == "rp":
            if open_brackets:
                open_brackets.pop()
            else:
                ends.add(index)
        elif kind in ("eq", "brk"):
            ends.update(open_brackets)
            open_brackets.clear()
    ends.update(open_brackets)
    return ends


def _continues(text: str, tokens: list[Token], start: int) -> bool:
    """Whether the clause that begins at a token continues arithmetic before it.

    It does in `2 * (3 + 4 = 14`, `3! + 2`, `|-3| + 2`, and where a line begins with an operator.
    """
    kind, cut, _ = tokens[start - 1]
    before, _, end = tokens[start - 2] if start > 1 else ("", 0, 0)
    if kind == "lp":
        return before == "op" or (before == "num" and end == cut)
    if tokens[start][0] != "op":
        return False
    if text[cut] == "\n":
        line = text.rfind("\n", 0, cut)
        kinds = [token[0] for token in tokens[max(0, start - _MAX_LINE) : start - 1] if token[1] > line]
        return before in ("num", "rp") and "eq" not in kinds
    marker = cut - text.rfind("\n", 0, cut) <= _MARKER_CHARS  # a list's "1)" or "(a)"
    return text[cut] in "!|" or (kind == "rp" and not marker)


_EQUALS = ("=", "≈")
_MAX_LINE = 40
_WORK_PER_LINE, _WORK_PER_CHAR, _WORK_PER_TOKEN = 1, 0.15, 0.8
_MARKER_CHARS = 5


# bad: a clock time (5:30, 0900), a date, an algebraic term (2x, but not 5m), a variable with an index (x1), a power, a
# root, a subscript, an exponent (2e3), a mixed number (2 and 1/2), digits in groups other than thousands (2,5).
# The lookaheads with one set of characters only save time.
_TOKEN = re.compile(
    r"""(?P<bad>(?=[0-9])(?:(?<![0-9])(?:[0-9]{1,2}:[0-9]{2}(?![0-9]) | [0-9]{1,2}/[0-9]{1,2}/[0-9]{4}(?![0-9]))
      | (?<![0-9.,])(?:0[0-9]+
        | (?<!/)(?:[0-9]{1,9}(?:[ ]|[ ]and[ ])|(?!1-)[0-9]{1,2}-)
          (?:1/[2-9]|2/[3579]|3/[4578]|4/[579]|5/[6-9]|[67]/[89]|[1379]/10|[0-9]{1,2}/16)(?![0-9./])
        | (?![0-9]{1,3}(?:,[0-9]{3})+(?!,?[0-9]))[0-9]+(?:\.[0-9]+)?(?:,[0-9]+)+
        | [0-9]+(?:\.[0-9]{3}){2,}(?![0-9])
        | [0-9]+(?:\.[0-9]+)?[eE][-+]?[0-9]+)
      | [0-9]+[a-fi-kn-rt-zA-KM-Z](?![\w$]))
      | (?=[A-Za-z])(?<![^\W_])(?:(?<![0-9)]\s)[xX]|(?!Rs)[A-WYZa-wyz][A-Za-z]?)_?[0-9]+
      | (?<=[0-9)])\s?\*\*(?=\s?[0-9(]) | [\^²³¹⁰-⁹√∛∜±∑∏∫⌊⌋⌈⌉_\\&¢])
    |(?=[0-9.])(?:(?P<ordinal>[0-9]+(?:/[0-9]+)?(?:st|nd|rd|th)s?\b)
      |(?P<num>(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|(?<![A-Za-z0-9)\]])\.[0-9]+))
    |(?=[^\w\s]|\n)(?:
      (?P<brk>[<>!=]=|=>|->|<<|>>|[<>≠.,;:!?\n|])
      |(?P<eq>[=≈])
      |(?P<skip>\*\*|[$€£¥₹"`])
      |(?P<op>[-+*/×÷·−–—∙⋅])
      |(?P<lp>[(\[{])
      |(?P<rp>[)\]}])
      |(?P<pct>%))
    |(?=[^\W\d_])(?:
      (?P<fn>(?=[A-Za-z])(?i:
        \b(?=[scmghlfp])(?:sqrt|cbrt|mod|modulo|gcd|gcf|hcf|lcm|factorial|logarithm|pi)\b
        |\b(?=[rlesct])(?:root|log|ln|exp|sin|cos|tan)(?=[0-9]{0,2}\s?[(_]|\s(?:of\s)?[0-9])
        |\b(?=[afcm])(?:abs|floor|ceil|ceiling|max|min)(?=\s?[(])
        |(?<=[0-9]\s)choose(?=\s[0-9])
        |\b(?=[prcs])(?:power|root|cube|square)\sof\b
        |(?<=the\s)(?:average|mean|median|maximum|minimum|largest|larger|smallest|smaller|greater|greatest|least)\sof
          (?=\s[0-9.]+(?:,|\sand))))
      |(?P<word>[^\W\d_]+(?:['’-][^\W\d_]+)*))""",
    re.VERBOSE,
)
