r"""Answers that real models state in many forms, read by `parse_cot`."""

import time

import pytest

from service.paths.cot import MAX_RATIONALE_CHARS, MAX_TEXT_CHARS, parse_cot


def read(text: str, complete: bool | None = True) -> str | None:
    path = parse_cot(text, complete=complete)
    assert bool(path.detail) is (path.answer is None)
    return path.answer.text if path.answer else None


@pytest.mark.parametrize(
    "text",
    [
        "Therefore, the answer (arabic numerals) is 13",
        "The answer to the question is 13 stickers.",
        "The answer, in stickers, is 13.",
        'The answer to "how many stickers" is 13.',
        "The answer is therefore 13",
        "The answer must be 13.",
        "The answer would be 13.",
        "The answer comes out to 13.",
        "The answer is as follows: 13",
        "The answer is:\n13",
        "The answer is \\(13\\).",
        'The answer is "13".',
        "The answer → 13",
        "The answers is 13.",
        "I'd say the answer is 13.",
        "We can now answer: 13 stickers.",
        "We get the answer of 13.",
        "So 13 is the answer.",
        "4 + 9 = 13, which is our final answer.",
        "I get 13 as the answer.",
        "Answer 13",
        "Answer = 13",
        "Answer - 13",
        "Answer (in dollars): $13",
        "Answer: [13]",
        "Ans: 13",
        "FINAL ANSWER: 13",
        "✅ Final Answer: **13**",
        "**Answer: 13 stickers**",
        "***Final answer*: 13***",
        "Final answer: **13 stickers**\n\nLet me know if you need more help!",
        "Q: How many?\nA: 13",
        "The required number of stickers is 13.",
        "The correct total is 13.",
        "4 + 9 = 13. The result is 13 for 2 girls.",
        "Result: 13",
        "∴ 13",
    ],
)
def test_markers_in_a_line(text: str) -> None:
    assert read(text) == "13"
    assert read(text, None) == "13"


@pytest.mark.parametrize(
    "text",
    [
        "**Answer**\n13",
        "**Final Answer**\n\n13 stickers",
        "## Answer\n\n13 stickers",
        "### Final Answer\n\n**13**",
        "Final Answer\n------------\n13",
        "Final Answer:\n```\n13\n```",
        "The answer is: \n\\[\n13\n\\]",
        "The answer is:\n$$\n13\n$$",
        "So the final answer is:\n\n\\[\n\\boxed{13}\n\\]",
        "## Answer\nShe had 4 stickers and found 9 more.\nSo she has 13.",
        "**Answer:**\n\nShe had 4 stickers and found 9. She has **13** stickers.",
        "| Step | Value |\n|---|---|\n| Answer | 13 |",
        "| Answer |\n|---|\n| 13 |",
        "| Item | Answer |\n|---|---|\n| pens | 13 |",
    ],
)
def test_headings_and_tables(text: str) -> None:
    assert read(text) == "13"


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{13}",
        "\\boxed 13",
        "So \\fbox{13}.",
        "\\boxed{\\boxed{13}}",
        "\\boxed{\\text{13}}",
        "The answer is \\boxed{13} (4 + 9).",
        "<|begin_of_box|>13<|end_of_box|>",
        "<answer>13</answer>",
        "<answer>\n\\boxed{13}\n</answer>",
        "<answer>4 + 9 = 13</answer>",
        "<final_answer>13</final_answer>",
        '{"reasoning": "4 + 9", "answer": 13}',
        '{"answer": "13", "steps": 2}',
        '{"answer": 13, "steps": 2}',
        "#### 13",
        "####13",
        "#### $13",
        "#### **13**",
        "#### 13\n\n#### Explanation\n4 + 9 is the sum.",
        "So \\boxed{13}, that is, the answer is 4 + 9.",
    ],
)
def test_boxes_tags_and_signs(text: str) -> None:
    assert read(text) == "13"


@pytest.mark.parametrize(
    "text",
    [
        "答案：13", "答案是13。", "所以，最终答案为：**13**。", "答え：13", "答えは13個です。", "정답: 13", "정답은 13입니다.",
        "Antwort: 13", "Die Antwort ist 13.", "Die Antwort lautet: 13", "Respuesta: 13", "La respuesta final es 13.",
        "Réponse : 13", "La réponse est 13.", "A resposta é 13.", "Ответ: 13", "Đáp số: 13 cái", "คำตอบคือ 13", "उत्तर: 13",
    ],
)  # fmt: skip
def test_other_languages(text: str) -> None:
    assert read(text) == "13"


