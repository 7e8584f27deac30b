"""Numbers of a problem that programs leave out."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.solve.left_out_numbers import given_numbers, left_out


def unused(problem: str, *programs: str) -> tuple[str, ...]:
    return left_out(given_numbers(problem), programs)


@pytest.mark.parametrize(
    ("problem", "numbers"),
    [
        ("She has 12 eggs, 1,200 jars, 0.5 l, $3.75 and 12 more.", ["12", "1,200", "0.5", "3.75"]),
        ("1/2 of it, 2 1/2 cups and 3/4.", ["1/2", "2 1/2", "3/4"]),
        ("A 3-day trip of 40km, 10-12 friends (8).", ["3", "40", "10", "12", "8"]),
        ("Room A4, the 5th of 9, v1.2, #7 and item_6", ["9"]),
        ("At 3:30, at 5 pm, on 1/2/2003, in a ratio of 3:2", []),
        ("3,4,5 and 5 200-page books", []),  # unclear separators
        ("three friends and half a dozen of the two", []),
        ("", []),
    ],
)
def test_the_numbers_of_a_problem(problem: str, numbers: list[str]) -> None:
    assert [number.text for number in given_numbers(problem)] == numbers


@pytest.mark.parametrize(
    ("problem", "program", "expected"),
    [
        ("75 bins, 19 came back after 8 hours", "ans = 75 - 19", ("8",)),
        ("75 bins, 19 came back", '# 19 of 75\nans = \'75\' + """75""" + x75 - 19', ()),  # a quoted number counts
        ("75 bins, 19 came back", "# 19 of 75\nans = '75 bins' + x75 - 19", ("75",)),
        ("1,200 jars and 0.5 l", "ans = 1_200 * 1 / 2", ()),
        ("1,200 jars", "ans = 1.2e3", ()),
        ("0.75 of them, 2.5 kg, 1.5 m", "ans = 3 / 4 + (2 + 1 / 2) + 3 / 2", ()),
        ("2/4 of them and 2 1/3", "ans = 2 / 4 + 2 + 1 / 3", ()),
        ("3/4 of them and 0.3", "ans = 7 / 4 + 10", ("3/4", "0.3")),
        ("25% of 80", "ans = 80 * 25 / 100", ()),
        ("25 percent of 80", "ans = 80 * 0.25", ()),
        ("80 grows by 25%", "ans = 80 * 1.25", ()),
        ("80 falls by 25 per cent", "ans = 80 * 0.75", ()),
        ("25% of 80", "ans = 80 / 4", ()),
        ("25% of 80", "ans = 80 * 0.2", ("25",)),
        ("25 of 80", "ans = 80 * 1.25", ("25",)),
        ("75 cents and 30 minutes", "ans = 0.75 * 0.5", ()),
        ("2 hours", "ans = 120", ()),
        ("3 million and 2 dozen", "ans = 3000000 + 24", ()),
        ("1 hour, 100% of them, 60 minutes, 0 left", "ans = 7", ()),
        ("19.99 and 1/3", 'ans = Decimal("19.99") * Fraction("1/3")', ()),
        ("12 of 30", "", ("12", "30")),
    ],
)
def test_the_numbers_that_a_program_leaves_out(problem: str, program: str, expected: tuple[str, ...]) -> None:
    assert unused(problem, program) == expected


def test_several_programs_leave_out_what_none_of_them_uses() -> None:
    assert unused("12 of 30, and 7", "ans = 12", "ans = 30") == ("7",)
    assert unused("12 of 30") == ("12", "30")


_PIECES = st.lists(
    st.sampled_from(
        ["1", "000", " ", ",", ".", "/", ":", "_", "0", "%", "'", '"', "\\", "#", "\n", "e9", "x", "٣", "²"]
    ),
    max_size=30,
).map("".join)


@given(st.text() | _PIECES, st.text() | _PIECES)
@settings(max_examples=300)
def test_any_text_is_read(problem: str, program: str) -> None:
    numbers = given_numbers(problem)
    assert all(number.text in problem for number in numbers)
    missing = left_out(numbers, [program])
    assert set(missing) <= {number.text for number in numbers}
    assert set(left_out(numbers, [program, problem.replace("'", "").replace('"', "")])) <= set(missing)


@given(st.lists(st.integers(2, 10**9), min_size=1, max_size=8, unique=True), st.data())
def test_a_program_with_all_numbers_but_one_leaves_out_that_one(numbers: list[int], data: st.DataObject) -> None:
    problem = " kept, ".join(map(str, numbers)) + " kept"
    dropped = data.draw(st.sampled_from(numbers))
    assert unused(problem, f"ans = {numbers}") == ()
    assert unused(problem, f"ans = {[number for number in numbers if number != dropped]}") == (str(dropped),)


@pytest.mark.parametrize(
    "piece", ["000 ", "1,", "1/2 ", "'", '"\\', '"""', "1_", "a1.", "9", "5 minutes ", "1 1/", "# "]
)
def test_a_long_hostile_text_takes_linear_time(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    began = time.process_time()
    left_out(given_numbers(text), [text])
    assert time.process_time() - began < 1.0
