"""The scripted teacher: right rationales, or wrong ones on request."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.paths.base import FormatV1
from service.paths.cot import parse_cot
from service.paths.equality import matches
from service.types import PathKind
from training.data import loaders
from training.rehearsal import script
from training.rehearsal.endpoint import scripted, serving


def _answer(kind: PathKind, text: str) -> str:
    if kind is PathKind.COT:
        path = parse_cot(text)
        assert path.stated is not None
        return path.stated.text
    names: dict[str, Any] = {}
    exec(text, names)
    return str(names["ans"])


@given(number=st.integers(0, 5000), variant=st.integers(0, 2**31), kind=st.sampled_from(PathKind))
def test_a_scripted_rationale_is_right_unless_it_must_be_wrong(number: int, variant: int, kind: PathKind) -> None:
    question, gold = script.problems(number + 1)[number]
    assert _answer(kind, script.rationale(kind, question, variant=variant)) == gold
    assert _answer(kind, script.rationale(kind, question, variant=variant, wrong=True)) == str(int(gold) + 1)


@pytest.mark.parametrize("gold", ["7", "-2.5", "1,003", "yes", "1/2", "0.50"])
@pytest.mark.parametrize("kind", PathKind)
def test_a_question_of_a_recipe_gets_its_own_answer(kind: PathKind, gold: str) -> None:
    answer = parse_cot(f"The answer is {_answer(kind, script.rationale(kind, 'How many?', gold))}").stated
    assert answer is not None
    assert matches(answer, gold)
    assert _answer(kind, script.rationale(kind, "How many?", gold, wrong=True)) == "-1"


@given(st.text(), st.text())
def test_any_question_and_answer_make_a_rationale(question: str, answer: str) -> None:
    compile(script.rationale(PathKind.POT, question, answer), "program", "exec")
    assert script.rationale(PathKind.COT, question, answer)


def test_scripted_problems_are_a_source() -> None:
    found = loaders.problems("scripted:2")
    assert [(problem.id, problem.answer) for problem in found] == [("scripted/0", "15"), ("scripted/1", "17")]
    assert found[0].question == "Ann has 2 pens and buys 13 more. How many pens does she have?"


def test_the_endpoint_answers_every_style_of_request() -> None:
    question = script.problems(1)[0][0]
    bodies: list[dict[str, Any]] = [
        {"messages": [{"content": "a short Python program"}, {"content": question}], "seed": 3},
        {"messages": [{"content": "step by step"}, {"content": question}], "seed": 5},
        {"prompt": FormatV1().prompt(PathKind.POT, question), "seed": 3},
        {"problem": question, "paths": {"cot": 1, "pot": 0}, "seed": 3},
        {"messages": [{"content": "step by step"}, {"content": "Is it?"}], "seed": 3},
        {"messages": []},
    ]
    with serving(scripted({"Is it?": "yes"})) as url:
        replies = [httpx.post(f"{url}/any", json=body) for body in bodies]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 200, 200, 400]
    found = [json.loads(reply.text) for reply in replies[:-1]]
    assert [reply["choices"][0]["text"] for reply in (*found[:3], found[4])] == [
        "pens = 2\nmore = 13\nans = pens + more",
        "There are 2 pens and buys 13: 2 + 13 = 16. The answer is 16",  # every fifth seed is wrong
        "pens = 2\nmore = 13\nans = pens + more",
        "The answer is yes",
    ]
    assert found[3]["trace"][0]["text"] == "She has 2 pens and buys 13: 2 + 13 = 15. The answer is 15"