@pytest.mark.parametrize(
    "text",
    [
        "The answer is 9. But 4 more: the answer is 13.",
        "The answer is 13. I hope this answer is clear.",
        "The answer is 13. The answer is correct.",
        "The answer is 13. I am sure the answer is right, since 13 - 9 = 4.",
        "The answer is 13. Is the answer 9?",
        "Is the answer 9? No. It is 13.",
        "Maybe the answer is 9? No, 4 were added. She has 13.",
        "Maybe the answer is 9. No, she has 13.",
        "Suppose the answer is 9.\nThen 4 are missing.\nShe has 13 stickers.",
        "If the answer is 9, then 4 are missing. So she has 13.",
        "If we add them, the answer is 13.",
        "The answer is 9. No, that's wrong. She has 13 stickers.",
        "The answer is not 9.\nShe has 13 stickers.",
        "The answer can't be 9.\nShe has 13 stickers.",
        "The answer is 13. I did not use \\boxed{}.",
        "I am to use \\boxed{}. The answer is 13",
        "Each correct answer is worth 5 points.\nHe gets 13 points.",
        "The answer is: 13\nTherefore, the answer is <number>.",
        "#### Step 1: pens\n3 * 4 = 12\n#### 2. The book\nIn all it costs 13 dollars.",
        "To answer the question, we need to find how many there are: She has 13.",
        "Multiply 2 and 3. The result is 6. Then more come, so she has 13.",
    ],
)
def test_the_last_valid_marker_counts(text: str) -> None:
    assert read(text) == "13"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("The answer is not 5.", "no answer in the text"),
        ("The answer is 9. Wait, that is wrong.", "no answer in the text"),
        ("Is the answer 9?", "no answer in the text"),
        ("\\boxed{}", "no answer in the text"),
        ("x * 17 = 153. So, the answer is \\( x \\).", "no answer in the text"),
        ("The answer is 12 * 3.", "no answer in the text"),
        ("She might have 5 stickers.", "no answer in the text"),
        ("She has x + 5 stickers.", "no answer in the text"),
        ("x = \\boxed{3} and y = \\boxed{5}", "several values"),
        ("She has 13 stickers and 4 pens.", "several values"),
        ("", "no answer in the text"),
        ("<think>a</think>", "no answer in the text"),
    ],
)
def test_texts_without_an_answer(text: str, detail: str) -> None:
    path = parse_cot(text, complete=True)
    assert (path.answer, path.stated, path.detail) == (None, None, detail)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("She therefore keeps 13 stickers.", "13"),
        ("So, she has 13 stickers left", "13"),
        ("4 and 9 more make 13.\nShe keeps 13 stickers.\n\nI hope this helps!", "13"),
        ("She has **13** of the 20 stickers.", "13"),
        ("She had 9. **She has 13 stickers.**", "13"),
        ("4 + 9\n= 13", "13"),
        ("**Total: 13 stickers**", "13"),
        ("Total = 4 + 9 = 13", "13"),
        ("4 + 9 = 13.\n\nStep 3: She keeps 13 stickers.", "13"),
        ("### Conclusion\n\nThus, $13$ stickers are left.", "13"),
        ("So it is $4 \\times 9 = 36$.", "36"),
        ("Four containers are needed.", "4"),
        ("She has -3 points.", "-3"),
        ("She pays $1,300 in all.", "1300"),
        ("13", "13"),
    ],
)
def test_the_last_sentence_of_a_complete_text(text: str, answer: str) -> None:
    assert read(text) == answer
    assert read(text, False) is None
    assert read(text, None) is None


def test_a_repair_is_carried_into_the_last_sentence() -> None:
    path = parse_cot("697 girls - 228 = 516.\nSo 516 girls are left.", complete=True)
    assert path.text == "697 girls - 228 = 469.\nSo 469 girls are left."
    assert path.answer is not None
    assert path.stated is not None
    assert (path.answer.text, path.stated.text, path.repaired) == ("469", "516", True)


