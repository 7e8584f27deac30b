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
