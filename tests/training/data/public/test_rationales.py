"""Rationales of public sources."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.types import PathKind
from training.data.problem import Problem
from training.data.public import rationales
from training.data.public.columns import question_key
from training.data.public.origins import Origin
from training.data.public.rationales import Texts

SUM = Problem("svamp/1", "Ann has 3 pens and 6 caps. How many things?", "9")
LARGE = Problem("gsm8k/1", "How far?", "9492")
FACT = Problem("strategyqa/1", "Is it?", "yes")
BY_QUESTION = {question_key(problem.question): problem for problem in (SUM, LARGE, FACT)}


def _eit(*rows: tuple[str, str]) -> list[tuple[str, str]]:
    content = json.dumps([{"instruction": question, "output": output} for question, output in rows]).encode()
    return [(problem.id, text) for problem, text in rationales.eit(content, BY_QUESTION)]


def test_a_cot_is_kept_if_its_reasoning_reaches_the_gold_answer() -> None:
    texts = [
        "Add them:\n  3 + 6 = 9 things. \n The answer is 9",
        "Add them. The answer is 9",  # the last sentence is not the teacher's
        "3 + 6 = 8. The answer is 9",
        "3 + 6 = 9. The answer is 8",
        "3 + 6 = 9. So it is 9",
        "3 + 6 = 9.00 things, so the answer is: 9.",
        "It is 3 + 6 = 9The answer is 9",
        "The answer is 9. The answer is 9",
    ]
    assert _eit(*((SUM.question.upper(), text) for text in texts), ("Another question?", texts[0])) == [
        ("svamp/1", "Add them: 3 + 6 = 9 things. The answer is 9"),
        ("svamp/1", "3 + 6 = 9.00 things, so the answer is 9"),
        ("svamp/1", "It is 3 + 6 = 9 The answer is 9"),
        ("svamp/1", "The answer is 9. The answer is 9"),
    ]
    assert _eit(
        ("How far?", "84 * 113 = 9,492 feet. The answer is 9492"), ("How far?", "12.9492. The answer is 9492")
    ) == [("gsm8k/1", "84 * 113 = 9,492 feet. The answer is 9492")]


def test_a_yes_no_answer_is_put_in_words_and_tags_are_left_out() -> None:
    texts = [
        "<Solution Path> It is so. The answer is True",
        "It is. Therefore, the answer is True.",
        "The answer is False",
    ]
    assert _eit(*(("Is it?", text) for text in texts)) == [
        ("strategyqa/1", "It is so. The answer is yes"),
        ("strategyqa/1", "It is. Therefore, the answer is yes"),
    ]


def test_numbered_steps_get_their_space_and_decimals_stay_whole() -> None:
    glued = "1. Ann has 3.2. She gets 4.5. That is $7.5. Then 9.3. **Add** 9.00.4. So 9.The answer is 9"
    assert _eit((SUM.question, glued)) == [
        ("svamp/1", "1. Ann has 3. 2. She gets 4.5. That is $7.5. Then 9. 3. **Add** 9.00. 4. So 9. The answer is 9")
    ]


@given(st.text(alphabet="1234. :)AThe answer is\n", max_size=200))
def test_any_text_is_read_and_only_spaces_change(text: str) -> None:
    for _, kept in _eit((SUM.question, text)):
        assert kept.split("answer is")[0].replace(" ", "") in "".join(text.split())


def _lines(*rows: dict[str, Any]) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


def test_programs_of_codex_lose_the_prompt() -> None:
    zero_shot = "\nimport math\n\n# Question: Ann?\ndef solver():\n    return 9\nans = solver()"
    passage, question = "Ann has 3 pens and 6 caps", "How many things?"
    content = _lines(
        {"demonstration": "Read the passages."},
        {"question": question, "passage": passage, "generated": ["ans = 3 + 6\n"]},
        {"question": SUM.question, "generated": zero_shot},
        {"question": "Another question?", "passage": "", "generated": "ans = 1"},
    )
    assert [(problem.id, text) for problem, text in rationales.codex(content, BY_QUESTION)] == [
        ("svamp/1", "ans = 3 + 6"),
        ("svamp/1", "def solver():\n    return 9\nans = solver()"),
    ]


def test_texts_of_gpt35_get_the_answer_line_of_the_prompt_format() -> None:
    ends = [
        "\n\nTherefore, the answer is <9.0>.",
        "\nTherefore, the answer is <1,009>.",
        " See above. The answer is <9>.",
    ]
    content = json.dumps([{"question": SUM.question, "answer_cot": f"Add 3.0\nand 6.{end}"} for end in ends]).encode()
    assert [text for _, text in rationales.gpt35_cot(content, BY_QUESTION)] == [
        "Add 3 and 6. The answer is 9",
        "Add 3 and 6. The answer is 1009",
    ]
    program = "def solution():\n    return 3.0 + 6.05\n"
    rows = [{"question": SUM.question, "answer_cot": program}, {"question": "Another?", "answer_cot": program}]
    assert [text for _, text in rationales.gpt35_pot(json.dumps(rows).encode(), BY_QUESTION)] == [
        "def solution():\n    return 3 + 6.05"
    ]


def test_a_file_gives_rationales_of_its_teacher_and_kind() -> None:
    texts = Texts(Origin("a/b", "c", "d"), rationales.codex, "codex", PathKind.POT, 1, {"style": "few-shot"})
    (found,) = texts.rationales(_lines({"question": SUM.question, "generated": "ans = 9"}), BY_QUESTION)
    assert found.row() == {"id": "svamp/1", "kind": "pot", "teacher": "codex", "text": "ans = 9", "style": "few-shot"}
