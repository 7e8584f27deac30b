"""Problems of prompts and chats: labels, examples, roles, turns."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InputError
from service.schemas.openai_prompt import problem_of_prompt, problem_of_turns

CUPS = "Tom has 3 cups and buys 4. How many?"
GOATS = "A goat eats 2 leaves and 9 roots. How many bites?"
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
    "a sentence that ends with a letter": f"Q: A shop sells vitamin B. 3 cost $6. What do 5 cost?\nA: $10\n\nQ: {PENS}\nA:",
    "answers without full stops": f"USER: {CUPS} ASSISTANT: So the answer is yes USER: {PENS} ASSISTANT:",
    "german": f"Frage: {CUPS}\nAntwort: 7\n\nFrage: {PENS}\nAntwort:",
    "french": f"Question : {CUPS}\nRéponse : 7\n\nQuestion : {PENS}\nRéponse :",
    "chinese": f"问题：{CUPS}\n答案：7\n\n问题：{PENS}\n答案：",
    "wide colons": f"Question： {CUPS}\nAnswer： {REPLY}\nQuestion： {PENS}\nAnswer：",
    "dashes": f"Q - {CUPS}\nA - {REPLY}\n\nQ - {PENS}\nA -",
    "long dashes": f"Question 1 – {CUPS}\nAnswer 1 – {REPLY}\nQuestion 2 – {PENS}\nAnswer 2 –",
    "dashes without a last label": f"Q - {CUPS}\nA - 7\n\nQ - {PENS}",
    "tags": f"<question>{CUPS}</question>\n<answer>{REPLY}</answer>\n<question>{PENS}</question>\n<answer>",
    "tags in one line": f"<question>{CUPS}</question><answer>7</answer><question>{PENS}</question>",
    "tags in own lines": f"Solve it.\n<problem>\n{CUPS}\n</problem>\n<solution>\n{REPLY}\n</solution>\n\n<problem>\n{PENS}\n"
    "</problem>",
    "one tag": f"<question>{PENS}</question>",
    "no labels": f"{CUPS}\n7\n\n{GOATS}\n11\n\n{PENS}",
    "no labels, worked": f"Solve these.\n\n{CUPS}\n{REPLY}\n\n{GOATS}\n#### 11\n\n{PENS}\n",
    "no labels, lines": f"{CUPS}\n7\n{GOATS}\n11 bites\n{PENS}",
    "no labels, paragraphs": f"{CUPS}\n\nThe answer is 7.\n\n{GOATS}\n\n2 + 9 = 11.\n\n{PENS}",
    "no labels, four shots": f"{CUPS}\n7\n\n{GOATS}\n11\n\n" * 2 + PENS,
    "one label": f"{CUPS}\n7\n\n{GOATS}\n11\n\n{PENS}\nAnswer:",
    "both": f"Human: Q: {CUPS}\nA: {REPLY}\n\nQ: {PENS}\nA:\nAssistant:",
}


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
def test_the_last_question_is_the_problem(prompt: str) -> None:
    assert problem_of_prompt(prompt) == PENS


def test_a_wide_question_mark_ends_a_question() -> None:
    assert problem_of_prompt("问题：1+1？\n答案：2\n\n问题：7加3是多少？\n答案：") == "7加3是多少？"


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
        "A machine has a rule. Input: 2 Output: 5. Input: 4 Output: 9. What is the output for input 7?",
        "Here is a recipe. Input: 3 cups. Output: 12 cookies. How many cookies from 9 cups?",
        "A machine doubles a number.\nInput: 2\nOutput: 4\nIf the output is 10, what is the input?",
        "A machine has a rule.\nInput: 2\nOutput: 5\nInput: 4\nOutput: 9\nInput: 7\nOutput:",
        "Input: 3 machines. Output: 12 parts per hour each. How many parts in 5 hours?",
        "A table:\nx: 1\ny: 2\nx: 3\ny:",
        "Solve for q.\nq - a = 3\na - 2 = 1",
        "Tom has 3 cups.\nWrite\n<answer>7</answer>\nHow many are 2 more?",
        "Put it in <answer> tags, such as <answer>7</answer>. How many are 3 and 4?",
        "Q - 3 apples\nA - 4 apples\nHow many apples do Q and A have?",
        "Q - 3 small red apples and pears\nA - 4 apples\nHow many do Q and A have?",
        "<input>: y > <input>\nWhich y is it for 3?",
        "Ann: I have 3 red pens.\nBob: I have 5.\nAnn: How many do we have together?\nBob:",
        "How many pens has Ann, who has 3 boxes of 4?\n\nShe buys 2 boxes more.\n\nHow many has she now?",
        "How many pens has Ann, who has 3 boxes of 4?\n\nShe buys 2.\n\nHow many has she now?",
        "A box holds 12 pens. How many pens are in 5 boxes?\n\nCost = 2 dollars a pen.\n\nHow much do all of them cost?",
        f"{CUPS}\n7\n\n{PENS}",
        f"{PENS}\n\nThe answer is 21.\n\nAnd 9 pens?",
        "Apples on Monday\n12\nApples on Tuesday\n15\nHow many in total?",
        "What is 3 + 4?\n7\n\nWhat is 4 + 5?\n9",
    ],
)
def test_words_of_a_story_are_no_labels(problem: str) -> None:
    assert problem_of_prompt(problem) == problem


STORIES = {
    "A pen costs 3 dollars, and a cup 5.": [
        "How much do 7 pens cost?",
        "How much do 4 pens and 5 cups cost?",
        "Bob buys 4 pens with a 20 dollar bill. What change does he get?",
        "Ann has 50 dollars and buys 9 cups. How much is left?",
        "And 9 pens?",
        "What is the price of 2 cups and 3 pens?",
    ],
    "Ann has 5 apples and buys 7.": [
        "How many does she have?",
        "She gives 4 away. How many are left?",
        "Ann gives 4 apples to Tom and 2 to Bob. How many does she keep?",
        "If she eats 2 and then 3, how many remain?",
        "How many apples are in 3 such bags and 2 boxes?",
    ],
    "A train goes 60 miles in an hour.": [
        "How far does it go in 3 hours?",
        "How far do trains go in 2 hours and 30 minutes?",
        "It stops for 20 minutes after 2 hours. How far does it go in 4 hours?",
        "A second train goes 20 miles more in 2 hours. How far apart are both after 3 hours?",
    ],
    "Let x = 3 and y = 4.": ["What is x + y?", "What is 2x + 5y?", "Is x + 7 more than y + 5?", "What is x?"],
    "A baker makes 24 rolls in an hour, and sells each for 2 dollars.": [
        "How many rolls are made in 3 hours?",
        "A second baker makes 10 and 12. How many do both make?",
        "A customer pays 50 dollars for 9. How much does she get back?",
        "What is 3/4 of that plus 2?",
    ],
    "Ein Stift kostet 3 Euro.": [
        "Was kosten 7 Stifte?",
        "Was kosten 2 und 9 Stifte?",
        "Sie gibt 50 und 20 her. Was bleibt?",
    ],
}
story_and_questions = st.sampled_from(sorted(STORIES)).flatmap(
    lambda story: st.tuples(st.just(story), st.lists(st.sampled_from(STORIES[story]), min_size=1, max_size=5))
)
parts_between = st.sampled_from(
    ["21", "$21", "21 pens", "3 * 7 = 21. The answer is 21.", "#### 21", "Cost = 2 dollars.", "She buys 2."]
)


@given(
    story_and_questions,
    st.lists(parts_between, min_size=5, max_size=5),
    st.booleans(),
    st.sampled_from(["\n", "\n\n", " \n", "\r\n\r\n"]),
    st.sampled_from([" ", "\n", "\n\n"]),
    st.sampled_from(["", "Solve it.\n\n", "A shop is open.\n"]),
)
def test_a_story_stays_before_its_questions(
    chain: tuple[str, list[str]], between: list[str], has_answers: bool, line: str, gap: str, opening: str
) -> None:
    story, (first, *others) = chain
    text = f"{opening}{story}{gap}{first}"
    for answer, question in zip(between, others, strict=False):
        text += line + (answer + line if has_answers else "") + question
    assert problem_of_prompt(text) == text.strip()


@given(story_and_questions, st.lists(parts_between, min_size=5, max_size=5), st.integers(1, 4))
def test_a_story_behind_examples_stays(chain: tuple[str, list[str]], between: list[str], examples: int) -> None:
    story, (first, *others) = chain
    text = "A goat eats 2 leaves and 9 roots. How many bites?\n11\n\n" * examples + f"{story} {first}"
    for answer, question in zip(between, others, strict=False):
        text += f"\n{answer}\n\n{question}"
    assert story in problem_of_prompt(text)


def test_choices_and_the_text_of_several_parts_stay() -> None:
    assert problem_of_prompt("Q: Pond A has 3 frogs, and so has Pond B. How many?\nA:") == (
        "Pond A has 3 frogs, and so has Pond B. How many?"
    )
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
        ("Q: 1?\nA: 1\n" * 501, "has more than 1000 labels"),
        ("[INST][/INST]" * 501, "has more than 1000 labels"),
        (f"User: {PENS}\nAssistant: 21\nUser: And 9 pens?\nAssistant:", "continues an earlier turn"),
    ],
)
def test_a_prompt_without_a_clear_last_question_is_an_error(prompt: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        problem_of_prompt(prompt)
    assert raised.value.field == "problem"


@pytest.mark.parametrize(
    "text",
    [
        "And 9 pens?",
        "And 9?",
        "Why?",
        "Why is that?",
        "What about 9?",
        "What about 9 pens?",
        "What if she buys 9?",
        "Are you sure?",
        "Are you sure that it is 21?",
        "Is that right?",
        "That's wrong. It should be 8.",
        "hmm, wrong",
        "Explain that.",
        "Please explain.",
        "Can you explain the steps?",
        "Double that.",
        "Try again with 5 pens.",
        "Now with 5.",
        "thanks",
    ],
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
        "Now what is the square root of 144?",
        "And the square root of 144?",
        "And is 9 a prime?",
        "But Ann has 12 pens. How many does she have?",
        "What if a train goes 60 miles in an hour? How far does it go in a day?",
        "Could you solve x/y = z for x?",
        "Now a train leaves at 60 mph. How far does it go in that hour?",
        "This year Ann saved her salary each month. How many months are in the year?",
        "Then 5 birds came. How many birds are there if the nest was empty?",
        "Is it safe to eat kidney?",
        "Can you buy a car with a coin?",
        "Are you more likely to win with a coin or a die?",
        "Why are 7 pens dearer than one?",
        "Show that the sum of angles is straight.",
        "Convert 3 feet to inches.",
        "Double 12.",
        "Now list the divisors of 12.",
        "And the sum of the odd numbers below 20?",
        "Is it true that cats cannot fly?",
    ):
        assert problem_of_turns([*history, ("user", problem), ("assistant", "")]) == problem
    with pytest.raises(InputError, match=r"^There is no user message\."):
        problem_of_turns([("system", PENS)])


def test_examples_are_no_conversation() -> None:
    for text in ("Is it safe to eat kidney?", "Are you sure that cats are animals?", "And 9 pens?"):
        assert problem_of_prompt(f"Question: {CUPS}\nAnswer: 7\n\nQuestion: {text}\nAnswer:") == text


def test_a_story_that_has_no_reply_belongs_to_the_question_after_it() -> None:
    story, question = ("user", "Pen prices: 7 pens at 3 dollars each."), ("user", "How much do they cost?")
    whole = "Pen prices: 7 pens at 3 dollars each.\nHow much do they cost?"
    assert problem_of_turns([story, question]) == whole
    assert problem_of_turns([("user", CUPS), ("assistant", "7"), story, question]) == whole
    assert problem_of_turns([story, ("assistant", ""), question]) == whole
    assert problem_of_turns([story, ("assistant", "Well?"), ("user", PENS)]) == PENS
    for before in ("Use metric units.", CUPS, f"Question: {CUPS}"):
        assert problem_of_turns([("user", before), ("user", PENS)]) == PENS


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
    "Q -",
    "A -",
    "<question>",
    "</question>",
    "<answer>",
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
    "part",
    [
        "\n",
        "Q: a\n",
        " ",
        "#",
        ">\t",
        "math ",
        "Answer: x\n",
        "question 111",
        "1. A: ",
        "<|user|>",
        "USER: a ",
        "x: a\n",
        "a\n",
        "a?\n1\n",
        "How 1 2?\n1\n",
        "1.",
        "1 ",
        "a?\n\n1\n\n",
        "Q - a b\nA - ",
        "<question>",
        "</question> ",
    ],
)
def test_prompts_are_read_in_linear_time(part: str) -> None:
    for text in (part * (64_000 // len(part)), part * (64_000 // len(part)) + "Answer:"):
        began = time.process_time()
        with contextlib.suppress(InputError):
            problem_of_prompt(text)
        assert time.process_time() - began < 0.5
