"""The calculator of a rationale: false results found, computed again, and carried through what rests on them.

Between `equations.py`, which reads, and `cot.py`, which states the answer. Small students state the right operation
and the wrong result. So the operands are believed and the result is not: `697 girls - 228 = 516` becomes 469, a
later `516 + 10` becomes `469 + 10`, and an answer 516 becomes 469.

A result is false only if no reading makes it true: precedence or left to right, percent as hundredths or as a unit,
rounded up, down or to nearest at its own decimals. What is not plain arithmetic stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from service.paths.equations import Number, Run, Side, read_clauses
from service.paths.numbers import decimals_of, within_limits, write


@dataclass(slots=True)
class Repairs:
    """What the calculator found: new texts for numbers, by place, and the true value of each false result."""

    edits: dict[int, tuple[int, str]] = field(default_factory=dict)
    carried: dict[Fraction, Fraction] = field(default_factory=dict)
    last: Fraction | None = None
    last_end: int = 0

    def apply(self, text: str) -> str:
        """The text with the repairs written in."""
        parts, place = [], 0
        for start, (end, new) in sorted(self.edits.items()):
            parts += [text[place:start], new]
            place = end
        return "".join([*parts, text[place:]])


def check_equations(text: str) -> Repairs:
    """Every equation of the text checked, in order."""
    repairs = Repairs()
    for sides in read_clauses(text):
        for left, right in zip(sides, sides[1:], strict=False):
            _check(left, right, repairs)
    return repairs


def _check(left: Side, right: Side, repairs: Repairs) -> None:
    if not left.runs or not right.runs:
        return
    ours, theirs = left.runs[-1], right.runs[0]
    if not ours.plain or not theirs.plain or not theirs.items:
        return
    first = theirs.items[0]
    if not isinstance(first, Number):
        return
    if not ours.operators:
        _carry_equal(ours, theirs, repairs)
        return
    values = [number.value for number in ours.numbers]
    carried = [repairs.carried.get(value, value) for value in values]
    if not theirs.operators:
        _settle(ours, values, carried, first, repairs, _convertible(left, right))


def _carry_equal(ours: Run, theirs: Run, repairs: Repairs) -> None:
    """The middle of `a + b = c = c`."""
    number, same = ours.items[0], theirs.items[0]
    if theirs.operators or not isinstance(number, Number) or not isinstance(same, Number):
        return
    if number.start in repairs.edits and same.value == number.value:
        repairs.edits[same.start] = (same.end, repairs.edits[number.start][1])


def _settle(
    ours: Run, values: list[Fraction], carried: list[Fraction], result: Number, repairs: Repairs, doubtful: bool
) -> None:
    reading = next((r for r in _READINGS if _agrees(_compute(ours, values, r), result, ours)), None)
    if reading is not None and values == carried:
        repairs.carried.pop(result.value, None)
        repairs.last, repairs.last_end = result.value, result.end
        return
    if reading is None and doubtful:
        return
    value = _compute(ours, carried, reading or _READINGS[0])
    if value is None or not within_limits(value):
        return
    for number, new in zip(ours.numbers, carried, strict=True):
        _write(number, new, repairs)
    value = _as_written(value, result)
    _write(result, value, repairs)
    repairs.carried[result.value] = value
    repairs.last, repairs.last_end = value, result.end


def _write(number: Number, value: Fraction, repairs: Repairs) -> None:
    if value != number.value:
        repairs.edits[number.start] = (number.end, write(value, number.thousands))


_READINGS = ("standard", "left-associative", "left to right", "percent as unit")
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "|": 3}
_ONE_LEVEL = {"+": 1, "-": 1, "*": 2, "/": 2, "|": 2}
_FLAT = dict.fromkeys("+-*/|", 1)


def _compute(run: Run, values: Sequence[Fraction], reading: str) -> Fraction | None:
    """The run's value with `values` for its operands, or None where it divides by zero or is not well formed."""
    levels = {"left-associative": _ONE_LEVEL, "left to right": _FLAT}.get(reading, _PRECEDENCE)
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
            level = 0 if item == ")" else levels[item]
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
    if operator in "/|" and not right:
        return False
    if operator == "+":
        stack.append(left + right)
    elif operator == "-":
        stack.append(left - right)
    elif operator == "*":
        stack.append(left * right)
    else:
        stack.append(left / right)
    return True


def _agrees(value: Fraction | None, result: Number, run: Run) -> bool:
    if value is None:
        return True
    if value == result.value:
        return True
    stated = [result.value]
    if result.percent or any(number.percent for number in run.numbers):
        stated += [result.value / 100, result.value * 100]
    step = Fraction(1, 10**result.decimals)
    return any(abs(abs(value) - abs(number)) < step for number in stated)


def _as_written(value: Fraction, result: Number) -> Fraction:
    return value * 100 if result.percent and abs(value) <= 1 and abs(result.value) > 1 else value


def _convertible(left: Side, right: Side) -> bool:
    return False
