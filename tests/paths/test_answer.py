from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.paths.answer import Answer, answer_from_value, parse_answer, read_answer
from service.paths.numbers import decimals_of, write
from service.sandbox.base import Value
from tests.support.timing import cpu_seconds


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("51", "51"),
        (" 51.", "51"),
        ("51.0", "51"),
        ("51 dollars", "51"),
        ("$51", "51"),
        ("$ 51.00", "51"),
        ("€51", "51"),
        ("\\$51", "51"),
        ("**51**", "51"),
        ("1,000", "1000"),
        ("1,080,000.50 dollars", "1080000.5"),
        ("1{,}000", "1000"),
        ("1\u202f000", "1000"),
        ("1/2", "0.5"),
        ("½", "0.5"),
        ("1 / 3", "1/3"),
        ("\\frac{1}{3}", "1/3"),
        ("1⁄3", "1/3"),
        ("2 1/2", "2.5"),
        ("2½ hours", "2.5"),
        ("2 and 1/2", "2.5"),
        ("50%", "50"),
        ("50 percent", "50"),
        ("50 %", "50"),
        (".5", "0.5"),
        ("1.5e3", "1500"),
        ("1.5E-3", "0.0015"),
        ("1.5 x 10^3", "1500"),
        ("1.5 × 10^{3}", "1500"),
        ("3 \\times 10^4", "30000"),
        ("-5", "-5"),
        ("−5", "-5"),
        ("- 5", "-5"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("minus 5", "-5"),
        ("negative five", "-5"),
        ("twelve apples", "12"),
        ("Twenty", "20"),
        ("zero", "0"),
        ("5 million", "5000000"),
        ("1.5 thousand", "1500"),
        ("A total of 51 pens", "51"),
        ("She has 9 (since 10 is not possible)", "9"),
        ("12 + 3 = 15", "15"),
        ("x = 15", "15"),
        ("51\n\nQuestion: 7", "51"),
        ("0.30000000000000004", "0.3"),
        ("33.333333333333336", "100/3"),
        ("(B)", "B"),
        ("(b)", "B"),
        ("B", "B"),
        ("B.", "B"),
        ("B) 51", "B"),
        ("option C", "C"),
        ("Yes", "yes"),
        ("yes, she can", "yes"),
        ("NO.", "no"),
        ("True", "yes"),
        ("False", "no"),
        ("Yes, and no one was hurt", "yes"),
        ("yes, or so they say", "yes"),
    ],
)
def test_notations(text: str, canonical: str) -> None:
    answer = parse_answer(text)
    assert answer is not None
    assert answer.text == canonical


@pytest.mark.parametrize(
    "text",
    ["", " ", "unknown", "12/25/2020", "5-10", "5 or 6", "12 * 3", "12 + 3", "12 - 3 apples", "5/0", "0/0", "1e999999",
     "1e61", "9" * 61, "9" * 5000, "9" * 100_000, "twenty-first", "None",
     "yes or no", "Yes/No", "no, or yes", "True or false", "yes and no.", "nan", "inf", "no more", "A total", "F", "(F)", "\ud800", "=", "==="],
)  # fmt: skip
def test_phrases_without_an_answer(text: str) -> None:
    assert parse_answer(text) is None


def test_a_number_cut_off_by_the_length_limit_is_not_an_answer() -> None:
    assert parse_answer(" " * 398 + "123") is None
    assert parse_answer(" " * 390 + "123") == Answer("123", Fraction(123))


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        (51, "51"),
        (51.0, "51"),
        (0.1 + 0.2, "0.3"),
        (0.3333333333333333, "1/3"),
        (Fraction(1, 3), "1/3"),
        (Decimal("12.50"), "12.5"),
        (True, "yes"),
        (False, "no"),
        ("51 dollars", "51"),
        ("B", "B"),
        ([51], "51"),
        ([["12"]], "12"),
        ([True], "yes"),
    ],
)
def test_program_results(value: Value, canonical: str) -> None:
    answer = answer_from_value(value)
    assert answer is not None
    assert answer.text == canonical


@pytest.mark.parametrize(
    ("value", "decimals"),
    [
        (3.33, 2),
        (0.5, 1),
        (10 / 3, 0),
        (0.1 + 0.2, 0),
        (2**0.5, 0),
        (51.0, 0),
        (Decimal("12.50"), 2),
        (Decimal(10) / 3, 0),
        (Fraction(1, 8), 0),
        ("$3.50", 2),
    ],
)
def test_decimals_of_program_results(value: Value, decimals: int) -> None:
    answer = answer_from_value(value)
    assert answer is not None
    assert answer.decimals == decimals


@pytest.mark.parametrize("value", [[], [1, 2], float("nan"), float("inf"), "", "x", Decimal("NaN"), 10**60])
def test_program_results_without_an_answer(value: Value) -> None:
    assert answer_from_value(value) is None


def test_giant_integers_are_not_answers() -> None:
    assert answer_from_value(-(10**5000)) is None  # more digits than Python prints


def test_a_list_that_contains_itself_is_not_an_answer() -> None:
    endless: list[Value] = []
    endless.append(endless)
    assert answer_from_value(endless) is None


def test_equality_is_by_value() -> None:
    assert Answer("1/2", Fraction(1, 2)) == Answer("0.5", Fraction(1, 2))
    assert len({parse_answer(text) for text in ("51", "51.0", "$51", "51 dollars", "51%")}) == 1
    assert parse_answer("yes") != parse_answer("no")
    assert parse_answer("1") != parse_answer("yes")
    assert parse_answer("50%") != parse_answer("0.5")
    assert Answer("1", Fraction(1)) != "1"


