"""Work limits of the readers, under texts that make them calculate."""

import random
import time
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.paths.answer import Reading, parse_answer, read_answer
from service.paths.calculator.steps import read_steps
from service.paths.cot import parse_cot, rationale_of
from service.paths.equality import are_equal
from service.paths.pot import extract_program
from service.paths.program.fences import split_blocks
from service.paths.response import read_response
from service.paths.thinking import split_thinking
from service.paths.work import READING, TOO_MUCH_WORK, WorkLimitError, attempt, limited, spend
from service.solve.grading import grade_by_expected

CHARS = 16_000  # of 4,096 tokens
_CHAIN = "2 - 2 = 3. 12 - 50 = 25. 5 / 8 = 9. 12 / 7 - 1 = 1 / 3 = 5 = 10. 3 * 1 - 50 = 2 / 8 = 2 = 7.\n"
_PRODUCT = "*".join(f"1.{decimals}" for decimals in range(111, 151)) + "=5\n"
_MANY_FALSE = _CHAIN + _PRODUCT * 60


def test_a_limit_ends_a_reading() -> None:
    with limited(10):
        spend(10)
        with pytest.raises(WorkLimitError):
            spend(1)
    spend(10**9)


def test_an_outer_limit_applies_within_a_larger_one() -> None:
    with limited(10):
        with pytest.raises(WorkLimitError), limited(100):
            spend(11)
        with pytest.raises(WorkLimitError):
            spend(1)


def test_the_work_of_an_inner_limit_counts() -> None:
    with limited(10):
        with limited(6):
            spend(6)
        spend(4)
        with pytest.raises(WorkLimitError):
            spend(1)


def test_an_attempt_that_needs_too_much_has_no_result() -> None:
    assert attempt(partial(read_answer, "5 apples"), 1_000) == (Reading(parse_answer("5")),)
    assert attempt(partial(read_answer, "5 apples"), 10) is None


def test_a_rationale_of_too_much_work_votes_as_it_states() -> None:
    path = parse_cot(_MANY_FALSE + "The answer is 13.", complete=True)
    assert (path.answer, path.stated, path.repaired) == (parse_answer("13"), parse_answer("13"), False)
    assert path.text == _MANY_FALSE + "The answer is 13."


def test_a_long_rationale_is_repaired() -> None:
    work = "She counts the apples of each box twice and writes the number down.\n" * 60
    path = parse_cot(f"{work}So 697 girls - 228 = 516 are left. The answer is 516.", complete=True)
    assert (path.answer, path.repaired) == (parse_answer("469"), True)


def test_a_phrase_of_too_much_work_has_no_answer() -> None:
    assert read_answer("so 3:30 3:4 mod 7 " * 30) == Reading(None, TOO_MUCH_WORK)
    assert parse_cot("The answer is 7.\nThe answer is " + "so 3:30 3:4 mod 7 " * 22).answer is None


def test_a_response_of_too_much_work_has_no_answer() -> None:
    reading = read_response("because 7 + 5 = 12. " * 700 + "So 24.")
    assert (reading.answers, reading.reason) == ((), TOO_MUCH_WORK)


def test_a_response_of_too_many_numbers_is_undecided() -> None:
    grade = grade_by_expected("-3 apples\n" * 1_000 + "The answer is 25.", "24")
    assert (grade.verdict, grade.given) == ("undecided", parse_answer("25"))
    assert grade.reason == "The response has too many numbers to compare."


def test_the_first_steps_of_a_response_of_too_much_work() -> None:
    steps = read_steps("12 + 3 = 16. " * 100)
    assert 0 < len(steps) < 100
    assert {step.should_be for step in steps} == {"15"}


_PIECES = [
    *(
        "1",
        "12",
        "1.5",
        "1,000",
        "3/4",
        "50%",
        "$5",
        "-3",
        "½",
        "3:30",
        "1.111*1.112=5\n",
        "12 + 3 = 16\n",
        _CHAIN,
        _PRODUCT,
    ),
    *(" ", "\n", ". ", ", ", "=", " = ", "+", " + ", "*", "/", "(", ")", "{", "}", "$", "\\(", "\\", "\\frac{", "{,}"),
    *(
        "The answer is ",
        "answer ",
        "#### ",
        "\\boxed{",
        "so ",
        "is ",
        "of ",
        "not ",
        "but ",
        "say ",
        "first ",
        "twenty ",
    ),
    *(
        "apples ",
        "hours ",
        "mod 7 ",
        "half ",
        "each ",
        "s = ",
        "20% of 50 = 11. ",
        "2 hours + 30 minutes = 151 minutes. ",
    ),
    *(
        "```\n",
        "```python\n",
        "x=1\n",
        "no\n",
        "no, ",
        "1;",
        "def f():\n",
        "'",
        "<think>",
        "<|",
        "[",
        "Question: ",
        "\nQ: ",
    ),
    *("because 7 + 5 = 12. ", "3 apples + 4 pears = 8 fruits. ", "ans ", "∴", "1 and ", "A:\n", "[\n\n", "say but "),
]
_READERS: dict[str, Callable[[str], object]] = {
    "cot": partial(parse_cot, complete=True),
    "cot, cut off": partial(parse_cot, complete=False),
    "pot": extract_program,
    "response": read_response,
    "steps": read_steps,
    "rationale": rationale_of,
    "thinking": split_thinking,
    "fences": split_blocks,
    "equality": lambda text: are_equal([text, text[::-1]]),
}


def _hostile(pieces: list[str], chars: int = CHARS) -> str:
    period = "".join(pieces)
    return (period * (chars // len(period) + 1))[:chars]


@given(st.lists(st.sampled_from(_PIECES), min_size=1, max_size=5))
@settings(max_examples=30)
def test_the_counted_work_of_any_text_is_bounded(pieces: list[str]) -> None:
    text = _hostile(pieces)
    for reader in (_READERS["cot"], read_response, read_steps, extract_program, rationale_of):
        assert attempt(partial(reader, text), 2 * READING) is not None


# 20 ms on a quiet machine. Other processes share the caches of the machine that runs the tests.
_LIMIT_S = 0.04


@pytest.mark.slow
@pytest.mark.parametrize("name", _READERS)
def test_the_worst_text_takes_little_time(name: str) -> None:
    chance = random.Random(name)
    texts = [_hostile([piece]) for piece in _PIECES]
    texts += [_hostile(chance.sample(_PIECES, 3)) for _ in range(100)]
    assert max(_seconds(_READERS[name], text) for text in texts) < _LIMIT_S


def _seconds(reader: Callable[[str], object], text: str) -> float:
    """Least processor time of several readings, of more if it is long."""
    least = 1.0
    for _ in range(4):
        start = time.process_time()
        reader(text)
        least = min(least, time.process_time() - start)
        if least < _LIMIT_S / 2:
            break
    return least
