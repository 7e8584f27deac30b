import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.paths.numbers import LIMIT, decimals_of, from_decimal, from_float, simplest_between, within_limits, write


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(51), "51"),
        (Fraction(-51), "-51"),
        (Fraction(1, 2), "0.5"),
        (Fraction(-1, 8), "-0.125"),
        (Fraction(1, 3), "1/3"),
        (Fraction(-200, 3), "-200/3"),
        (Fraction(1000000), "1000000"),
        (Fraction(101, 100), "1.01"),
        (Fraction(0), "0"),
    ],
)
def test_write(value: Fraction, text: str) -> None:
    assert write(value) == text


def test_write_with_thousands_separators() -> None:
    assert write(Fraction(-2469001, 2), thousands=True) == "-1,234,500.5"
    assert write(Fraction(999), thousands=True) == "999"


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (0.1 + 0.2, Fraction(3, 10)),
        (0.3333333333333333, Fraction(1, 3)),
        (100 / 3, Fraction(100, 3)),
        (2 / 7, Fraction(2, 7)),
        (1.1 - 1.0, Fraction(1, 10)),
        (1000.1 - 1000, Fraction(1, 10)),
        (0.3 - 0.1 * 3, Fraction(0)),
        (-0.1 - 0.2, Fraction(-3, 10)),
        (1234567.8900000001, Fraction(123456789, 100)),
        (2.718281828, Fraction(2718281828, 10**9)),
        (1e-9, Fraction(1, 10**9)),
        (49.99999999999999, Fraction(50)),
        (1e16 / 3, Fraction(3333333333333334)),
        (2.0**70, Fraction(2**70)),
        (math.sqrt(2), Fraction("1.4142135623730951")),
    ],
)
def test_a_float_is_the_simplest_fraction_within_its_round_off(number: float, value: Fraction) -> None:
    assert from_float(number) == value


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e61, -1e300])
def test_floats_without_a_number(number: float) -> None:
    assert from_float(number) is None


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("12.50", Fraction(25, 2)),
        ("-0", Fraction(0)),
        ("0E+999999", Fraction(0)),
        ("1E+20", Fraction(10**20)),
        ("0.3333333333333333333333333333", Fraction(1, 3)),
        ("1E+999999", None),
        ("1E-999999", None),
        ("NaN", None),
        ("sNaN", None),
        ("Infinity", None),
    ],
)
def test_decimals(number: str, value: Fraction | None) -> None:
    assert from_decimal(Decimal(number)) == value


def test_limits_are_exclusive_and_hold_for_both_parts() -> None:
    assert within_limits(Fraction(LIMIT - 1))
    assert not within_limits(Fraction(LIMIT))
    assert not within_limits(Fraction(-LIMIT))
    assert not within_limits(Fraction(1, LIMIT))


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 200), st.integers(1, 200))
@settings(max_examples=200)
def test_simplest_between_is_the_smallest_denominator(a: int, b: int, c: int, d: int) -> None:
    low, high = sorted((Fraction(a, b), Fraction(c, d)))
    found = simplest_between(low, high)
    assert low <= found <= high
    for denominator in range(1, found.denominator):
        assert -(-low.numerator * denominator // low.denominator) > high * denominator


@given(st.fractions(-10_000, 10_000, max_denominator=1000))
@settings(max_examples=300)
def test_a_float_of_a_simple_fraction_is_that_fraction(value: Fraction) -> None:
    assert from_float(float(value)) == value


@given(st.fractions())
@settings(max_examples=100)
def test_decimals_write_exactly_or_not_at_all(value: Fraction) -> None:
    if decimals_of(value) is None:
        assert write(value) == f"{value.numerator}/{value.denominator}"
    else:
        assert Fraction(write(value)) == value
