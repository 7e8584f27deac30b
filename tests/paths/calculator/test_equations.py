from fractions import Fraction

import pytest

from service.paths.calculator.equations import MAX_OPERANDS, read_clauses
from service.paths.calculator.expressions import Expression, Number


def expressions(text: str) -> list[list[Expression]]:
    """Expressions of each side of the only clause in a text."""
    (sides,) = read_clauses(text)
    return [side.expressions for side in sides]


def written(expression: Expression) -> str:
    return " ".join(str(item.value) if isinstance(item, Number) else item for item in expression.items)


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("697 girls - 228 = 516", [["697 - 228"], ["516"]]),
        ("3. 4 + 5 = 9", [["4 + 5"], ["9"]]),
        ("So (1 + 2) × 3 = 9, then 4 + 1", [["( 1 + 2 ) * 3"], ["9"]]),
        ("5 boxes x 3 = 15", [["5 * 3"], ["15"]]),
        ("5 times 3 = 15", [["5 * 3"], ["15"]]),
        ("15 divided by 3 = 5", [["15 / 3"], ["5"]]),
        ("20% of the 50 = 10", [["20 * 50"], ["10"]]),
        ("10 / 1/2 = 20", [["10 / 1 | 2"], ["20"]]),
        ("$15/hour * 40 hours = $600", [["15 * 40"], ["600"]]),
        ("5(3 + 2) = 25", [["5 * ( 3 + 2 )"], ["25"]]),
        ("5 - -3 = 8", [["5 - -3"], ["8"]]),
        ("(she has 2 + 3 = 5) left", [["2 + 3"], ["5"]]),
        ("1,234.50 + 1 = 1,235.50", [["2469/2 + 1"], ["2471/2"]]),
        ("He has 3 bags, so 4 pens and 5 + 1 = 6", [["4", "5 + 1"], ["6"]]),
        ("a = b", [[], []]),
    ],
)
def test_sides(text: str, sides: list[list[str]]) -> None:
    assert [[written(expression) for expression in side] for side in expressions(text)] == sides


@pytest.mark.parametrize(
    "side",
    ["2x + 3", "5 * n", "3^2 + 1", "6 dozen + 1", "1/4 of the students", "Total - 5 + 3", "5 +", "9:30 + 1",
     "5 (3 + 2) * 1"],
)  # fmt: skip
def test_text_that_is_not_plain_arithmetic(side: str) -> None:
    assert not expressions(f"{side} = 9")[0][-1].plain


def test_positions_and_marks_of_numbers() -> None:
    (left, right) = expressions("$1,000 * 20% = -$200.00")
    dollars, percent = left[0].numbers
    assert (dollars.start, dollars.end, dollars.thousands, dollars.money) == (1, 6, True, True)
    assert (percent.value, percent.percent, percent.money) == (Fraction(20), True, False)
    result = right[0].numbers[0]
    assert (result.value, result.decimals) == (Fraction(-200), 2)


def test_a_long_sum_is_not_plain() -> None:
    assert expressions("1 + " * (MAX_OPERANDS - 1) + "1 = 40")[0][0].plain
    assert not expressions("1 + " * MAX_OPERANDS + "1 = 41")[0][0].plain


def test_clauses_without_an_equation_are_not_read() -> None:
    assert read_clauses("5 + 3, and 2 + 2. 9 >= 8") == []
