"""Printed text: the phrase that begins with the result."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.sandbox.printed import printed_result, states_result


@pytest.mark.parametrize(
    ("output", "result"),
    [
        ("", None),
        ("\n  \n", None),
        ("7", "7"),
        ("7\n\n", "7"),
        ("3\n7", "7"),
        ("Total: 7\nDone.", "7"),
        ("Total: 7\nStep 3 done.", "7"),
        ("Answer: 7\nCheck: 7 - 4 = 3", "7"),
        ("Done.", "Done."),
        ("Total: 7\nYes", "Yes"),
        ("Total: 7\nVerification: True", "7"),
        ("Total: 7\nAnswer check: True", "7"),
        ("Verification: True", "Verification: True"),
        ("Total cost – $15", "$15"),
        ("Change: -$5.50", "-$5.50"),
        ("Change: $-5.50", "$-5.50"),
        ("The change is minus 5", "minus 5"),
        ("$1,234.50", "$1,234.50"),
        ("50% of them", "50% of them"),
        ("It is 3 1/2 hours", "3 1/2 hours"),
        ("3:30", "3:30"),
        ("1e-05", "1e-05"),
        ("[7]", "7]"),
        ("The 3rd value is 12", "12"),
        ("Step 3: 7 pens", "7 pens"),
        # one of several numbers
        ("In 2 weeks there are 14 days", "14 days"),
        ("She has 14 days in 2 weeks", "14 days in"),
        ("You need 4 buses for 150 students.", "4 buses for"),
        ("He needs 7 boxes to pack 28 apples", "7 boxes to pack"),
        ("7 of 28 pens are left", "7 of"),
        ("5 pens cost $10", "$10"),
        ("Each of the 3 friends gets 5 apples.", "5 apples."),
        ("5 boxes with 6 eggs each hold 30 eggs", "30 eggs"),
        ("The sum of 5 and 7 is 12", "12"),
        ("20% of 50 is 10", "10"),
        ("Mary earns $15 per hour, so in 8 hours she earns $120", "$120"),
        ("Cost per pen: $2.50 for 4 pens", "$2.50 for"),
        ("3 + 4 = 7", "7"),
        ("Total = 3 + 4 = 7 pens", "7 pens"),
        ("The answer is 18 (x = 9)", "18"),
        ("Final: 7 (rounded from 6.8)", "7"),
        ("It takes 2 hours and 30 minutes for 5 people", "2 hours and 30 minutes for"),
        ("It costs 18 dollars and 50 cents", "18 dollars and 50 cents"),
        # several results
        ("5 7", ["5", "7"]),
        ("[5, 7]", ["5", "7"]),
        ("5 pens and 7 pencils", ["5", "7"]),
        ("x = 5, y = 7", ["5", "7"]),
        ("x = 5 y = 7", ["5", "7"]),
        ("Ann: 5, Bob: 7", ["5", "7"]),
        ("Ann has 5 pens and Bob has 7 pens", ["5", "7"]),
        ("between 5 and 7", ["5", "7"]),
        ("from 5 to 7", ["5", "7"]),
        ("In 2 weeks for 3 people", ["2", "3"]),
    ],
)
def test_results_of_printed_text(output: str, result: str | list[str] | None) -> None:
    assert printed_result(output) == result


@pytest.mark.parametrize(
    ("output", "expected"), [("Step 3", False), ("Done", False), ("", False), ("7", True), ("No.", True), ("x2", False)]
)
def test_text_that_states_a_result(output: str, expected: bool) -> None:
    assert states_result(output) is expected


@given(st.text() | st.text("0123456789 .,:=-$%/()\n answer isxandfor"))
def test_never_raises(output: str) -> None:
    result = printed_result(output)
    assert (result is None) == (not output.strip())


@pytest.mark.parametrize(
    "piece", ["5 ", "= 5 ", "answer is 5 ", "(5) ", "5 hours and ", "$-", "1,", "x = 5 y", "5\n", "("]
)
def test_work_is_bounded(piece: str) -> None:
    output = piece * (16_000 // len(piece))
    start = time.process_time()
    printed_result(output)
    assert time.process_time() - start < 0.5
