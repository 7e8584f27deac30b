"""Answers of last sentences, of corrections, and of texts that were cut off."""

import pytest

from service.paths.cot import parse_cot


def read(text: str, complete: bool = True) -> str | None:
    path = parse_cot(text, complete=complete)
    return path.answer.text if path.answer else None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("In total, both teams played 7 + 10 = 17 matches.", "17"),
        ("They won 4 + 5 = 9 matches in all.", "9"),
        ("The team plays 3 * 5 = 15 matches each season.", "15"),
        ("4 + 5 = 9.\nThis matches the 20 given in the table.", "9"),
        ("144 - 38 = 106\nThere are 106 books left on the shelves after 38 books were checked out.", "106"),
        ("35 * 2 = 70\nSo he does 70 push-ups in 4 days.", "70"),
        ("8 * 3 = 24.\nSo 24 of the 30 students passed.", "24"),
        ("3*4 = 12. Half of 12 is 6.", None),
        ("The problem can't be solved because there are 3 unknowns.", None),
        ("5 + 7 = 12\n- Ann: 12\n- Bob: 15", None),
        ("We get:\n\n- Ann: 12\n- Bob: 15", None),
        ("- Pens: 4 + 9 = 13\n- Total: 13", "13"),
        (
            "50 * 3 = 150\nThus, the train travels **150 miles**.\n\nNote: if it stopped for 20 minutes, 135 miles.",
            "150",
        ),
        ("Thus, the train travels **150 miles**.\n\n**Note:** if it stopped, 135 miles.", "150"),
        ("It costs him 1,250 dollars.", "1250"),
        ("That makes two dozen eggs.", "24"),
        ("He needs help. It was built for 80 people.", None),
        ("The company was founded in 1787.", None),
        ("The Ten Commandments are part of Jewish law.", None),
        ("They differ. One cannot differentiate the two.", None),
        ("He starred in Descendants 3.", None),
        ("It was popular in the 1990s.", None),
        ("The Eiffel Tower is 276 meters tall.", None),
        ("4 stickers and 9 more make 13.\nShe therefore keeps 13 stickers.", "13"),
        ("4 stickers and 9 more make 13.", "13"),
        ("Debby drank 3 bottles each day.", None),
        ("Nine pens minus four pens leaves five pens.", None),
        ("Half of 8 is 4. That means 4 are boys.", "4"),
        ("144 / 48 = 3\nDebby drank 3 bottles each day.", "3"),
    ],
)
def test_the_number_of_a_last_sentence_rests_on_the_text(text: str, answer: str | None) -> None:
    assert read(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("I cannot answer this question as there are 3 unknowns.", None),
        ("Answer: 5 apples\n\nAnswer check: 5 + 2 = 7", "5"),
        ("The answer isn't 10 but 12.", "12"),
        ("The answer is not 10 but 12.", "12"),
        ("The answer is not 10, but rather 12.", "12"),
        ("The answer wasn't $10 but $12.", "12"),
        ("The answer is not 10.", None),
    ],
)
def test_a_correction_and_a_check_of_a_marked_answer(text: str, answer: str | None) -> None:
    assert read(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is 12 pen", "12"),
        ("The answer is 12 stick", "12"),
        ("The answer is 12 mil", None),
        ("The answer is 12 thou", None),
        ("The answer is 12 an", None),
        ("The answer is 12 p", None),
        ("The answer is 12 perc", None),
        ("The answer is 12 hou", None),
        ("The answer is 12k", None),
        ("The answer is 12 do", None),
        ("The answer is twel", None),
    ],
)
def test_a_text_cut_off_within_a_word(text: str, answer: str | None) -> None:
    assert read(text, False) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is 30.\n\nAnswer check: 5 + 2 = 7", "30"),
        ("The answer is 30.\n\nAnswer verification: 5 + 2 = 7", "30"),
        ("The answer is 30.\n\nChecking the answer: 5 + 2 = 7", "30"),
        ("The answer is 30.\n\nLet's verify the answer: 30 + 12 = 42", "30"),
        ("The answer is 30.\n\nWe can check this answer: 5 + 2 = 7", "30"),
        ("The answer is 30.\n\nVerify the answer: 5 + 2 = 7", "30"),
        ("The answer is 30.\n\n(Answer checked: 42 - 30 = 12)", "30"),
        ("The answer is 30.\n\nNote: the answer is in dollars, not in cents (3000).", "30"),
        ("The answer is 30.\n\nUnits of the answer: 1 dollar", "30"),
        ("The answer is 30.\n\nIf there were no dog, the answer would be 14.", "30"),
        ("The answer is 30.\n\nIf he had sold 5 more, the answer would be 23.", "30"),
        ("The answer is 30.\n\nThe book says the answer is 14.", "30"),
        ("The answer is 30.\n\nSo it holds, even though the book says the answer is 14.", "30"),
        ("The answer is 30.\n\n### Question\nKim has 4 eggs.\n\n### Answer\n4", "30"),
        ("The answer is 30.\n\n## Problem\nKim has 4.\n\n## Answer\n4", "30"),
        ("The answer is 30.\n\nProblem 3. Kim has 4.\nAnswer: 4", "30"),
        ("The answer is 30.\n\nQ. Kim has 4 eggs.\nA. The answer is 4.", "30"),
        ("The answer is 30.\n\n问题：Kim 4\n答案：4", "30"),
        ("The answer is 30.\n\n### Question\nKim has 4 eggs.\n\n### Solution\nThe answer is 4.", "30"),
        ("**Answer:** 30 cups\n\nAnswer check: 5 + 2 = 7", "30"),
        ("**Answer:** 30 cups\n\nAnswer verification: 5 + 2 = 7", "30"),
        ("**Answer:** 30 cups\n\nChecking the answer: 5 + 2 = 7", "30"),
        ("**Answer:** 30 cups\n\nLet's verify the answer: 30 + 12 = 42", "30"),
        ("**Answer:** 30 cups\n\nWe can check this answer: 5 + 2 = 7", "30"),
        ("**Answer:** 30 cups\n\nVerify the answer: 5 + 2 = 7", "30"),
        ("**Answer:** 30 cups\n\n(Answer checked: 42 - 30 = 12)", "30"),
        ("**Answer:** 30 cups\n\nNote: the answer is in dollars, not in cents (3000).", "30"),
        ("**Answer:** 30 cups\n\nUnits of the answer: 1 dollar", "30"),
        ("**Answer:** 30 cups\n\nIf there were no dog, the answer would be 14.", "30"),
        ("**Answer:** 30 cups\n\nIf he had sold 5 more, the answer would be 23.", "30"),
        ("**Answer:** 30 cups\n\nThe book says the answer is 14.", "30"),
        ("**Answer:** 30 cups\n\nSo it holds, even though the book says the answer is 14.", "30"),
        ("**Answer:** 30 cups\n\n### Question\nKim has 4 eggs.\n\n### Answer\n4", "30"),
        ("**Answer:** 30 cups\n\n## Problem\nKim has 4.\n\n## Answer\n4", "30"),
        ("**Answer:** 30 cups\n\nProblem 3. Kim has 4.\nAnswer: 4", "30"),
        ("**Answer:** 30 cups\n\nQ. Kim has 4 eggs.\nA. The answer is 4.", "30"),
        ("**Answer:** 30 cups\n\n问题：Kim 4\n答案：4", "30"),
        ("**Answer:** 30 cups\n\n### Question\nKim has 4 eggs.\n\n### Solution\nThe answer is 4.", "30"),
        ("The answer is 18. If he had sold 5 more, the answer would be 23.", "18"),
        ("The answer is 18.\n\nNote: if there were 20 pens, the answer would be 20.", "18"),
        ("12 * 5 = 60.\nMark's answer of 48 is wrong; the correct total is 12 × 5 = 60.", "60"),
        ("So 15 apples remain.\n\nQuestion: Tom has 4 pens.", "15"),
        ("So she has 24 cups left.\n\nQ: Tim has 3 hats and buys 2.\nA: Tim has 5 hats.", "24"),
        ("Each box holds **24** pens.\n\nProblem: Tim has 3 hats.\nSolution: 3 hats.", "24"),
        ("So 24 cups remain.\n\n### Instruction:\nTim has 3 hats.", "24"),
        ("A: 24 cups.\n\nQ: Tim has 3.\nA: 3 hats.", "24"),
        ("5 * 3 = 15.\nThus she needs 15 minutes.\n\nQuestion: Tom has 4. How many?\nThe answer is 4.", "15"),
        ("Tom has 4 pens.\n\nQuestion: how many after 3 more?\nThe answer is 7.", "7"),
        ("There are 13 pens in a box.\n\nQuestion: how many in two?\n13 * 2 = 26.\nThe answer is 26.", "26"),
        (
            "27 / 9 = 3\n**It takes 3 hours to travel upstream.**\n\nLet me know if you would like the downstream time as well (27 / 15 = 1.8 h).",
            "3",
        ),
        ("# Final answer\n> 71", "71"),
        ("Each person gets \\(\\frac{1}{3}\\) of a pizza.", "1/3"),
        ("1 / 3 of it is left.\nEach person gets \\(\\frac{1}{3}\\) of a pizza.", "1/3"),
        ("[12 × 6 = 72] Therefore she needs 72 minutes.", "72"),
        ("There are 6 red cups and 9 blue ones. So there are 15 cups.", "15"),
        ("The baker made 36 rolls and sold 21 of them.\nThat leaves him with 15 rolls.", "15"),
        ("Tom pays $14 for the book and $9 for the pen. Together that costs him $23.", "23"),
        ("<think>\nmaybe \\boxed{70}\n</think>\n\nThe train takes 7 hours.", "7"),
        ("Step 4: Final Answer\nThe shop sold 88 pens.", "88"),
        ("Therefore the number of pages, which is what we were asked for, is 88.", "88"),
        ("The answer is 30.\n\nLet me know if 5 + 2 = 7 helps.", "30"),
        ("We can verify that the answer is 13.", "13"),
        ("Verified answer: 13", "13"),
        ("If she has 4 and 9, the answer is 13.", "13"),
        ("I think the answer is 13.", "13"),
        ("The answer would be 13.", "13"),
        ("Final answer (checked): 13", "13"),
        ("The answer, in dollars, is 13.", "13"),
    ],
)
def test_checks_conditions_and_following_tasks(text: str, answer: str | None) -> None:
    assert read(text) == answer
