import random
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.paths.answer import Answer, parse_answer
from service.paths.equality import (
    AnswerClass,
    agree,
    are_equal,
    is_written_decimal,
    matches,
    may_be_rounded,
    merge,
    parse_gold,
)
from tests.support.answers import NOTATIONS, written

ANSWERS = st.lists(st.sampled_from([written(text) for text in NOTATIONS]), max_size=12)


@pytest.mark.parametrize(
    "classes",
    [
        ["51 51.0 51.00", "50.9"],
        ["3.33 10/3"],
        ["3.33 3.333 10/3"],
        ["3.33 3.333"],  # without an exact value, a longer decimal is the amount
        ["10/3 3.33", "3.334"],
        ["3.33", "3.331", "3.332"],  # two candidates
        ["3.3", "10/3"],  # one decimal is no rounding
        ["3.00", "2.998"],
        ["3.66", "11/3"],  # truncated
        ["0.12 0.13 1/8"],  # rounded to even, and up
        ["3.35", "3.345 33446/10000"],  # 3.345 is a rounded number, which 3.35 rounds a second time
        ["0.5 0.50 1/2", "0.503"],
        ["28 28%"],
        ["28% 0.28"],
        ["28 28%", "0.28"],
        ["28", "0.28"],
        ["28% 7/25"],
        ["2800% 28", "0.28"],
        ["66.67% 2/3 0.67"],
        ["66.67% 200/3"],
        ["66.67%", "200/3", "2/3"],
        ["350¢ $3.50"],
        ["350 350¢", "3.5 $3.50"],
        ["350¢", "3.5"],
        ["350", "$3.50"],
        ["350¢ $3.50", "3.499"],
        ["333¢ $3.33", "10/3"],  # an exact number of cents
        ["33.33 33.333"],
        ["33.33%", "33.333"],  # the percentage is finer
        ["yes", "no", "1"],
    ],
)
def test_classes(classes: list[str]) -> None:
    answers = {text: written(text) for text in " ".join(classes).split()}
    found = {
        frozenset(text for text, answer in answers.items() if answer in one.stated | one.rounded)
        for one in merge(answers.values())
    }
    assert found == {frozenset(members.split()) for members in classes}


@pytest.mark.parametrize(
    ("stated", "rounded"), [("10/3", "3.33 3.333"), ("28% 0.28", ""), ("3.333", "3.33"), ("2/3", "66.67% 0.67")]
)
def test_stated_and_rounded_answers_of_a_class(stated: str, rounded: str) -> None:
    parts = frozenset(map(written, stated.split())), frozenset(map(written, rounded.split()))
    assert merge([*parts[1], *parts[0]]) == (AnswerClass(*parts),)


