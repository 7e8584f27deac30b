import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.paths.calculator.repair import check_equations
from service.paths.calculator.units import has_convertible_units
from service.paths.cot import MAX_RATIONALE_CHARS, parse_cot


def test_one_round_replaces_a_number_in_both_its_roles() -> None:
    text = "7 + 1 = 8. 2 * 3 + 4 = 7 + 4 = 11"  # 7 is a false result, and the first operand of the next expression
    assert check_equations(text).apply(text) == "7 + 1 = 8. 2 * 3 + 4 = 6 + 4 = 10"


def test_units_convert_within_a_scale_only() -> None:
    assert has_convertible_units(["hours", "minute"])
    assert has_convertible_units(["cents"], money=True)
    assert not has_convertible_units(["hour", "hours", "hrs"])
    assert not has_convertible_units(["hours", "miles", "dollars"])


_PIECES = st.sampled_from(
    "+ - * / = ≈ ( ) [ % $ . , : ; ? ! ≠ | # < << >> \n x of and than times twice half third dozen thousand mod sqrt( "
    "sqrt log max( Step Day No. Let s g is = hours minutes km m cents dollars tens fives wheels about rounded no wait "
    "wrong not try not 1 2 3 5 8 12 60 100 1000 0.5 1/2 2,5 1,000 17 000 3! 1e3 x1 2s 3³".split(" ")
)
_LATEX = st.sampled_from(
    r"\times \cdot \div + - = \approx \( \) \[ \] \\ & $ $$ \$ \% \, \! {,} \{ \} { } \frac{ \frac{1}{2} \frac12 "
    r"\frac{6}{ }{ \dfrac{12}{5} \text{ \text{minutes} \mathrm{hours} \boxed{ \boxed{8} \left( \right) \left \sqrt{ ^ _ "
    r"\pi \neq \quad \begin{a} x g apples no wait . , 1 2 3 5 8 12 60 000 0.5 1,000 12{,}500 2,\!500".split(" ")
)


@given(st.lists(_PIECES, max_size=40) | st.lists(_LATEX, max_size=40), st.sampled_from(["", " "]))
@settings(max_examples=1200)
@pytest.mark.slow
def test_a_second_repair_of_any_text_changes_nothing(pieces: list[str], gap: str) -> None:
    once = parse_cot(f"{gap.join(pieces)} The answer is 5")
    twice = parse_cot(once.text)
    assert twice.text == once.text
    assert not twice.repaired


@given(st.text(st.characters(codec=None)), st.text("0123456789+-*/=()., %$≈?\\{}", max_size=60))
@settings(max_examples=300)
def test_checks_never_raise(words: str, equations: str) -> None:
    check_equations(words + equations)
    check_equations(f"2 of {words} * 3 = {equations}")


@pytest.mark.parametrize(
    "piece",
    ["1 + 1 = 3. ", "half of 3 hours + 2 = 9? ", "1 * 2 (3 = 4 ", "1,1", "1.111", "1 and 1/2 ", "s = 1 ", "\n* 2 ", "1! + ",
     "sqrt ", "Step 1 - ", "2 of ", "1 = 2 000 000 ", "\n", " ", "1e", "\\", r"\\ ", r"\frac{", r"\text{",
     r"\frac{1}{2}", r"\frac{1+", r"\( ", r"12 \times 5 = 61 ", "{", "}", "{,}"],
)  # fmt: skip
def test_work_grows_with_the_length_only(piece: str) -> None:
    text = piece * (5 * MAX_RATIONALE_CHARS // len(piece))
    start = time.process_time()
    check_equations(text)
    assert time.process_time() - start < 2
