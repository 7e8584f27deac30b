"""The calculator of a rationale: false results found, computed again, and carried through what rests on them.

Between `equations.py`, which reads, and `cot.py`, which states the answer. Small students state the right operation
and the wrong result. So the operands are believed and the result is not: `697 girls - 228 = 516` becomes 469, a
later `516 + 10` becomes `469 + 10`, and an answer 516 becomes 469.

A result is false only if no reading makes it true: precedence or left to right, percent as hundredths or as a unit,
rounded up, down or to nearest at its own decimals, either sign. What is not plain arithmetic stays as it is, and so
does a result that would become negative. Repairing a repaired text changes nothing.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from service.paths.calculator.arithmetic import (
    READINGS,
    agrees,
    compute,
    in_percent,
    is_sum,
    means_a_part,
    mixes_percent,
)
from service.paths.calculator.equations import Number, Run, Side, read_clauses
from service.paths.calculator.units import convertible
from service.paths.numbers import within_limits, write


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
    _written: dict[int, Fraction] = field(default_factory=dict)

    def apply(self, text: str) -> str:
        """The text with the repairs written in."""
        parts, place = [], 0
        for start, (end, new) in sorted(self.edits.items()):
            parts += [text[place:start], new]
            place = end
        return "".join([*parts, text[place:]])

    def carry(self, run: Run) -> list[Fraction]:
        """The run's operands, false results among them replaced."""
        self._operands.update(run.values)
        return [self._written.get(n.start, self._carried.get(n.value, n.value)) for n in run.numbers]

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
            self._written[number.start] = value


def check_equations(text: str) -> Repairs:
    """Check every equation of the text, in order."""
    repairs = Repairs()
    for sides in read_clauses(text):
        for left, right in pairwise(sides):
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
        doubtful = is_sum(ours) and convertible([*ours.words, *theirs.words], money)
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
    values = ours.values
    result = theirs.numbers[0]
    if any(agrees(compute(ours, values, reading), result, ours) for reading in READINGS):
        theirs.plain = _settle(ours, ours, result, repairs, doubtful=False)
        return
    carried = repairs.carry(ours)
    step = _step(ours, theirs)
    if step is not None:
        for number, value in zip(ours.numbers, carried, strict=True):
            repairs.write(number, value)
        theirs.plain = _settle(step, step, result, repairs, doubtful=False)
        return
    total = {compute(theirs, theirs.values, reading) for reading in READINGS}
    same = any(compute(ours, values, reading) in total for reading in READINGS)
    theirs.plain = same and values == carried


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
    values = run.values
    carried = repairs.carry(run)
    reading = next((r for r in READINGS if agrees(compute(run, values, r), result, run)), None)
    if reading is not None and values == carried:
        repairs.confirm(result)
        return True
    value = None
    if reading is not None or not (doubtful or mixes_percent(run) or means_a_part(run, result)):
        value = compute(run, carried, reading or READINGS[0])
    if value is None or value < 0 or not within_limits(value):
        repairs.confirm(result)  # whatever it rests on, from here on its number means this result
        return False
    for number, operand in zip(ours.numbers, carried, strict=True):
        repairs.write(number, operand)
    repairs.replace(result, in_percent(value, result))
    return True
