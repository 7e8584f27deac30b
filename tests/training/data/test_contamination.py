"""The contamination check."""

from training.data.contamination import Contamination, contamination


def test_leaks_by_text_numbers_and_words() -> None:
    train = ["Ann has 3 red pens and 4 blue pens. How many pens?", "A train goes 60 miles."]
    asked = [
        "ann has 3 red pens and 4 blue pens.  How many pens?",
        "Ann has 5 red pens and 9 blue pens. How many pens?",
        "Ann has 5 red pens and 9 blue pens. How many pens now?",
        "What is the capital of France?",
    ]
    assert contamination(train, asked) == Contamination(4, 1, 2, 3)