@pytest.mark.parametrize(
    "text",
    [
        "The answer is 13\n\nHuman: Tom has 2 pens.\nAssistant: The answer is 5",
        "The answer is 13\n\n### Instruction:\nAdd 2 and 3.\n### Response:\nThe answer is 5",
        "The answer is 13<|im_end|>\n<|im_start|>user\n2 + 3?<|im_end|>\n<|im_start|>assistant\nThe answer is 5",
        "<|im_start|>assistant\nThe answer is 13<|im_end|>",
        "The answer is 13.</s><s>[INST] 2 + 3? [/INST] The answer is 5",
        "The answer is 13.<|eot_id|>The answer is 5",
        "The answer is 13.<end_of_turn>\n<start_of_turn>user\nThe answer is 5",
        "The answer is 13\n<|user|>\nThe answer is 5",
        "The answer is 13\n\n**Problem 2**\nTom has 2. The answer is 5",
        "The answer is 13\n\n## Exercise 2:\nTom has 2. The answer is 5",
        "The answer is 13\n\nNext question: Tom has 2. The answer is 5",
        "The answer is 13\n\nQ2: Tom has 2.\nA: 5",
        "The answer is 13\n\nQuestion 2: Tom has 2.\nAnswer: 5",
        "The answer is 13\n\nExample: Tom has 2.\nAnswer: 5",
        "The answer is 13\n\nInput: Tom has 2.\nAnswer: 5",
        "She has 4 + 9 = 13 stickers.\n\nQuestion: Tom has 2.\nAnswer: 5",
        "She has 13 stickers.\n\nUser: Tom has 2.\nAssistant: The answer is 5",
        "Sure!\n\nProblem: 4 stickers, then 9 more.\n\nSolution: 4 + 9 = 13. The answer is 13",
        "Human: how many?\nAssistant: The answer is 13",
    ],
)
def test_another_task_ends_the_text_after_an_answer(text: str) -> None:
    assert read(text) == "13"
    assert parse_cot(text, complete=True).text == text


@pytest.mark.parametrize(
    "text",
    [
        "3 * 5 = 15. The answer is 1", "The answer is 2 hours and 3", "Answer: 2 hours and thirty", "The answer is 12,",
        "The answer is 3.", "The answer is twenty", "The answer is 1/", "The answer is $", "The answer is \\boxed{15",
        "The answer is **15", "#### 1", "<answer>15", "答案是1", "The answer is 9. So the answer is", "She has 15 apples",
        "The answer is 2 million fi", "| Answer | 1",
    ],
)  # fmt: skip
def test_a_number_that_ends_a_text_that_was_cut_off(text: str) -> None:
    assert read(text, False) is None


@pytest.mark.parametrize(
    "text",
    [
        "3 * 5 = 15. The answer is 15. To che", "The answer is 15 apples. She", "The answer is 15\nLet", "#### 15\n",
        "The answer is \\boxed{15}", "The answer is **15** st", "The answer is $15$", "<answer>15</answer>", "<answer>15</ans",
        "The answer is 15 apples, because she", "答案是15。因", "The answer is 15\n\nQuestion: To",
    ],
)  # fmt: skip
def test_a_number_before_the_cut(text: str) -> None:
    assert read(text, False) == "15"


def test_the_limits() -> None:
    thought = "<think>" + "a" * MAX_RATIONALE_CHARS + "</think>"
    assert read(thought + "The answer is 5") == "5"
    assert parse_cot("a" * MAX_RATIONALE_CHARS + "The answer is 5").detail == "the text is too long"
    assert parse_cot("a" * MAX_TEXT_CHARS + "</think>The answer is 5").detail == "the text is too long"


@pytest.mark.parametrize(
    "piece",
    ["The answer is ", "the answer ", "answer: 5. ", "\\boxed{5} ", "\\boxed{", "#### 5\n", "<answer>", "## Answer\n",
     "Question: a\n", "\nQ: 5 = 5", "<|im_end|>", "if the answer is 5, ", "答案", "| Answer |\n", "is the answer ",
     "result is 5 ", "\n", "**5** ", "the answer is\n", "A: 5\n", "1 and 2 ", "a. A", "5 x ", "x + "],
)  # fmt: skip
@pytest.mark.parametrize("complete", [False, True])
def test_work_is_linear(piece: str, complete: bool) -> None:
    start = time.process_time()
    parse_cot((piece * MAX_RATIONALE_CHARS)[:MAX_RATIONALE_CHARS], complete=complete)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "piece",
    ["x = 1\n", "3 apples + 4 pears = ", "The answer is ", "12 + 3 = 15\n", "5 + 3 = 9. ", "1+", "1-", "| 1 ", "= = ", "1 ",
     "12 ", "1.", "3 = 3 ", "答案：5", "Answer: 5\n", "The answer is 5. ", "\\boxed{5} ", "Question: 5\n", "<think>", "\n"],
)  # fmt: skip
def test_hostile_texts_take_little_time(piece: str) -> None:
    text = (piece * MAX_RATIONALE_CHARS)[:MAX_RATIONALE_CHARS]
    times = []
    for _ in range(2):
        start = time.process_time()
        parse_cot(text, complete=True)
        times.append(time.process_time() - start)
    assert min(times) < 0.15


def test_the_last_markers_of_many_count() -> None:
    text = "The answer is unknown. " * 100 + "The answer is 13. " + "The answer is unknown. " * 20
    assert read(text) == "13"
    assert read("The answer is 13. " + "The answer is unknown. " * 100) == "13"
