"""Parser for the equations of a rationale.

A clause becomes its sides, and each side a list of expressions. `She has 5 boxes of 3` holds the expressions 5 and 3.
`697 girls - 228` is one expression. Words between numbers count as units. Takes linear time and never raises.
"""

import re
from fractions import Fraction
from itertools import islice, pairwise

from service.paths.calculator.expressions import Expression, Number, Side
from service.paths.calculator.tokens import Token, clauses
from service.paths.calculator.vocabulary import (
    ARTICLES,
    CONJUNCTIONS,
    FRACTIONS,
    LABEL_PREPOSITIONS,
    LABELS,
    MONEY,
    NOT_PLAIN,
    OPERATOR_WORDS,
    OPERATORS,
    UNIT_LETTERS,
)
from service.paths.work import spend

MAX_OPERANDS = 40
"""Maximum number of operands of an expression. Longer expressions are not checked."""

_MAX_DIGITS = 30
_MAX_DEPTH = 8
_WORK_PER_TOKEN = 2


def read_clauses(text: str) -> list[list[Side]]:
    """Sides of every clause with an equals sign, in order.

    These are not plain arithmetic: variables (2x, n), functions, powers, clock times, dates, dozens, millions, and
    fractions such as "3/4 of the students".
    """
    variables = _variables(text)
    return [_sides(text, clause, variables) for clause in clauses(text)]


def _variables(text: str) -> frozenset[str]:
    """Letters that are units elsewhere and variables in a text: "Let s be the price", "g + h = 9", "so m = 5"."""
    found: set[str] = set()
    for letter in islice(_LETTER.finditer(text), _MAX_LETTERS):
        name, (start, end) = letter[0], letter.span()
        if name in found:
            continue
        begin = max(0, start - _CHARS_BEFORE)
        is_side = name not in "aA" and _SIGN_AFTER.match(text, end) and _SIDE_BEFORE.search(text, begin, start)
        if is_side or (_DEFINED.search(text, begin, start) and not _POSSESSIVE.match(text, end)):
            found.add(name)
    return frozenset(found)


_MAX_LETTERS = 1000
_CHARS_BEFORE = 12
_LETTER = re.compile(rf"\b[{''.join(sorted(UNIT_LETTERS))}]\b")
_SIGN_AFTER = re.compile(r"[ ]?[=+*/)-]")
_SIDE_BEFORE = re.compile(
    r"(?:^|[=(+*,.;:]|\b(?:and|so|then|that|thus|therefore|hence|where|have|get|is))[ ]?\Z", re.MULTILINE
)
_DEFINED = re.compile(r"\b(?:[Ll]et|[Ss]ay|[Cc]all|[Ww]here|[Ss]uppose|[Ss]olve\sfor|[Ff]ind|variable)\s\Z")
_POSSESSIVE = re.compile(r"\s?['’-]")


def _sides(text: str, clause: list[Token], variables: frozenset[str]) -> list[Side]:
    equals_signs = [index for index, token in enumerate(clause) if token[0] == "eq"]
    bounds = pairwise([-1, *equals_signs, len(clause)])
    return [_Reader(text, clause[left + 1 : right], variables).read() for left, right in bounds]


