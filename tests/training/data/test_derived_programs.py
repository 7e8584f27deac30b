"""Programs derived from annotations, equations and reasoning."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.types import PathKind
from tests.support.data import DATA
from training.data import derived_programs
from training.data.augment import run_lines
from training.data.problem import Problem, Rationale, read_problems, read_rationales


def test_annotations_become_a_linked_program() -> None:
    solution = "100 / 2 = <<100/2=50>>50. 15 * 2 = <<15*2=30>>30. 100 - 50 - 30 - 15 = <<100-50-30-15=5>>5"
    made = derived_programs.from_annotations(Problem("p", "?", "5", {"solution": solution}))
    assert made == Rationale("p", PathKind.POT, "annotation", "s1 = 100 / 2\ns2 = 15 * 2\nans = 100 - s1 - s2 - 15")


@pytest.mark.parametrize(
    ("solution", "answer"),
    [("<<1/0=0>>", "0"), ("<<2+2=4>>", "5"), ("", "1"), ("<<2+x=4>>", "4"), ("<<__import__('os')=1>>", "1")],
)
def test_what_does_not_give_gold_makes_no_program(solution: str, answer: str) -> None:
    assert derived_programs.from_annotations(Problem("p", "?", answer, {"solution": solution})) is None


def test_an_equation_becomes_one_line() -> None:
    made = derived_programs.from_equation(Problem("p", "?", "17", {"equation": "( 26.0 - 9.0 )"}))
    assert made is not None
    assert made.text == "ans = 26 - 9"
    assert made.teacher == "equation"


def test_a_cot_becomes_a_program_with_its_words_as_comments() -> None:
    problem = Problem("p", "Ann has 2 packs of 24 pens. She gives 8 pens away. How many are left?", "40")
    text = "First, 2 packs * 24 pens = 48 pens. Then we subtract what she gave away: 48 - 8 = 40. The answer is 40"
    made = derived_programs.from_reasoning(problem, Rationale("p", PathKind.COT, "t", text))
    assert made is not None
    assert made.teacher == "reasoning"
    assert made.text == (
        "# First, 2 packs * 24 pens\npens = 2 * 24\n# Then we subtract what she gave away\nans = pens - 8"
    )
    assert run_lines(made.text) == 40


def test_a_result_that_the_question_gives_too_is_not_linked() -> None:
    problem = Problem("p", "Ann has 4 pens and 4 more. She loses 8. How many are left?", "0")
    made = derived_programs.program_of("4 + 4 = 8. 8 - 8 = 0. The answer is 0", problem.question)
    assert made == "s1 = 4 + 4\nans = 8 - 8"


@pytest.mark.parametrize(
    "text",
    [
        "3 + 4 = 8. The answer is 8",
        "3 + 4 = 7. The answer is 8",
        "x + 3 = 7, so x = 4. The answer is 4",
        "There are seven. The answer is 7",
        "3 + 4 = 7",
    ],
)
def test_a_cot_that_is_not_plain_arithmetic_makes_no_program(text: str) -> None:
    assert derived_programs.program_of(text, "What is 3 plus 4?") is None


def test_derived_programs_of_the_public_sets() -> None:
    gsm8k, svamp = (read_problems(DATA / f"{name}_train.jsonl") for name in ("gsm8k", "svamp"))
    assert sum(derived_programs.from_annotations(problem) is not None for problem in gsm8k) == 48
    assert sum(derived_programs.from_equation(problem) is not None for problem in svamp) == 50
    for name, problems in (("gsm8k", gsm8k), ("svamp", svamp)):
        known = {problem.id: problem for problem in problems}
        cots = read_rationales(DATA / f"{name}_teacher_cot.jsonl")
        assert sum(derived_programs.from_reasoning(known[cot.id], cot) is not None for cot in cots) == 39


LONG = "9" * 5000
NESTED = "(" * 40_000 + "5" + ")" * 40_000


@pytest.mark.parametrize(
    ("answer", "columns"),
    [
        ("1e80000000", {"equation": "5", "solution": "<<2+3=5>>"}),
        ("-1e-80000000", {"equation": "5", "solution": "<<2+3=5>>"}),
        ("5", {"equation": NESTED, "solution": f"<<{NESTED}=5>>"}),
        ("5", {"equation": "5+" + LONG, "solution": f"<<{LONG}+1=5>> <<2+3=5>>"}),
        ("2", {"equation": f"1.{'0' * 9999}+1", "solution": f"<<1.{'0' * 9999}+1=2>>"}),
        ("5", {"equation": "0x" + "f" * 900 + "+5", "solution": "<<0x" + "f" * 900 + "+5=5>>"}),
        ("5", {"equation": None, "solution": None}),
        ("5", {"equation": 5, "solution": ["<<2+3=5>>"]}),
        ("5", {"equation": "-" * 900 + "5", "solution": "<<" + "1*" * 200 + "5=5>>"}),
    ],
)
def test_odd_columns_make_no_program_or_a_right_one_in_time(answer: str, columns: dict[str, object]) -> None:
    problem = Problem("p", "Why?", answer, columns)
    started = time.monotonic()
    made = [derived_programs.from_equation(problem), derived_programs.from_annotations(problem)]
    assert time.monotonic() - started < 1  # milliseconds on a quiet machine
    for program in made:
        assert program is None or run_lines(program.text) == 5


@pytest.mark.parametrize(
    ("text", "question", "program"),
    [
        ("3 + 4 = 7. The answer is 7", f"What is {LONG} plus 3?", "ans = 3 + 4"),
        (f"{LONG} + 4 = {LONG}. The answer is 7", "Why?", None),
        (f"{'9' * 500}.5 + 4 = 7. The answer is 7", "Why?", None),
    ],
)
def test_numbers_of_thousands_of_digits_are_no_part_of_a_program(text: str, question: str, program: str | None) -> None:
    assert derived_programs.program_of(text, question) == program


def test_a_program_that_grows_without_end_has_no_exact_answer() -> None:
    assert run_lines("a = 99\n" + "a = a * a\n" * 60 + "ans = a - a + 5") is None


@given(
    st.text(alphabet="0123456789.,+-*/()<>= e%x_", max_size=80), st.text(alphabet="0123456789.,e-/% ()", max_size=20)
)
def test_any_column_and_gold_answer_is_read(text: str, answer: str) -> None:
    problem = Problem("p", text, answer, {"equation": text, "solution": f"<<{text}"})
    derived_programs.from_equation(problem)
    derived_programs.from_annotations(problem)
    derived_programs.from_reasoning(problem, Rationale("p", PathKind.COT, "t", text))
