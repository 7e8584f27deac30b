"""The calculator of a rationale: false results found, computed again, and carried through what rests on them.

Between `equations.py`, which reads, and `cot.py`, which states the answer. Small students state the right operation
and the wrong result. So the operands are believed and the result is not: `697 girls - 228 = 516` becomes 469, a
later `516 + 10` becomes `469 + 10`, and an answer 516 becomes 469.

A result is false only if no reading makes it true: precedence or left to right, percent as hundredths or as a unit,
rounded up, down or to nearest at its own decimals, either sign. What is not plain arithmetic stays as it is, and so
does a result that would become negative. Repairing a repaired text changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from service.paths.equations import Number, Run, Side, read_clauses
from service.paths.numbers import within_limits, write
from service.paths.units import convertible


@dataclass(slots=True)
class Repairs:
    """What the calculator found in a text.

    `edits` maps the start of a number to its end and its new text; `answers` each false result to the true one;
    `last` is the last result that was checked, as repaired, and `last_end` where it ends.
    """

    edits: dict[int, tuple[int, str]] = field(default_factory=dict)
    answers: dict[Fraction, Fraction] = field(default_factory=dict)
    last: Fraction | None = None
    last_end: int = 0
    # As `answers`, for operands: without the false results that were operands before, and may still be meant as such.
    _carried: dict[Fraction, Fraction] = field(default_factory=dict)
    _operands: set[Fraction] = field(default_factory=set)

    def apply(self, text: str) -> str:
        """The text with the repairs written in."""
        parts, place = [], 0
        for start, (end, new) in sorted(self.edits.items()):
            parts += [text[place:start], new]
            place = end
        return "".join([*parts, text[place:]])

    def carry(self, run: Run) -> list[Fraction]:
        """The run's operands, false results among them replaced."""
        values = [number.value for number in run.numbers]
        carried = [self._carried.get(value, value) for value in values]
        self._operands.update(values)
        return carried

    def confirm(self, result: Number) -> None:
        """Note a true result: from here on its number means itself."""
        self.answers.pop(result.value, None)
        self._carried.pop(result.value, None)
        self.last, self.last_end = result.value, result.end

    def replace(self, result: Number, value: Fraction) -> None:
        """Note that a false result is `value`, and write it."""
        self.write(result, value)
        self.answers[result.value] = value
        if result.value not in self._operands:
            self._carried[result.value] = value
        self.last, self.last_end = value, result.end

    def write(self, number: Number, value: Fraction) -> None:
        """Write `value` in the place of a number, unless it stands there."""
        if value != number.value:
            self.edits[number.start] = (number.end, write(value, number.thousands))


def check_equations(text: str) -> Repairs:
    """Check every equation of the text, in order."""
    repairs = Repairs()
    for sides in read_clauses(text):
        for left, right in zip(sides, sides[1:], strict=False):
            if left.runs and right.runs:
                _check(left, right, repairs)
    return repairs


def _check(left: Side, right: Side, repairs: Repairs) -> None:
    """One equals sign: the last run before it against the first run after it."""
    ours, theirs = left.runs[-1], right.runs[0]
    if not ours.plain or not theirs.plain:
        return
    result = theirs.items[0]
    if not isinstance(result, Number):
        return
    if not ours.operators:
        _check_same(ours, theirs, repairs)
    elif theirs.operators:
        _check_sum(ours, theirs, repairs)
    else:
        money = result.money or any(number.money for number in ours.numbers)
        doubtful = _is_sum(ours) and convertible([*ours.words, *theirs.words], money)
        _settle(ours, ours, result, repairs, doubtful)


def _check_same(ours: Run, theirs: Run, repairs: Repairs) -> None:
    """The middle of `a + b = c = c`: a repaired result stated once more."""
    number, again = ours.items[0], theirs.items[0]
    if theirs.operators or not isinstance(number, Number) or not isinstance(again, Number):
        return
    if number.start in repairs.edits and again.value == number.value:
        repairs.edits[again.start] = (again.end, repairs.edits[number.start][1])


def _check_sum(ours: Run, theirs: Run, repairs: Repairs) -> None:
    """A sum against a sum: a step (`2 * 3 + 4 = 6 + 4`), a running total (`2 * 3 = 6 + 4`) or another way to it.

    What fits none of them is not trusted from here on.
    """
    values = [number.value for number in ours.numbers]
    carried = repairs.carry(ours)
    result = theirs.numbers[0]
    step = _step(ours, theirs)
    if step is not None:
        for number, value in zip(ours.numbers, carried, strict=True):
            repairs.write(number, value)
        theirs.plain = _settle(step, step, result, repairs, False)
        return
    total = {_compute(theirs, [number.value for number in theirs.numbers], reading) for reading in _READINGS}
    if any(_compute(ours, values, reading) in total for reading in _READINGS):
        theirs.plain = values == carried
    elif any(_agrees(_compute(ours, values, reading), result, ours) for reading in _READINGS):
        theirs.plain = _settle(ours, ours, result, repairs, False)
    else:
        theirs.plain = False


