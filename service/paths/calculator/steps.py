"""Steps of a worked text: its equations, checked one by one."""

from dataclasses import dataclass

from service.paths.calculator.repair import check_equations
from service.paths.calculator.repairs import Equation
from service.paths.numbers import write


@dataclass(frozen=True, slots=True)
class Step:
    """An equation of a text.

    Args:
        text: the equation as it is written.
        should_be: correct result, or None if the equation holds.
    """

    text: str
    should_be: str | None = None

    @property
    def holds(self) -> bool:
        """Whether the equation is true."""
        return self.should_be is None


def read_steps(text: str) -> tuple[Step, ...]:
    """Equations of a text that hold or are false, in order. Never raises.

    An error counts once: each equation is judged on its own operands. Other equations are left out: those
    that are approximate, withdrawn, explained by units or context, or not plain arithmetic.
    """
    return tuple(Step(text[one.start : one.end], _correct(one)) for one in check_equations(text).equations)


def _correct(equation: Equation) -> str | None:
    if equation.correct is None:
        return None
    return write(equation.correct) + ("%" if equation.in_percent else "")
