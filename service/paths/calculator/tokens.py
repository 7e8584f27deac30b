"""The signs in a rationale that arithmetic is made of, and the clauses that hold an equation.

The lowest layer of the calculator: `equations.py` reads clauses into sums. It decides what ends a clause and never what
a sign means; every character is looked at once, so long texts take linear time.
"""

import re

Token = tuple[str, int, int]
"""Kind, start and end. Kinds: num, op, eq, lp, rp, pct, word, ordinal, skip, brk, and bad for what is no arithmetic."""


def clauses(text: str) -> list[list[Token]]:
    """The tokens of every clause with an equals sign, in order.

    Full stops, commas, line ends and comparisons end a clause, and so does a bracket without its match in the clause
    or around an equation. Full stops and commas within numbers do not.
    """
    tokens = [(found.lastgroup or "", *found.span()) for found in _TOKEN.finditer(text)]
    found, start = [], 0
    for place in [*sorted(_ends(tokens)), len(tokens)]:
        clause = tokens[start:place]
        if any(token[0] == "eq" for token in clause):
            found.append(clause)
        start = place + 1
    return found


def _ends(tokens: list[Token]) -> set[int]:
    """The places of the tokens that end clauses."""
    ends = {place for place, token in enumerate(tokens) if token[0] == "brk"}
    open_brackets: list[int] = []
    for place, (kind, _, _) in enumerate(tokens):
        if kind == "lp":
            open_brackets.append(place)
        elif kind == "rp":
            if open_brackets:
                open_brackets.pop()
            else:
                ends.add(place)
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
