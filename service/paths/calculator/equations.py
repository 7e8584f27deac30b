"""The equations in a rationale: where each `a op b = c` stands in the text, and what its sides are.

The reading half of the calculator; `repair.py` computes. A text becomes clauses (between full stops, commas, line
ends, unmatched brackets), a clause with an equals sign becomes its sides, and a side the runs of arithmetic in it:
`She has 5 boxes of 3` holds the runs 5 and 3, `697 girls - 228` one run. Words between numbers count as units.

What is not surely plain arithmetic is marked `plain = False` and left alone: variables (2x, n), powers, clock times,
dates, dozens and millions, "3/4 of the students". It takes linear time, whatever the text, and never raises.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from service.paths.calculator.tokens import Token, clauses

MAX_OPERANDS = 40
"""A longer sum is not read."""

_MAX_DIGITS = 30
_MAX_DEPTH = 8


@dataclass(slots=True)
class Number:
    """A number in the text: `text[start:end]` is its digits with their sign, without currency and percent signs."""

    value: Fraction
    start: int
    end: int
    decimals: int = 0
    percent: bool = False
    thousands: bool = False
    money: bool = False


@dataclass(slots=True)
class Run:
    """Arithmetic without a gap. `items` are numbers, the operators + - * / and | (a slash without spaces), ( and ).

    `words` are its units: the words between its numbers, and two after the last.
    """

    items: list[Number | str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    plain: bool = True
    operators: int = 0

    @property
    def numbers(self) -> list[Number]:
        """The operands, in order."""
        return [item for item in self.items if isinstance(item, Number)]

    @property
    def values(self) -> list[Fraction]:
        """The operands' values, in order."""
        return [number.value for number in self.numbers]


@dataclass(slots=True)
class Side:
    """What stands between two equals signs: its first run answers what is left of it, its last begins what follows."""

    runs: list[Run] = field(default_factory=list)


def read_clauses(text: str) -> list[list[Side]]:
    """The sides of every clause that has an equals sign, in order."""
    return [_sides(text, clause) for clause in clauses(text)]


def _sides(text: str, clause: list[Token]) -> list[Side]:
    places = [place for place, token in enumerate(clause) if token[0] == "eq"]
    bounds = pairwise([-1, *places, len(clause)])
    return [_Reader(text, clause[left + 1 : right]).read() for left, right in bounds]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MONEY = frozenset("$€£¥₹")
_OPERATORS = {"×": "*", "·": "*", "∙": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "—": "-"}
_SPOKEN = {"x": "*", "times": "*", "plus": "+", "minus": "-", "divided": "/", "multiplied": "*"}
_CONJUNCTIONS = _words(
    "and or so then therefore thus hence because since as if that which where when is are was were be equals has had "
    "have gets means get"
)
_ARTICLES = _words("the a an his her their its these those this that total all my our")
_UNIT_LETTERS = frozenset("amghlsiAILS")
_NOT_PLAIN = _words(
    "half twice double triple quarter quarters dozen dozens hundred thousand million billion trillion squared cubed "
    "am pm noon midnight o'clock o’clock january february april june july august september october "
    "november december remainder"
)


