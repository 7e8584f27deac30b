"""Loaders of public sets."""

from typing import Any

import pytest

from service.errors import ConfigurationError
from training.data import loaders


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
