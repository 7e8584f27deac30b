"""Loaders of public sets."""

from typing import Any

import pytest

from service.errors import ConfigurationError
from training.data import loaders


def test_asdiv_answers_of_several_parts_are_one_value_or_dropped(caplog: pytest.LogCaptureFixture) -> None:
    texts = ["9 (apples)", "2 (hours); 30 (minutes)", "3 (boys); 4 (girls)", "1.5 (kg)", "Ann"]
    rows = [{"body": "Ann has 3 pens.", "question": "How many?", "answer": text} for text in texts]
    found = loaders.rows_to_problems("asdiv", rows)
    assert [(problem.id, problem.answer) for problem in found] == [
        ("asdiv/validation-0", "9"), ("asdiv/validation-1", "2.5"), ("asdiv/validation-3", "1.5"),
    ]  # fmt: skip
    assert caplog.messages == ["dropped 2 of 5 rows of asdiv: their answers are not one value"]


def test_public_sets_are_read_by_their_columns() -> None:
    rows: dict[str, dict[str, Any]] = {
        "svamp": {"Body": "Ann has 3 pens. ", "Question": "How many?", "Answer": 3.0, "Equation": "3.0", "Type": ""},
        "gsm8k": {"question": "How many?", "answer": "3 = <<3=3>>3\n#### 1,003"},
        "asdiv": {"body": "Ann has 3 pens.", "question": "How many?", "answer": "9 (apples)", "formula": "9=9"},
        "strategyqa": {"question": "Is it?", "answer": True},
    }
    answers = {name: loaders.rows_to_problems(name, [row])[0].answer for name, row in rows.items()}
    assert answers == {"svamp": "3", "gsm8k": "1003", "asdiv": "9", "strategyqa": "yes"}
    (numbered,) = loaders.rows_to_problems("svamp", [rows["svamp"] | {"ID": "chal-777", "Body": "Ann has 3 pens"}])
    assert (numbered.id, numbered.question) == ("svamp/chal-777", "Ann has 3 pens. How many?")
    with pytest.raises(ConfigurationError, match="unknown data set"):
        loaders.from_hub("nothing")


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("svamp", {"Body": None, "Question": "How many?", "Answer": 3, "Equation": "3"}),
        ("gsm8k", {"question": "How many?"}),
        ("gsm8k", {"question": "How many?", "answer": 3}),
        ("asdiv", {"body": 5, "question": "How many?", "answer": "9 (apples)"}),
        ("strategyqa", "text"),
    ],
)
def test_a_row_with_other_columns_is_refused_by_its_number(name: str, row: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^row 0 of hf:{name} has other columns than expected: "):
        loaders.rows_to_problems(name, [row])
