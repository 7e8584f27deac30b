import time
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.paths.calculator.steps import Step, read_steps
from service.paths.cot import MAX_RATIONALE_CHARS
from service.paths.numbers import write

HOLDS = None


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("92 - 68 = 26, so 26 more pastries", [("92 - 68 = 26", "24")]),
        ("(3 + 4) * 2 = 15", [("(3 + 4) * 2 = 15", "14")]),
        ("$5 + $3 = $9 in all", [("$5 + $3 = $9", "8")]),
        ("1,200 + 300 = 1,600", [("1,200 + 300 = 1,600", "1500")]),
        ("20 / 50 = 45%", [("20 / 50 = 45%", "40%")]),
        ("2 / 32 = 16", [("2 / 32 = 16", "0.0625")]),
        ("5·4=2·10", [("5·4=2·10", HOLDS)]),
        ("10 / 3 = 3.33", [("10 / 3 = 3.33", HOLDS)]),
        # A running total is two equations. A step on both sides is one.
        ("3 + 4 = 7 + 5 = 13", [("3 + 4 = 7", HOLDS), ("7 + 5 = 13", "12")]),
        ("2 * 3 + 4 = 7 + 4 = 11", [("2 * 3 + 4 = 7 + 4", "10"), ("7 + 4 = 11", HOLDS)]),
        # An error counts once: what rests on it is judged on its own operands.
        ("12 * 3 = 35\n35 + 1 = 36", [("12 * 3 = 35", "36"), ("35 + 1 = 36", HOLDS)]),
        ("12 * 3 = 35\n35 + 1 = 37", [("12 * 3 = 35", "36"), ("35 + 1 = 37", "36")]),
        (r"\frac{12}{4} \times 2 = 7", [(r"\frac{12}{4} \times 2 = 7", "6")]),
        (r"$$\frac{5+7}{4} = 4$$", [(r"\frac{5+7}{4} = 4", "3")]),
        (r"\[ 5 \times 3 = \boxed{16} \]", [(r"5 \times 3 = \boxed{16}", "15")]),
        (r"$5 + 3 = 9$", [("5 + 3 = 9", "8")]),
    ],
)
def test_each_equation_is_judged_as_it_is_written(text: str, steps: list[tuple[str, str | None]]) -> None:
    assert [(step.text, step.should_be) for step in read_steps(text)] == steps
    assert [step.holds for step in read_steps(text)] == [should_be is None for _, should_be in steps]


@pytest.mark.parametrize(
    "text",
    [
        "26 marbles", "", "x = 26", "2x + 3 = 9",
        "45 + 45 = 1.5 hours",  # explained by a unit
        "5 more than 3 * 2 = 11",  # explained by words before it
        "about 48 * 52 = 2500",  # approximate
        "5 * 4 = 25? No",  # withdrawn
        "5 - 8 = 3", "5 - 8 = 4",  # the correct result is negative
        "10 / 3 = 4", "10 / 4 = 3",  # rounded up
    ],
)  # fmt: skip
def test_equations_that_the_calculator_leaves_alone_are_left_out(text: str) -> None:
    assert read_steps(text) == ()


def test_only_the_last_hundred_equations_count() -> None:
    steps = read_steps("".join(f"{number} + 1 = {number + 1}\n" for number in range(1000, 1150)))
    assert len(steps) == 100
    assert steps[-1] == Step("1149 + 1 = 1150")


_STYLES = [
    ("{a} + {b} = {r}", "+"), ("{a}+{b}={r}", "+"), ("${a} + ${b} = ${r}", "+"), (r"\( {a} + {b} = {r} \)", "+"),
    ("{a} plus {b} = {r}", "+"), ("{a} - {b} = {r}", "-"), ("{a} pens − {b} pens = {r} pens", "-"),
    ("We get {a}-{b}={r}", "-"), ("{a} * {b} = {r}", "*"), ("{a} × {b} = {r}", "*"), ("{a} x {b} = {r}", "*"),
    (r"$${a} \times {b} = {r}$$", "*"), (r"{a} \cdot {b} = \boxed{{{r}}}", "*"), ("{a} / {b} = {r}", "/"),
    ("{a} ÷ {b} = {r}", "/"), (r"So \(\frac{{{a}}}{{{b}}} = {r}\)", "/"), ("({a} + {b}) * 2 = {r}", "+2"),
    ("Then {a} * ({b} + 1) = {r}", "*1"),
]  # fmt: skip
_VALUE = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "+2": lambda a, b: (a + b) * 2,
    "*1": lambda a, b: a * (b + 1),
}


@st.composite
def _equations(draw: st.DrawFn) -> tuple[str, Fraction, Fraction]:
    """Style with its operands, the true result, and a false one."""
    style, sign = draw(st.sampled_from(_STYLES))
    a, b = (Fraction(draw(st.integers(2, 999))) for _ in range(2))
    if sign == "/":
        a *= b  # a whole result
    if sign == "-":
        a += b
    true = _VALUE[sign](a, b)
    false = true + draw(st.integers(2, 9)) * draw(st.sampled_from([1, 13]))
    return style.replace("{a}", str(a)).replace("{b}", str(b)), true, false


def _written(style: str, result: Fraction) -> str:
    return style.replace("{r}", str(result)).replace("{{", "{").replace("}}", "}")


@given(st.lists(_equations(), min_size=1, max_size=5), st.sampled_from([".\n", "\n", "; "]), st.data())
@settings(max_examples=150, deadline=None)
def test_exactly_the_false_equation_is_false(
    equations: list[tuple[str, Fraction, Fraction]], joint: str, data: st.DataObject
) -> None:
    true = [_written(style, result) for style, result, _ in equations]
    assert all(step.holds for step in read_steps(joint.join(true)))
    assert len(read_steps(joint.join(true))) == len(true)
    index = data.draw(st.integers(0, len(true) - 1))
    style, result, false = equations[index]
    assume(false / result not in (100, Fraction(1, 100)))
    texts = [*true[:index], _written(style, false), *true[index + 1 :]]
    steps = read_steps(joint.join(texts))
    assert [step.should_be for step in steps] == [write(result) if i == index else None for i in range(len(true))]
    assert steps[index].text in texts[index]


@given(st.text(st.characters(codec=None)), st.text("0123456789+-*/=()., %$≈?\\{}", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_has_steps_that_it_contains(words: str, equations: str) -> None:
    text = words + equations
    assert all(step.text in text for step in read_steps(text))


@pytest.mark.parametrize("piece", ["1 + 1 = 3. ", "((1 + 1 = 3\n", r"\(\frac{1}{2} + 1 = 3\) ", "{", "$1 + 1 = 3$ "])
def test_work_grows_with_the_length_only(piece: str) -> None:
    text = piece * (MAX_RATIONALE_CHARS // len(piece))
    start = time.process_time()
    read_steps(text)
    assert time.process_time() - start < 3