class _Reader:
    """Reads one side, token by token; `run` is the run being read, `wants` whether an operand must come next."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text, self.tokens = text, tokens
        self.side, self.run = Side(), Run()
        self.wants, self.depth, self.sign = True, 0, -1
        self.of = ""  # "direct" in `20% of the`, "loose" in `3 boxes of the`, empty again after other words
        self.words_since = self.conjunction = False  # since the last number; whether the last of them is one
        self.after_operator = False  # whether the run began with a word or a variable for an operand
        self.previous: Run | None = None

    def read(self) -> Side:
        place = 0
        while place < len(self.tokens):
            kind, start, end = self.tokens[place]
            if kind == "num":
                self._number(start, end)
            elif kind == "op":
                self._operator(place)
            elif kind == "word" or kind == "ordinal":
                self._word(place)
            elif kind == "lp":
                place = self._open(place)
            elif kind == "rp":
                self._close()
            elif kind == "pct":
                self._percent()
            elif kind == "bad":
                self.run.plain = False
            place += 1
        self._end_run()
        return self.side

    def _number(self, start: int, end: int) -> None:
        written = self.text[start:end]
        digits = written.replace(",", "")
        decimals = len(digits) - digits.find(".") - 1 if "." in digits else 0
        if len(digits) > _MAX_DIGITS:
            self.run.plain = False
            digits, decimals = "0", 0
        value = Fraction(int(digits)) if not decimals else Fraction(digits)
        if not self.wants:
            self._adjacent(value)
        if self.sign >= 0:
            value, start, self.sign = -value, self.sign, -1
        self.run.items.append(
            Number(value, start, end, decimals, thousands="," in written, money=self.text[start - 1 : start] in _MONEY)
        )
        self.wants, self.of, self.words_since, self.conjunction = False, "", False, False

    def _adjacent(self, value: Fraction) -> None:
        """A number without an operator before it: "20% of 50" multiplies, anything else begins a new run.

        The new run is doubtful where the old one may reach into it: `5 * 3 boxes of 6 + 2`, `17 000 + 1`.
        """
        run = self.run
        last = run.items[-1]
        fraction = len(run.items) >= 3 and run.items[-2] == "|"
        if self.of == "direct" and ((isinstance(last, Number) and last.percent) or fraction):
            self._push("*")
            return
        again = isinstance(last, Number) and last.value == value and not run.operators
        apart = self.words_since and not self.depth and not self.of and not run.operators
        concluded = self.words_since and self.conjunction and (run.plain or not run.operators)
        certain = concluded or (run.plain and (again or apart))
        self._end_run()
        self.run.plain = certain

    def _operator(self, place: int) -> None:
        _, start, end = self.tokens[place]
        text = self.text
        sign = _OPERATORS.get(text[start:end], text[start:end])
        after = text[end : end + 1]
        following = self._kind(place + 1)
        if sign in "-/" and not self.wants and after.isalpha() and text[start - 1] != " ":
            return  # per: 15/hour; or a hyphen: 30-minute
        if not self.wants:
            tight = sign == "/" and after.isdigit() and text[start - 1] != " "
            self._push("|" if tight else sign)
        elif (
            sign == "-"
            and after != " "
            and (following == "num" or (following == "skip" and self._kind(place + 2) == "num"))
        ):
            self.sign = start
        elif self.run.items or place:  # the first sign of a clause is a bullet; elsewhere a word is its operand
            self.run.plain = False
            self.after_operator = True

    def _word(self, place: int) -> None:
        _, start, end = self.tokens[place]
        word = self.text[start:end].lower()
        if word == "percent":
            self._percent()
            return
        if self.run.items and (self.wants or len(self.run.words) < 2 * len(self.run.items)):
            self.run.words.append(word)
        if word in _SPOKEN and not self.wants and self._operand_follows(place + 1):
            self._push(_SPOKEN[word])
        elif word == "of":
            self.of = "loose" if self.words_since else "direct"
        elif word in _NOT_PLAIN or (self.run.items and end - start == 1 and self.text[start] not in _UNIT_LETTERS):
            self.run.plain = False
        elif word in _CONJUNCTIONS and not self.run.items and not self.after_operator:
            self.run.plain = True  # what came before is no part of the run: twice that is 5 * 2
        if word != "of" and word not in _ARTICLES:
            self.of = ""
        self.conjunction = word in _CONJUNCTIONS
        self.words_since = True

    def _operand_follows(self, place: int) -> bool:
        while self._kind(place) == "skip" or (self._kind(place) == "word" and self._text(place) == "by"):
            place += 1
        return self._kind(place) in ("num", "lp")

    def _open(self, place: int) -> int:
        """An opening bracket; returns the place to go on from. Brackets around words only are units."""
        depth, close = 0, place
        if self.depth >= _MAX_DEPTH:
            self.run.plain = False
            close = len(self.tokens)  # not looked into, so that the work stays linear
        while close < len(self.tokens):
            depth += {"lp": 1, "rp": -1}.get(self.tokens[close][0], 0)
            if depth == 0:
                break
            close += 1
        if self.depth < _MAX_DEPTH and not any(token[0] in ("num", "bad") for token in self.tokens[place:close]):
            self.words_since = True
            return close
        if not self.wants:
            if self.text[self.tokens[place][1] - 1] not in "0123456789)":
                if close == len(self.tokens) - 1:
                    return close  # a remark at the end: = 8 (5 + 3)
                self.run.plain = False
            self._push("*")
        self.run.items.append("(")
        self.depth += 1
        return place

    def _close(self) -> None:
        if self.depth:
            self.depth -= 1
            self.run.items.append(")")
            self.run.plain = self.run.plain and not self.wants

    def _percent(self) -> None:
        last = self.run.items[-1] if self.run.items else None
        if isinstance(last, Number):
            last.percent = True

    def _push(self, operator: str) -> None:
        self.run.items.append(operator)
        self.run.operators += 1
        self.wants, self.of = True, ""
        if self.run.operators >= MAX_OPERANDS:
            self.run.plain = False

    def _end_run(self) -> None:
        run = self.run
        lone_fraction = run.operators == 1 and "|" in run.items and self.words_since  # 3/4 of the students
        if self.wants or self.depth or lone_fraction:
            run.plain = False
        elif run.operators and self.previous and self.previous.values == run.values:
            run.plain = True  # said twice: 27 * 23 27 * 23 = 621
        if run.items:
            self.side.runs.append(run)
        self.previous, self.run = run, Run()
        self.depth, self.sign, self.of, self.wants, self.after_operator = 0, -1, "", True, False

    def _kind(self, place: int) -> str:
        return self.tokens[place][0] if place < len(self.tokens) else ""

    def _text(self, place: int) -> str:
        _, start, end = self.tokens[place]
        return self.text[start:end].lower()
