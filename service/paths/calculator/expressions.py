"""Numbers, expressions and sides of the equations of a rationale."""

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(slots=True)
class Number:
    """A number in the text.

    `text[start:end]` holds its digits and its sign, without currency and percent signs.
    """

    value: Fraction
    start: int
    end: int
    decimals: int = 0
    percent: bool = False
    thousands: bool = False
    money: bool = False


@dataclass(slots=True)
class Expression:
    """An arithmetic expression.

    Args:
        items: numbers, brackets, and the operators + - * / and |. The operator | is a slash without spaces.
        words: units: the words between the numbers, and two after the last number.
        plain: False if the expression may not be plain arithmetic. It is then neither checked nor repaired.
        operators: number of operators.
    """

    items: list[Number | str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    plain: bool = True
    operators: int = 0

    @property
    def numbers(self) -> list[Number]:
        """Operands, in order."""
        return [item for item in self.items if isinstance(item, Number)]

    @property
    def values(self) -> list[Fraction]:
        """Values of the operands, in order."""
        return [number.value for number in self.numbers]

    @property
    def signs(self) -> set[str]:
        """Operators and brackets."""
        return {item for item in self.items if isinstance(item, str)}


@dataclass(slots=True)
class Side:
    """Expressions between two equals signs.

    The equals sign on the left relates to the first expression, the one on the right to the last.
    """

    expressions: list[Expression] = field(default_factory=list)