@given(ANSWERS, st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_merge_is_a_partition_that_the_order_does_not_change(answers: list[Answer], chance: random.Random) -> None:
    classes = merge(answers)
    members = [answer for found in classes for answer in found.stated | found.rounded]
    assert len(members) == len(set(members)) == len(set(answers))  # equal values are never split
    shuffled = answers * 2
    chance.shuffle(shuffled)
    assert set(merge(shuffled)) == set(classes)


@given(ANSWERS)
@settings(max_examples=300)
def test_only_rounding_and_named_units_join_different_values(answers: list[Answer]) -> None:
    units = {answer: {a.unit for a in answers if a == answer} for answer in answers}
    decimals = {answer: all(is_written_decimal(a) for a in answers if a == answer) for answer in answers}
    for found in merge(answers):
        assert all(decimals[answer] for answer in found.rounded)
        for one, other in combinations(found.stated, 2):
            assert one.value is not None
            assert other.value is not None
            assert {one.value / other.value, other.value / one.value} == {100, Fraction(1, 100)}
            assert units[one] != units[other]
            assert len(units[one]) == len(units[other]) == 1


@given(st.lists(st.builds(Answer, st.just(""), st.fractions(-2, 2), st.integers(0, 4)), max_size=30))
@settings(max_examples=100)
def test_rounded_answers_are_within_half_a_unit_of_the_stated_one(answers: list[Answer]) -> None:
    for found in merge(answers):
        for answer in found.rounded:
            (stated,) = found.stated
            decimals = max(a.decimals for a in answers if a == answer)
            assert answer.value is not None
            assert stated.value is not None
            assert abs(answer.value - stated.value) <= Fraction(1, 2 * 10**decimals)


@pytest.mark.parametrize(
    ("text", "gold", "right"),
    [
        ("51", "51", True),
        ("51.0", "51", True),
        ("50.9", "51", False),
        ("10/3", "3", False),
        ("10/3", "3.33", True),
        ("3.3349", "3.33", True),
        ("3.336", "3.33", False),
        ("3.335", "3.33", True),
        ("50.96", "51.0", False),
        ("51", "51.0", True),
        ("1080", "1,080", True),
        ("-5", "-5", True),
        ("5", "-5", False),
        ("yes", "Yes", True),
        ("yes", "no", False),
        ("B", "B", True),
        ("B", "0.5", False),
        ("5", "", False),
        ("9 a.m.", "9", True),
        ("9 o'clock", "9", True),
        ("9:30 am", "9", False),
        ("9 am", "10", False),
        ("9 am", "9 pm", False),
        ("9", "9 am", False),
        ("6:00 pm", "6", True),
        ("6:00 pm", "18", True),
        ("noon", "12", True),
        ("midnight", "0", True),
        ("9:00", " 9 ", True),
        ("9 am", "21", False),
        ("6:30 pm", "6", False),
        ("9 am", "$9", False),
        ("9 am", "9.5", False),
        ("1:30 pm", "1:30", False),
        ("75 cents", "$75", False),
        ("75 cents", "$0.75", True),
        ("75 cents", "75", True),
        ("5%", "$5", False),
    ],
)
def test_matches(text: str, gold: str, right: bool) -> None:
    answer = parse_answer(text)
    assert answer is not None
    assert matches(answer, gold) is right


@pytest.mark.parametrize(
    ("text", "gold"),
    [("9", "9 (apples)"), ("2.5", "2 (hours); 30 (minutes)"), ("B", "(B)"), ("5", "5 (B)"), ("0.33", "1/3")],
)
def test_gold_labels_of_data_sets(text: str, gold: str) -> None:
    assert matches(written(text), gold)


@pytest.mark.parametrize("gold", ["Ann", "None", "", "3 (boys); 4 (girls)"])
def test_gold_labels_that_cannot_be_read(gold: str) -> None:
    assert parse_gold(gold) is None


@pytest.mark.parametrize(
    ("texts", "equal"),
    [
        (["Ann", " ann."], True),
        (['"New York"', "**new  york**"], True),
        (["Ann", "Ben"], False),
        (["Ann", "5"], False),
        (["5", "5.0", "five"], True),
        (["5", "5.0", "6"], False),
        (["", ""], True),
        (["5 cents", "$5"], False),
        (["5", "5 cents", "$5"], False),
        (["5", "5 cents"], True),
        (["5%", "$5"], False),
        (["0 cents", "$0"], True),
        (["500 cents", "$5", "5.00 dollars"], True),
        (["3 dollars and 50 cents", "350 cents"], True),
        (["333.33 cents", "$3.33"], True),
        (["3.33 cents", "$10/3"], False),
        (["28%", "0.28"], True),
    ],
)
def test_texts_that_are_equal(texts: list[str], equal: bool) -> None:
    assert are_equal(texts) is equal


@given(st.sampled_from(NOTATIONS), st.sampled_from(NOTATIONS))
def test_agreement_is_symmetric_and_that_of_a_gold_answer(one: str, other: str) -> None:
    first, second = written(one), written(other)
    assert agree(first, first)
    assert agree(first, second) == agree(second, first)
    assert may_be_rounded(first, second) == may_be_rounded(second, first)
    if parse_gold(one) == first and parse_gold(other) == second:
        assert agree(first, second) == matches(first, other)


@pytest.mark.parametrize(
    ("one", "other", "doubtful"),
    [
        ("3.3", "10/3", True),
        ("27", "26.67", True),
        ("24", "24.4", True),
        ("24", "24.6", False),
        ("3", "10/3", False),  # over 5 %
        ("1", "1/2", False),
        ("24", "24", False),  # equal
        ("24", "25", False),
        ("0", "0.4", False),
        ("yes", "1", False),
    ],
)
def test_a_rounded_number_may_be_another_one(one: str, other: str, doubtful: bool) -> None:
    assert may_be_rounded(written(one), written(other)) is doubtful