_VALUES = st.one_of(
    st.integers(-(10**9), 10**9).map(Fraction),
    st.fractions(-1000, 1000, max_denominator=500),
    st.decimals(-10_000, 10_000, places=3).map(Fraction),
)
_UNITS = ["", " dollars", " apples", ".", "%", " percent", "\n", " (since it is so)", " km/h", "**"]


def _notations(value: Fraction) -> list[str]:
    sign, size = ("-" if value < 0 else ""), abs(value)
    whole, rest = divmod(size, 1)
    found = [
        f"{value.numerator}/{value.denominator}",
        f"{sign}${write(size)}",
        f"−{write(size)}" if sign else write(size),
    ]
    if rest and whole:
        found.append(f"{sign}{whole} {rest.numerator}/{rest.denominator}")
    if decimals_of(value) is not None:
        found += [
            write(value),
            write(value, thousands=True),
            f"{write(value * 1000)}e-3",
            f"{write(value / 10)} x 10^1",
        ]
        found.append(write(value) + ("0" if "." in write(value) else ".0"))
    return found


@given(_VALUES, st.data())
@settings(max_examples=300)
def test_equal_values_merge_in_any_notation(value: Fraction, data: st.DataObject) -> None:
    notation = data.draw(st.sampled_from(_notations(value)))
    unit = data.draw(st.sampled_from(_UNITS))
    answer = parse_answer(notation + unit)
    assert answer == Answer(write(value), value)
    assert hash(answer) == hash(answer_from_value(value))
    assert answer is not None
    assert answer.text == write(value)


@given(_VALUES, _VALUES, st.data())
@settings(max_examples=200)
def test_unequal_values_do_not_merge(one: Fraction, other: Fraction, data: st.DataObject) -> None:
    texts = [data.draw(st.sampled_from(_notations(value))) for value in (one, other)]
    assert (parse_answer(texts[0]) == parse_answer(texts[1])) is (one == other)


@given(st.text(st.characters(codec=None)))
@settings(max_examples=300)
def test_parsing_never_raises(text: str) -> None:
    parse_answer(text)


@given(st.text("0123456789.,/-+eE%$ x^*()½=:and", max_size=60))
@settings(max_examples=500)
def test_parsing_never_raises_on_numeric_noise_and_reads_its_own_text(text: str) -> None:
    answer = parse_answer(text)
    assert answer is None or parse_answer(answer.text) == answer


_TOKENS = [
    "5", "12", "-3", "3.50", "1,000", "1/2", "50%", "$5", "9 a.m.", "2:3", "twelve", "half", "5!", "x", "Jan", "2x", "(", ")",
    "=", "==", "!", "<", ">", "≤", "≥", "≠", ":", "≈", "→", "+", "-", "*", "/", "^", "±", ",", ";", ". ", "? ", " ",
    "\n", "hours", "minutes", "cents", "apples", "and", "or", "so", "therefore", "which is", "because", "if", "but",
    "not", "more than", "at least", "with", "remainder", "left over", "each of the", "that is", "it is", "the answer is",
    "\\boxed{", "\\frac{1}{2}", "\\sqrt{", "\\text{", "\\(", "\\)", "$", "{", "}", "**", "\\ne", "\\%",
]  # fmt: skip


@pytest.mark.parametrize("text", ["x Jan if 2", "Question: Jan but 2"])
def test_clauses_that_end_within_a_month_have_no_answer(text: str) -> None:
    assert parse_answer(text) is None


@given(st.lists(st.sampled_from(_TOKENS), max_size=40), st.sampled_from(["", " "]))
@settings(max_examples=1500)
@pytest.mark.slow
def test_joins_of_the_words_and_signs_of_the_grammar_never_raise(tokens: list[str], separator: str) -> None:
    assert cpu_seconds(lambda: parse_answer(separator.join(tokens))) < 0.05


@pytest.mark.parametrize("sign", ["=", "==", "===", "≈", "→"])
@pytest.mark.parametrize("before", list("!<>≤≥≠:"))
def test_an_equals_sign_behind_another_sign_is_a_bound(before: str, sign: str) -> None:
    for text in (f"5 {before}{sign} 120", f"x {before}{sign} 120", f"so x {before}{sign}", f"5{before}{sign}"):
        parse_answer(text)
    if "=" in sign and before != ":":
        assert read_answer(f"5 {before}{sign} 120").reason == "a bound and not a value"
        assert read_answer(f"x {before}{sign} 120").reason == "a bound and not a value"


_LEAVES = st.one_of(st.integers(), st.floats(), st.fractions(), st.decimals(), st.booleans(), st.text())


@given(_LEAVES | st.lists(_LEAVES, max_size=2))
@settings(max_examples=150)
def test_values_never_raise(value: Value) -> None:
    answer_from_value(value)


@pytest.mark.parametrize(
    "text",
    ["9" * 10**6, "1," * 10**6, " " * 10**6, "-" * 10**6, "one " * 10**5, "1/" * 10**6, "3.50at least" * 40, "so " * 200,
     "5 " + "so " * 200, "1.5 a" * 100, "1:1a" * 100],
)  # fmt: skip
def test_long_text_takes_no_time(text: str) -> None:
    assert cpu_seconds(lambda: parse_answer(text)) < 0.05
