r"""Reader of responses: what people write into the field of an answer."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.paths.cot import MAX_RATIONALE_CHARS
from service.paths.response import read_response

SAME = [
    "26", "26.", "26,", " 26 ", "26!", "26?", "26.0", "26.00", "26/1", "52/2", "+26", "(26)", "[26]", "{26}", '"26"', "**26**",
    "~26", "≈ 26", "about 26", "maybe 26", "26 ✓", "26 :)", "26 I think", "26x", "２６", "twenty-six", "Twenty six marbles",
    "26 marbles", "26marbles", "$26", "$26.00", "26 $", "€26", "26 €", "Rs. 26", "26 cm²", "26 cm^2", "26 m/s", "26°",
    "= 26", "x = 26", "x=26", "26 = x", "=> 26", "→ 26", r"\boxed{26}", r"$26$", r"\(26\)", r"\frac{52}{2}",
    "answer 26", "Answer: 26 pastries", "Ans: 26", "Ans = 26", "The answer is 26.", "the answer is twenty-six", "26 is the answer",
    "Total: 26", "Result = 26", "Difference: 26", "So 26", "Therefore, 26.", "I got 26", "I think it's 26", "I don't know, maybe 26",
    "She has 26 left", "26 more pastries than cakes", "He sold 26 more pastries than cakes.", "The difference is 26 pastries.",
    "There are 26 marbles in 2 bags", "92 - 68 = 26", "92-68=26", "92 - 68 = 26, so 26 more pastries", "92-68 → 26",
    "92 - 68 -> 26", "92 minus 68 is 26", "92 minus 68 equals 26 pastries", "92 take away 68 = 26", "I did 92 - 68 and got 26",
    "I did 92 take away 68 which gives 26", "First I subtracted 68 from 92 and got 26.", "13 * 2 = 26 so each has 26",
    "each gets 13 so together 26", "2 bags with 13 marbles is 26 marbles", "2/3 of 39 = 26", "26 (92 - 68)",
    "26 because 92 - 68 = 26", "26 since he sold 92 and 68", "it's not 24 it's 26", "54 cakes, 143 pastries, 92 - 68 = 26",
    "My answer is 26 pastries because 92 take away 68 is 26", "$92 - 68 = 26$", r"\[92 - 68 = \boxed{26}\]",
    "92 - 68 = 26\n26", "92\n-68\n----\n26", "92\n- 68\n= 26", "1) 92 - 68 = 26\n2) 26", "26 pastries\n(92-68)", "24\nno 26",
    "He sold 92 pastries and 68 cakes.\n\n26", "Total cakes: 68\nTotal pastries: 92\nDifference: 26",
    "92 - 68 = 24\nAnswer: 26", "He sold 92.\nHe sold 68.\n92 - 68 = 26\nSo the answer is 26",
    "92 - 68 = 26.\nHe sold 26 more pastries. That's my answer!", "He had 14 - 5 = 9. Then 9 + 17 = 26. The answer is 26",
    "Step 1: 92 - 68 = 26\nStep 2: check 26 + 68 = 94", "<think>92 - 68... maybe 24</think>26",
    "<think>The answer is 24.</think>\nHe sold 26 more. The answer is 26.",
]  # fmt: skip


def answers(text: str) -> list[str]:
    return [answer.text for answer in read_response(text).answers]


def test_one_answer_has_many_forms() -> None:
    assert {text: answers(text) for text in SAME} == {text: ["26"] for text in SAME}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("1/2", "0.5"), ("½", "0.5"), (".5", "0.5"), ("0,5", "0.5"), (r"$\frac{1}{2}$", "0.5"), ("two thirds", "2/3"), ("10/3", "10/3"),
        ("50 %", "50"), ("50%", "50"), ("fifty percent", "50"), ("2 hours 30 minutes", "2.5"), ("2h 30min", "2.5"), ("2 1/2", "2.5"),
        ("five and a half", "5.5"), ("1,026 km", "1026"), ("1 026", "1026"), ("$1,234.50", "1234.5"), ("1e3", "1000"),
        ("a dozen", "12"), ("3 dozen eggs", "36"), ("zero", "0"), ("one", "1"), ("-26", "-26"), ("−26", "-26"), ("minus 26", "-26"),
        ("26 dollars and 50 cents", "26.5"), ("9:00", "9:00"), ("half past three", "3:30"), ("at 5 pm", "5:00 pm"),
        ("yes", "yes"), ("Yes, she can", "yes"), ("yes because 26 is more than 24", "yes"), ("No", "no"), ("true", "yes"),
        ("B", "B"), ("b)", "B"), ("c", "C"), ("(B)", "B"), ("Option B", "B"), ("The answer is B", "B"), ("on Saturday", "Saturday"),
        # Never repaired.
        ("92 - 68 = 30", "30"), ("92 - 68 = 30. So 30 are left.", "30"), ("3 * 4 = 13, so the answer is 13", "13"),
    ],
)  # fmt: skip
def test_other_answers(text: str, answer: str) -> None:
    assert [found.text for found in read_response(text).answers] == [answer]


@pytest.mark.parametrize(
    ("text", "answers"),
    [("B. 26", ["26", "B"]), ("C) 26", ["26", "C"]), ("A: 26", ["26", "A"]), ("No, she needs 4 more", ["4", "no"])],
)
def test_an_answer_can_be_of_two_kinds(text: str, answers: list[str]) -> None:
    assert [answer.text for answer in read_response(text).answers] == answers


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is blank"), (" \n ", "it is blank"), ("<think>92 - 68 = 24. The answer is 24", "the thought does not end"),
        *((text, "no number") for text in ("I don't know", "?", "dunno", "idk", "no idea", "n/a", "-", "skip", "none")),
        *((text, "several values") for text in (
            "26 or 27", "26, 27", "26 27", "between 26 and 27", "It is either 26 or 24", "24, no wait, 26", "24 no 26",
            "92 - 68 = 26. wait it's 24", "Answer: 26\nActually 24", "3 remainder 2", "x = 3 or x = 7", "x=7, y=3",
            "3 apples and 4 oranges", "Tom has 5 and Ann has 7", "24 is what is left of 92", "24.5 rounded to 25", "2 h 30",
            "1. 92 pastries\n2. 68 cakes\n3. 24")),
        *((text, "a bound and not a value") for text in ("less than 24", "at least 24", "over 24", "24+")),
        *((text, "an expression that is not a number") for text in ("92-68", "2*12", "3 R 2", "24-26")),
        ("not 26", "a value that the text denies"),
    ],
)  # fmt: skip
def test_a_doubtful_response_has_no_answer(text: str, reason: str) -> None:
    reading = read_response(text)
    assert (reading.answers, reading.reason) == ((), reason)


@given(st.text(st.characters(codec=None)), st.text("0123456789+-*/=()., %$≈?\\{}\n", max_size=60))
@settings(max_examples=300)
def test_any_text_has_answers_or_a_reason(words: str, equations: str) -> None:
    for text in (words, equations, f"{words} {equations}", f"{equations}\n{words}"):
        reading = read_response(text)
        assert bool(reading.answers) != bool(reading.reason)


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        "3 or ",
        "so 3 = ",
        "answer is 3. ",
        "1+1=3 ",
        r"\( 1+1=3 \)",
        "is 3 ",
        "twenty ",
        "3",
        "½",
        "\n",
        " ",
        "{",
        "=",
        "<think>",
        "Q 1:\n",
    ],
)
def test_work_grows_with_the_length_only(piece: str) -> None:
    half, whole = (
        _seconds(piece * (length // len(piece))) for length in (MAX_RATIONALE_CHARS // 2, MAX_RATIONALE_CHARS)
    )
    assert whole < 3 * max(half, 0.05)


def _seconds(text: str) -> float:
    """Least processor time of three readings."""
    times = []
    for _ in range(3):
        start = time.process_time()
        read_response(text)
        times.append(time.process_time() - start)
    return min(times)
