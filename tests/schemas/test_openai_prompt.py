"""Problems of prompts and chats: labels, examples, roles, turns."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InputError
from service.schemas.openai_prompt import problem_of_prompt, problem_of_turns

CUPS = "Tom has 3 cups and buys 4. How many?"
REPLY = "3 + 4 = 7. The answer is 99."
PENS = "A pen costs 3 dollars. How much do 7 pens cost?"

PROMPTS = {
    "plain": PENS,
    "labels": f"Question: {PENS}\nAnswer:",
    "short labels": f"  Q: {PENS}\n\nA: ",
    "only a reply": f"{PENS}\nAnswer:",
    "five shots": f"Question: {CUPS}\nAnswer: {REPLY}\n\n" * 5 + f"Question: {PENS}\nAnswer:",
    "instruction": f"Answer these.\n\nQ: {CUPS}\nA: {REPLY}\n\nQ: {PENS}\nA: Let's think step by step.",
    "own lines": f"Problem:\n{CUPS}\n\nSolution:\n{REPLY}\n\nProblem:\n{PENS}\n\nSolution:",
    "capitals": f"QUESTION: {CUPS}\nANSWER: {REPLY}\nQUESTION: {PENS}\nANSWER:",
    "indented": f"    Question: {CUPS}\n    Answer: {REPLY}\n    Question: {PENS}\n    Answer:",
    "windows": f"Question: {CUPS}\r\nAnswer: {REPLY}\r\n\r\nQuestion: {PENS}\r\nAnswer:",
    "separators": f"Question: {CUPS}\nAnswer: {REPLY}\n###\nQuestion: {PENS}\nAnswer:",
    "numbered": f"Q1: {CUPS}\nA1: {REPLY}\nQ2: {PENS}\nA2:",
    "numbered with points": f"Problem 1. {CUPS}\nSolution 1. {REPLY}\nProblem 2. {PENS}\nSolution 2.",
    "named examples": f"Example 1:\nQuestion: {CUPS}\nAnswer: {REPLY}\n\nExample 2:\nQuestion: {PENS}\nAnswer:",
    "example in a text": f"Here is an example: {CUPS} The answer is 99.\n\nQuestion: {PENS}\nAnswer:",
    "bold": f"**Question:** {CUPS}\n**Answer:** {REPLY}\n\n**Question**: {PENS}\n**Answer**:",
    "brackets": f"[Question]\n{CUPS}\n[Answer]\n{REPLY}\n[Question]\n{PENS}\n[Answer]",
    "headings": f"### Instruction\n{CUPS}\n### Response\n{REPLY}\n### Instruction\n{PENS}\n### Response\n",
    "replies only": f"{CUPS}\nAnswer: {REPLY}\n\n{CUPS}\nAnswer: {REPLY}\n\n{PENS}\nAnswer:",
    "reasoning": f"Question: {CUPS}\nReasoning: 3 + 4\nAnswer: {REPLY}\n\nQuestion: {PENS}\nReasoning:",
    "one line": f"Question: {CUPS} Answer: {REPLY} Question: {PENS} Answer:",
    "two parts": f"Task: Solve the problem.\nProblem: {PENS}\nAnswer:",
    "form of the answer": f"Question: {PENS}\nAnswer: <number>",
    "input": f"Input: {CUPS}\nOutput: {REPLY}\nInput: {PENS}\nOutput:",
    "langchain": f"Human: {PENS}",
    "langchain's chat": f"System: Use 3 words.\nHuman: {CUPS}\nAI: {REPLY}\nHuman: {PENS}\nAI:",
    "llamaindex": f"system: Be terse.\nuser: {PENS}\nassistant: ",
    "ai sdk": f"user:\n{PENS}\n\nassistant:\n",
    "greeting": f"AI: Hello!\nHuman: {PENS}\nAI:",
    "alpaca": f"Below is an instruction. Write a response.\n\n### Instruction:\n{PENS}\n\n### Response:",
    "alpaca's input": f"Below it is.\n\n### Instruction:\nSolve it.\n\n### Input:\n{PENS}\n\n### Response:\n",
    "vicuna": f"A chat between a user and an AI. USER: {CUPS} ASSISTANT: {REPLY}</s>USER: {PENS} ASSISTANT:",
    "chatml": f"<|im_start|>user\n{CUPS}<|im_end|>\n<|im_start|>assistant\n{REPLY}<|im_end|>\n<|im_start|>user\n{PENS}<|im_end|>\n"
    "<|im_start|>assistant\n",
    "llama 3": f"<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{PENS}<|eot_id|><|start_header_id|>assistant"
    "<|end_header_id|>\n\n",
    "llama 2": f"<s>[INST] {CUPS} [/INST] {REPLY} </s><s>[INST] {PENS} [/INST]",
    "gemma": f"<bos><start_of_turn>user\n{PENS}<end_of_turn>\n<start_of_turn>model\n",
    "phi": f"<|user|>\n{PENS}<|end|>\n<|assistant|>\n",
    "both": f"Human: Q: {CUPS}\nA: {REPLY}\n\nQ: {PENS}\nA:\nAssistant:",
}


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
def test_the_last_question_is_the_problem(prompt: str) -> None:
    assert problem_of_prompt(prompt) == PENS


@pytest.mark.parametrize(
    "problem",
    [
        "Tom has 3 apples.\nQuestion: How many are half of them?",
        "Tom has 3 apples and buys 5. Question: How many has he?",
        "Which is most?\nA: 3 kg\nB: 5 kg\nC: 7 kg",
        "Which is most? A: 3 kg B: 5 kg",
        "Mix them.\nSolution 1: 30% acid, 10 l\nSolution 2: 50% acid, 5 l\nHow strong is the mix?",
        "Task 1: 3 hours\nTask 2: 5 hours\nHow long do both take?",
        "User 1: 3 GB\nUser 2: 5 GB\nHow much do both use?",
        "A triangle has the sides\nP: 3\nQ: 4\nR: 5\nWhat is its area?",
        "Sam asked a question: how many are 3 and 4?",
        "Write it as\nAnswer: 5\nHow many are 3 and 4?",
    ],
)
def test_words_of_a_story_are_no_labels(problem: str) -> None:
    assert problem_of_prompt(problem) == problem


def test_choices_and_the_text_of_several_parts_stay() -> None:
    assert problem_of_prompt("Question: Which?\nA: 3\nB: 4\nAnswer:") == "Which?\nA: 3\nB: 4"
    assert problem_of_prompt("Problem: Ann has 3 pens.\nQuestion: How many are 2 more?\nAnswer:") == (
        "Ann has 3 pens.\nHow many are 2 more?"
    )
    assert problem_of_prompt("Problem: Mix.\nSolution 1: 3 l\nSolution 2: 5 l\nHow much?\nAnswer:") == (
        "Mix.\nSolution 1: 3 l\nSolution 2: 5 l\nHow much?"
    )


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (f"Question: {CUPS}\nQuestion: {PENS}\nAnswer:", "several questions without answers"),
        (f"Question: {CUPS}\nAnswer:\nQuestion: {PENS}\nAnswer:", "several questions without answers"),
        (f"Question 1: {CUPS}\nQuestion 2: {PENS}", "several questions without answers"),
        (f"User: {CUPS}\nUser: {PENS}\nAssistant:", "several questions without answers"),
        (f"Q: {CUPS}\nA: {REPLY}\n\n{PENS}", "already has an answer"),
        (f"Question: {PENS}\nAnswer: 21", "already has an answer"),
        (f"Question: {PENS}\nAnswer: twenty. Is it right?", "already has an answer"),
        (f"User: {PENS}\nAssistant: 21\nUser: And 9 pens?\nAssistant:", "continues an earlier turn"),
    ],
)
def test_a_prompt_without_a_clear_last_question_is_an_error(prompt: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        problem_of_prompt(prompt)
    assert raised.value.field == "problem"


@pytest.mark.parametrize(
    "text", ["And 9 pens?", "Why?", "What about 9?", "Are you sure?", "Explain that.", "Now with 5."]
)
def test_a_follow_up_is_an_error_in_a_chat_only(text: str) -> None:
    assert problem_of_turns([("system", "Hi"), ("user", text)]) == text
    with pytest.raises(InputError, match="write the whole problem in the last one"):
        problem_of_turns([("user", PENS), ("assistant", "21"), ("user", text)])


def test_a_new_problem_in_a_chat_is_solved() -> None:
    history = [("user", PENS), ("assistant", "21")]
    for problem in (
        CUPS,
        "And now Tom has 3 cups, and buys 4. How many?",
        "How many is 15% of a dozen?",
        "Can you find the root of 144?",
    ):
        assert problem_of_turns([*history, ("user", problem), ("assistant", "")]) == problem
    with pytest.raises(InputError, match=r"^There is no user message\."):
        problem_of_turns([("system", PENS)])


LABELS = [
    "Question",
    "Q",
    "A",
    "Answer",
    "Problem 1",
    "User",
    "AI",
    "### Input",
    "**Solution**",
    "<|user|>",
    "[INST]",
    "b",
]
wild = st.lists(
    st.sampled_from(LABELS) | st.sampled_from([":", ")", "\n", "\n\n", "?", "3", " "]) | st.text(max_size=4)
)


@given(wild.map("".join))
def test_wild_prompts_have_a_problem_or_an_error(prompt: str) -> None:
    with contextlib.suppress(InputError):
        problem = problem_of_prompt(prompt)
        assert problem == problem.strip()


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", ["\n", "Q: a\n", " ", "#", ">\t", "math ", "Answer: x\n", "question 111", "1. A: ", "<|user|>"]
)
def test_prompts_are_read_in_linear_time(part: str) -> None:
    for text in (part * (64_000 // len(part)), part * (64_000 // len(part)) + "Answer:"):
        began = time.process_time()
        with contextlib.suppress(InputError):
            problem_of_prompt(text)
        assert time.process_time() - began < 0.5
