"""Repairs of one text."""

from dataclasses import dataclass, field
from fractions import Fraction

from service.paths.calculator.expressions import Expression, Number
from service.paths.numbers import write


@dataclass(slots=True)
class Repairs:
    """Repairs of one text.

    Args:
        edits: by the start of a number, its end and its new text.
        corrected: by false result, the correct result.
        last: last checked result, after repair.
        last_stated: last checked result, as the text states it.
        last_end: end of the last checked result in the text.
    """

    edits: dict[int, tuple[int, str]] = field(default_factory=dict)
    corrected: dict[Fraction, Fraction] = field(default_factory=dict)
    last: Fraction | None = None
    last_stated: Fraction | None = None
    last_end: int = 0
    # `corrected` for operands. A false result that was an operand before may still mean itself, so it is left out.
    _carried: dict[Fraction, Fraction] = field(default_factory=dict)
    _operands: set[Fraction] = field(default_factory=set)
    _written: dict[int, Fraction] = field(default_factory=dict)

    def apply(self, text: str) -> str:
        """Text with the repairs written in."""
        parts, end_of_last = [], 0
        for start, (end, new) in sorted(self.edits.items()):
            parts += [text[end_of_last:start], new]
            end_of_last = end
        return "".join([*parts, text[end_of_last:]])

    def carry(self, expression: Expression) -> list[Fraction]:
        """Values of the operands, with false results replaced by the correct ones."""
        self._operands.update(expression.values)
        return [self._written.get(n.start, self._carried.get(n.value, n.value)) for n in expression.numbers]

    def confirm(self, result: Number) -> None:
        """Record a true result. From here on its number means itself."""
        self.corrected.pop(result.value, None)
        self._carried.pop(result.value, None)
        self.last, self.last_stated, self.last_end = result.value, result.value, result.end

    def replace(self, result: Number, value: Fraction) -> None:
        """Replace a false result by `value`."""
        self.write(result, value)
        self.corrected[result.value] = value
        if result.value not in self._operands:
            self._carried[result.value] = value
        self.last, self.last_stated, self.last_end = value, result.value, result.end

    def write(self, number: Number, value: Fraction) -> None:
        """Write `value` over a number that has another value."""
        if value != number.value:
            self.edits[number.start] = (number.end, write(value, number.thousands))
            self._written[number.start] = value