def _step(ours: Run, theirs: Run) -> Run | None:
    """The front of our run that `theirs` puts one number for: `2 * 3` in `2 * 3 + 4 = 6 + 4`."""
    tail = theirs.items[1:]
    front = ours.items[: -len(tail)]
    if len(front) < 3 or "(" in ours.items or "(" in tail or tail[0] not in ("+", "-"):
        return None
    same = all(
        mine.value == his.value if isinstance(mine, Number) and isinstance(his, Number) else mine == his
        for mine, his in zip(ours.items[-len(tail) :], tail, strict=True)
    )
    return Run(front, operators=len(front) // 2) if same else None


def _settle(ours: Run, run: Run, result: Number, repairs: Repairs, doubtful: bool) -> bool:
    """Check a run's result, repair it if need be; False where it neither holds nor can be repaired."""
    values = [number.value for number in run.numbers]
    carried = repairs.carry(run)
    reading = next((r for r in _READINGS if _agrees(_compute(run, values, r), result, run)), None)
    if reading is not None and values == carried:
        repairs.confirm(result)
        return True
    value = None
    if reading is not None or not (doubtful or _mixes_percent(run) or _means_a_part(run, result)):
        value = _compute(run, carried, reading or _READINGS[0])
    if value is None or value < 0 or not within_limits(value):
        return False
    for number, operand in zip(ours.numbers, carried, strict=True):
        repairs.write(number, operand)
    repairs.replace(result, _in_percent(value, result))
    return True


_READINGS = ("standard", "one level", "left to right", "percent as unit")
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "|": 3}  # | is a slash without spaces: 10 / 1/2 is 20
_LEVELS = {
    "standard": _PRECEDENCE,
    "one level": _PRECEDENCE | {"|": 2},
    "left to right": dict.fromkeys(_PRECEDENCE, 1),
    "percent as unit": _PRECEDENCE,
}


def _compute(run: Run, values: Sequence[Fraction], reading: str) -> Fraction | None:
    """The run's value with `values` for its operands, or None where it divides by zero."""
    levels = _LEVELS[reading]
    stack: list[Fraction] = []
    operators: list[str] = []
    operands = iter(values)
    for item in run.items:
        if isinstance(item, Number):
            value = next(operands)
            stack.append(value / 100 if item.percent and reading != "percent as unit" else value)
        elif item == "(":
            operators.append(item)
        else:
            level = levels.get(item, 0)
            while operators and operators[-1] != "(" and levels[operators[-1]] >= level:
                if not _reduce(stack, operators.pop()):
                    return None
            if item == ")":
                operators.pop()
            else:
                operators.append(item)
    while operators:
        if not _reduce(stack, operators.pop()):
            return None
    return stack[0]


def _reduce(stack: list[Fraction], operator: str) -> bool:
    right = stack.pop()
    left = stack.pop()
    if operator == "+":
        stack.append(left + right)
    elif operator == "-":
        stack.append(left - right)
    elif operator == "*":
        stack.append(left * right)
    elif right:
        stack.append(left / right)
    else:
        return False
    return True


def _agrees(value: Fraction | None, result: Number, run: Run) -> bool:
    """Whether a result is `value`, rounded to its own decimals (six at most) in whichever direction."""
    if value is None or value == result.value:
        return True
    money = result.money or any(number.money for number in run.numbers)
    if money and value in (result.value * 100, result.value / 100):
        return True  # cents and dollars
    step = Fraction(1, 10 ** min(result.decimals, 6))
    for scale in (1, 100) if result.percent else (1,):
        gap = abs(abs(value * scale) - abs(result.value))
        if gap < step or gap <= _rounding(run, value) * scale:
            return True
    return False


def _rounding(run: Run, value: Fraction) -> Fraction:
    """How far rounded factors can move a product or quotient: 1.33 for 4/3, but not 0.25; nothing for sums and money."""
    if _is_sum(run):
        return Fraction(0)
    decimals = [number for number in run.numbers if number.decimals >= 2 and not number.money]
    rounded = [number for number in decimals if (number.value * 20).denominator != 1]
    return abs(value) * sum(Fraction(1, 2 * 10**number.decimals) / abs(number.value) for number in rounded)


def _mixes_percent(run: Run) -> bool:
    """Whether it adds percent to what is none: 50 + 20% may be 50.2, 60 or 70."""
    percent = [number.percent for number in run.numbers]
    return any(percent) and not all(percent) and _is_sum(run)


def _is_sum(run: Run) -> bool:
    return "+" in run.items or "-" in run.items


def _in_percent(value: Fraction, result: Number) -> Fraction:
    return value * 100 if result.percent and abs(value) <= 1 < abs(result.value) else value


def _means_a_part(run: Run, result: Number) -> bool:
    """Whether a result that does not follow from the whole run follows from its end.

    From its last term alone ("8 letters + 8/2 = 4 digits"), or from what comes after a full stop without a space
    ("the difference is 154 - 91.154 - 91 = 63").
    """
    if "(" in run.items:
        return False
    signs = [place for place, item in enumerate(run.items) if item in ("+", "-")]
    if signs and _agrees(*_tail(run, signs[-1] + 1, result)):
        return True
    for place, item in enumerate(run.items):
        if isinstance(item, Number) and item.decimals:
            tail = Run(run.items[place:])
            after_stop = Fraction(abs(item.value.numerator) * 10**item.decimals // item.value.denominator)
            values = [after_stop % 10**item.decimals, *(number.value for number in tail.numbers[1:])]
            if any(_agrees(_compute(tail, values, reading), result, tail) for reading in _READINGS):
                return True
    return False


def _tail(run: Run, start: int, result: Number) -> tuple[Fraction | None, Number, Run]:
    tail = Run(run.items[start:])
    return _compute(tail, [number.value for number in tail.numbers], _READINGS[0]), result, tail
