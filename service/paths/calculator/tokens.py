"""Tokenizer for arithmetic in prose.

It splits a rationale into tokens, and the tokens into clauses. The meaning of a token is the work of `equations.py`.
Takes linear time.
"""

import re

Token = tuple[str, int, int]
"""Kind, start and end. Kinds: num, op, eq, lp, rp, pct, word, ordinal, skip, brk, and bad for unsupported notation."""


def clauses(text: str) -> list[list[Token]]:
    """Tokens of every clause with an equals sign, in order.

    Full stops, commas, line ends and comparisons end a clause. Full stops and commas within numbers do not. A bracket
    without a match in the clause, or around an equals sign, also ends it.
    """
    tokens = [(found.lastgroup or "", *found.span()) for found in _TOKEN.finditer(text)]
    found, start = [], 0
    for end in [*sorted(_ends(tokens)), len(tokens)]:
        clause = tokens[start:end]
        if any(token[0] == "eq" for token in clause):
            found.append(clause)
        start = end + 1
    return found


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


# bad: a clock time (5:30, 0900), a date, an algebraic term (2x, but not 5m), a power, a root, a subscript.
_TOKEN = re.compile(
    r"""(?P<bad>(?<![0-9])[0-9]{1,2}:[0-9]{2}(?![0-9]) | (?<![0-9])[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}(?![0-9])
      | (?<![0-9.,])0[0-9]+
      | [0-9]+[a-fi-kn-rt-zA-KM-Z](?![\w$]) | (?<=[0-9)])\s?\*\*(?=\s?[0-9(]) | [\^²³√_\\&] | ¢)
    |(?P<ordinal>[0-9]+(?:/[0-9]+)?(?:st|nd|rd|th)s?\b)
    |(?P<num>(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|(?<![A-Za-z0-9)\]])\.[0-9]+)
    |(?P<brk>[<>!=]=|=>|->|<<|>>|[<>.,;:!?\n|])
    |(?P<eq>[=≈])
    |(?P<skip>\*\*|[$€£¥₹"`])
    |(?P<op>[-+*/×÷·−–—∙⋅])
    |(?P<lp>[(\[{])
    |(?P<rp>[)\]}])
    |(?P<pct>%)
    |(?P<word>[^\W\d_]+(?:['’-][^\W\d_]+)*)""",
    re.VERBOSE,
)
