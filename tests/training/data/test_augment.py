"""Copies of problems with other numbers."""

from dataclasses import replace
from fractions import Fraction

from service.types import PathKind
from tests.support import training_data
from training.data import derived_programs
from training.data.augment import augment, pairs, run_lines
from training.data.problem import Example


def test_a_copy_of_a_cot_with_its_own_program_is_recomputed() -> None:
    question = "Ann has 3 packs of 24 pens and gives 8 pens away. How many are left?"
    cot = Example("p", PathKind.COT, question, "3 packs * 24 pens = 72 pens. 72 - 8 = 64. The answer is 64")
    pot = Example("p", PathKind.POT, question, derived_programs.program_of(cot.text, question) or "")
    other = replace(pot, text="packs = 3\npens = 24\nans = packs * pens - 8")
    assert pairs([cot, other, pot]) == [(cot, pot)]
    copies = augment(cot, pot, "64", 3, seed=1)
    assert len(copies) == 3
    for copy in copies:
        assert copy.pot.text == derived_programs.program_of(copy.cot.text, copy.cot.question)
        assert run_lines(copy.pot.text) == Fraction(copy.answer)


def test_numbers_are_drawn_anew_in_question_reasoning_and_program() -> None:
    cot, pot = training_data.examples(1)
    copies = augment(cot, pot, "15", 2, seed=1)
    assert len(copies) == 2
    for copy in copies:
        assert copy.cot.question == copy.pot.question != cot.question
        assert run_lines(copy.pot.text) == Fraction(copy.answer)
        assert copy.cot.text.endswith(f"The answer is {copy.answer}")
        assert copy.cot.source == "tiny+numbers"
    assert copies == augment(cot, pot, "15", 2, seed=1)


def test_an_ambiguous_problem_is_not_augmented() -> None:
    cot = Example("p", PathKind.COT, "Ann has 3 pens and 3 cups. How many things?", "3 + 3 = 6. The answer is 6")
    pot = Example("p", PathKind.POT, cot.question, "ans = 3 + 3")
    assert augment(cot, pot, "6", 2, seed=1) == []


def test_a_number_that_the_program_has_twice_may_be_two_numbers() -> None:
    question = "Ann runs up and down 40 stairs. Each stair burns 2 calories. How many does she burn?"
    cot = Example("p", PathKind.COT, question, "40 * 2 = 80 stairs. 80 * 2 = 160. The answer is 160")
    twice = Example("p", PathKind.POT, question, "s1 = 40 * 2\nans = s1 * 2")
    assert augment(cot, twice, "160", 2, seed=1) == []
    once = Example("p", PathKind.POT, question, "ans = 40 * 2")
    assert len(augment(replace(cot, text="40 * 2 = 80. The answer is 80"), once, "80", 2, seed=1)) == 2
