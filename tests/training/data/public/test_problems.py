"""Problems of public sets from their original files."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ConfigurationError
from training.data.problem import Problem
from training.data.public import problems
from training.data.public.columns import number_text, question_key


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _svamp(number: int, body: str, question: str = "How many?", answer: float = 3.0) -> dict[str, Any]:
    return {
        "ID": f"chal-{number}",
        "Body": body,
        "Question": question,
        "Answer": answer,
        "Equation": "3.0",
        "Type": "Sum",
    }


def _rows(splits: problems.Splits) -> dict[str, list[tuple[str, str, str]]]:
    return {split: [(p.id, p.question, p.answer) for p in found] for split, found in splits.items()}


XML = b"""<?xml version="1.0" encoding="UTF-8" ?>
<Machine-Reading-Corpus-File><ProblemSet>
<Problem ID="nluds-0001" Grade="1"><Body>Ann has 3 pens &amp; 6 caps.</Body><Question>How many things?</Question>
<Solution-Type>Addition</Solution-Type><Answer>9 (things)</Answer><Formula>3+6=9</Formula></Problem>
<Problem ID="nluds-0002" Grade="1"><Body>A list.</Body><Question>Which two?</Question>
<Solution-Type>Set</Solution-Type><Answer>3 (boys); 4 (girls)</Answer><Formula>3;4</Formula></Problem>
</ProblemSet></Machine-Reading-Corpus-File>"""


def test_svamp_is_split_by_the_training_questions() -> None:
    rows = [
        _svamp(1, "Ann has 3 pens"),
        _svamp(2, "Ben has  4 pens."),
        _svamp(3, "Cid has 5 pens", "Why so many?", 1.5),
    ]
    train = [
        {"instruction": "Ben has 4 pens. How many?", "output": "3"},
        {"instruction": "cid has 5 pens Why so many?"},
    ]
    found = problems.svamp(_json(rows), _json(train))
    assert _rows(found) == {
        "train": [
            ("svamp/chal-2", "Ben has 4 pens. How many?", "3"),
            ("svamp/chal-3", "Cid has 5 pens. Why so many?", "1.5"),
        ],
        "test": [("svamp/chal-1", "Ann has 3 pens. How many?", "3")],
    }
    assert found["train"][0].extra == {"equation": "3.0", "type": "Sum"}


def test_gsm8k_keeps_its_split_and_its_solutions() -> None:
    lines = [{"question": "How  many?", "answer": f"It is {n}.\n#### {n:,}"} for n in (72, 1003)]
    train = "\n".join(map(json.dumps, lines)).encode()
    found = problems.gsm8k(train, train.splitlines()[1])
    assert _rows(found) == {
        "train": [("gsm8k/train-0", "How many?", "72"), ("gsm8k/train-1", "How many?", "1003")],
        "test": [("gsm8k/test-0", "How many?", "1003")],
    }
    assert found["train"][0].extra == {"solution": "It is 72."}


def test_asdiv_is_read_from_xml_without_answers_of_two_values(caplog: pytest.LogCaptureFixture) -> None:
    found = problems.asdiv(XML)
    assert _rows(found) == {"test": [("asdiv/nluds-0001", "Ann has 3 pens & 6 caps. How many things?", "9")]}
    assert found["test"][0].extra == {"formula": "3+6=9"}
    assert caplog.messages == ["dropped 1 of 2 rows of asdiv: their answers are not one value"]


def test_multiarith_and_strategyqa_keep_their_identifiers() -> None:
    sum_ = {"iIndex": 7, "lEquations": ["X=(3.0+4.0)"], "lSolutions": [7.0], "sQuestion": " Three and  four? "}
    assert problems.multiarith(_json([sum_])) == {"test": [Problem("multiarith/7", "Three and four?", "7")]}
    assert problems.multiarith(_json([sum_]))["test"][0].extra == {"equation": "(3.0+4.0)"}
    row = {"qid": "ab12", "question": "Is it?", "answer": False, "facts": ["A fact."], "decomposition": ["Is #1?"]}
    found = problems.strategyqa(_json([row]), _json([row | {"qid": "cd34", "answer": True}]))
    assert _rows(found) == {
        "train": [("strategyqa/ab12", "Is it?", "no")],
        "dev": [("strategyqa/cd34", "Is it?", "yes")],
    }
    assert found["dev"][0].extra == {"facts": ["A fact."], "decomposition": ["Is #1?"]}


def test_mawps_has_each_question_once_and_none_of_a_test_set() -> None:
    def row(number: int, question: str, answer: str = "8.0") -> dict[str, str]:
        return {"item_id": f"svamp_{number}", "question": question, "answer_cot": "", "answer_value": answer}

    cot = [row(10, "Dan has 5.0 hats . How many ?"), row(3, "Eve has 2 cats . Half ?", "0.8333333333333334")]
    pot = [
        row(3, "Eve has 2 cats . Half ?", "0.8333333333333334"),
        row(11, "dan has 5 hats. how many?"),
        row(4, "ann has 3 pens . how many ?"),
        row(5, "Ann has 3 pens & 6 caps . How many things ?"),
        row(6, "Three and four?"),
        row(12, "Fay has 1.05 m of rope . How much ?", "1.05"),
    ]
    multi = [{"iIndex": 0, "lEquations": ["X=7"], "lSolutions": [7.0], "sQuestion": "Three and four? "}]
    found = problems.mawps(_json(cot), _json(pot), _json([_svamp(1, "Ann has 3 pens")]), XML, _json(multi))
    assert _rows(found) == {
        "train": [
            ("mawps/3", "Eve has 2 cats . Half ?", "0.833333"),
            ("mawps/10", "Dan has 5 hats . How many ?", "8"),
            ("mawps/12", "Fay has 1.05 m of rope . How much ?", "1.05"),
        ]
    }


def test_a_file_with_other_columns_is_refused_by_its_row() -> None:
    with pytest.raises(ConfigurationError, match=r"^row 1 of hf:strategyqa has other columns than expected: KeyError"):
        problems.strategyqa(_json([{"question": "Is it?", "answer": True}, {"question": "Is it?"}]), b"[]")


@given(st.text(st.characters(max_codepoint=0x17F)))
def test_a_question_key_does_not_depend_on_spaces_capitals_and_punctuation(question: str) -> None:
    assert question_key(f" {question.lower()} ?!") == question_key(question)
    assert question_key(question_key(question)) == question_key(question)


@given(st.integers())
def test_whole_numbers_have_one_text(number: int) -> None:
    assert {number_text(f" {number:,} "), number_text(f"{number}.0"), number_text(number)} == {str(number)}