class _Reader:
    """Reads one side, token by token."""

    def __init__(self, text: str, tokens: list[Token], variables: frozenset[str]) -> None:
        self.text, self.tokens, self.variables = text, tokens, variables
        self.side, self.expression = Side(), Expression()  # the expression is the one being read
        self.needs_operand, self.depth = True, 0
        self.sign = -1  # start of the minus sign of the next number; -1 without one
        self.of = ""  # "direct" in `20% of the`, "loose" in `3 boxes of the`, empty after other words
        self.words_since = self.conjunction = False  # since the last number; whether the last word is a conjunction
        self.after_operator = False  # whether a word or a variable is the first operand of the expression
        self.function = False  # whether a function applies: the square root of 9 + 16
        self.previous: Expression | None = None

    def read(self) -> Side:
        spend(len(self.tokens) * _WORK_PER_TOKEN)
        index = 0
        while index < len(self.tokens):
            kind, start, end = self.tokens[index]
            if kind == "num":
                if self._is_label(index):
                    index = self._label(index)
                else:
                    self._number(start, end)
            elif kind == "op":
                self._operator(index)
            elif kind == "word" or kind == "ordinal":
                self._word(index)
            elif kind == "lp":
                index = self._open(index)
            elif kind == "rp":
                self._close()
            elif kind == "pct":
                self._percent()
            elif kind == "bad":
                self.expression.plain = False
            elif kind == "fn":
                self.function, self.expression.plain = True, False
            index += 1
        self._end_expression()
        return self.side

    def _is_label(self, index: int) -> bool:
        """Whether a number is a name, no amount: `Step 3`, `on day 2`, but not `3 days` and not `each day 5`."""
        if index and self._kind(index - 1) == "word":
            word = self._written(index - 1)
            if word.lower() in LABELS:
                return word[0].isupper() or index == 1 or self._text(index - 2) in LABEL_PREPOSITIONS
        return self.text[self.tokens[index][1] - 1 : self.tokens[index][1]] == "#"

    def _label(self, index: int) -> int:
        """Handle the number of a label, and return the index of the last token that was read."""
        dash = self._kind(index + 1) == "op" and OPERATORS.get(self._text(index + 1), self._text(index + 1)) == "-"
        if not self.expression.items and dash and self._kind(index + 2) in ("num", "lp", "skip"):
            return index + 1  # Step 3 - 4 + 5 = 9
        operand = self.expression.items and self.needs_operand
        if operand or self._kind(index + 1) in ("op", "lp"):
            self.expression.plain = False
            self.after_operator = True
        return index

    def _number(self, start: int, end: int) -> None:
        written = self.text[start:end]
        digits = written.replace(",", "")
        decimals = len(digits) - digits.find(".") - 1 if "." in digits else 0
        if len(digits) > _MAX_DIGITS:
            self.expression.plain = False
            digits, decimals = "0", 0
        value = Fraction(int(digits)) if not decimals else Fraction(digits)
        if not self.needs_operand:
            self._adjacent(value)
        if self.sign >= 0:
            value, start, self.sign = -value, self.sign, -1
        self.expression.items.append(
            Number(value, start, end, decimals, thousands="," in written, money=self.text[start - 1 : start] in MONEY)
        )
        self.needs_operand, self.of, self.words_since, self.conjunction = False, "", False, False

    def _adjacent(self, value: Fraction) -> None:
        """Handle a number without an operator before it.

        "20% of 50" multiplies. Any other such number begins a new expression. The new expression is not plain where
        the old one may extend into it: `5 * 3 boxes of 6 + 2`, `17 000 + 1`.
        """
        expression = self.expression
        last = expression.items[-1]
        fraction = len(expression.items) >= 3 and expression.items[-2] == "|"
        if self.of == "direct" and ((isinstance(last, Number) and last.percent) or fraction):
            self._push("*")
            return
        repeated = isinstance(last, Number) and last.value == value and not expression.operators
        apart = self.words_since and not self.depth and not self.of and not expression.operators
        concluded = self.words_since and self.conjunction and (expression.plain or not expression.operators)
        certain = concluded or (expression.plain and (repeated or apart))
        self._end_expression()
        self.expression.plain = certain

    def _operator(self, index: int) -> None:
        _, start, end = self.tokens[index]
        text = self.text
        sign = OPERATORS.get(text[start:end], text[start:end])
        after = text[end : end + 1]
        following = self._kind(index + 1)
        if sign in "-/" and not self.needs_operand and after.isalpha() and text[start - 1] != " ":
            return  # per: 15/hour; or a hyphen: 30-minute
        if not self.needs_operand:
            tight = sign == "/" and after.isdigit() and text[start - 1] != " "
            self._push("|" if tight else sign)
        elif (
            sign == "-"
            and after != " "
            and (following == "num" or (following == "skip" and self._kind(index + 2) == "num"))
        ):
            self.sign = start
        elif self.expression.items or index:  # the first sign of a clause is a bullet; elsewhere a word is its operand
            self.expression.plain = False
            self.after_operator = True

    def _word(self, index: int) -> None:
        _, start, end = self.tokens[index]
        word = self.text[start:end].lower()
        expression = self.expression
        if word == "percent":
            self._percent()
            return
        if expression.items and (self.needs_operand or len(expression.words) < 2 * len(expression.items)):
            expression.words.append(word)
        if word in OPERATOR_WORDS and not self.needs_operand and self._operand_follows(index + 1):
            self._push(OPERATOR_WORDS[word])
        elif word == "of":
            self.of = "loose" if self.words_since else "direct"
        elif (
            word in NOT_PLAIN
            or (expression.items and self._is_variable(start, end))
            or (expression.items and self.needs_operand and word in FRACTIONS)
        ):
            expression.plain = False
        elif word in CONJUNCTIONS and not expression.items and not self.after_operator:
            expression.plain = True  # the words before are not part of the expression: twice that is 5 * 2
        if word in CONJUNCTIONS and word not in ("and", "or"):
            self.function = False
        if word != "of" and word not in ARTICLES:
            self.of = ""
        self.conjunction = word in CONJUNCTIONS
        self.words_since = True

    def _is_variable(self, start: int, end: int) -> bool:
        letter = self.text[start:end]
        return len(letter) == 1 and (letter not in UNIT_LETTERS or letter in self.variables)

    def _operand_follows(self, index: int) -> bool:
        while self._kind(index) == "skip" or (self._kind(index) == "word" and self._text(index) == "by"):
            index += 1
        return self._kind(index) in ("num", "lp")

    def _open(self, index: int) -> int:
        """Handle an opening bracket, and return the index of the last token that was read.

        Brackets that hold only words are units. A word directly before a bracket is a function.
        """
        depth, close = 0, index
        if self.depth >= _MAX_DEPTH:
            self.expression.plain = False
            close = len(self.tokens)  # the work stays linear without a search for the match
        while close < len(self.tokens):
            depth += {"lp": 1, "rp": -1}.get(self.tokens[close][0], 0)
            if depth == 0:
                break
            close += 1
        kinds = {token[0] for token in self.tokens[index:close]} if self.depth < _MAX_DEPTH else {"num"}
        if not kinds & {"num", "bad", "fn"}:
            self.words_since = True
            return close
        if "fn" in kinds or self._is_call(index):
            self.expression.plain = False
        if not self.needs_operand:
            if self.text[self.tokens[index][1] - 1] not in "0123456789)":
                if close == len(self.tokens) - 1:
                    return close  # a remark at the end: = 8 (5 + 3)
                self.expression.plain = False
            self._push("*")
        self.expression.items.append("(")
        self.depth += 1
        return index

    def _is_call(self, index: int) -> bool:
        if not index or self._kind(index - 1) != "word" or self.tokens[index - 1][2] != self.tokens[index][1]:
            return False
        return self._text(index - 1) not in OPERATOR_WORDS

    def _close(self) -> None:
        if self.depth:
            self.depth -= 1
            self.expression.items.append(")")
            self.expression.plain = self.expression.plain and not self.needs_operand

    def _percent(self) -> None:
        last = self.expression.items[-1] if self.expression.items else None
        if isinstance(last, Number):
            last.percent = True

    def _push(self, operator: str) -> None:
        self.expression.items.append(operator)
        self.expression.operators += 1
        self.needs_operand, self.of = True, ""
        if self.expression.operators >= MAX_OPERANDS:
            self.expression.plain = False

    def _end_expression(self) -> None:
        ended = self.expression
        lone_fraction = ended.operators == 1 and "|" in ended.items and self.words_since  # 3/4 of the students
        if self.needs_operand or self.depth or lone_fraction or self.function:
            ended.plain = False
        elif ended.operators and self.previous and self.previous.values == ended.values:
            ended.plain = True  # written twice: 27 * 23 27 * 23 = 621
        if ended.items:
            self.side.expressions.append(ended)
        self.previous, self.expression = ended, Expression()
        self.depth, self.sign, self.of, self.needs_operand, self.after_operator = 0, -1, "", True, False

    def _kind(self, index: int) -> str:
        return self.tokens[index][0] if index < len(self.tokens) else ""

    def _written(self, index: int) -> str:
        _, start, end = self.tokens[index]
        return self.text[start:end]

    def _text(self, index: int) -> str:
        return self._written(index).lower() if 0 <= index < len(self.tokens) else ""
