"""Replies that models give to each prompt, as the reader understands them.

Every reply solves the same problem: 7 pens at 3 dollars each, paid with a 50 dollar note.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from service.components import sandbox_pool
from service.model.prompts import known_prompts
from service.paths.answer import answer_from_value
from service.paths.cot import parse_cot, parse_rationale
from service.paths.pot import extract_program
from service.paths.thinking import split_thinking
from service.sandbox.base import Outcome, Sandbox
from service.settings import Settings

COT = {
    "twinpath": [
        "The pens cost 3 * 7 = 21 dollars. The change is 50 - 21 = 29 dollars. The answer is 29.",
        "The answer is 29.",
    ],
    "qwen": [
        "The total cost is the price of a pen times the number of pens:\n\n\\[\n3 \\text{ dollars/pen} \\times 7 "
        "\\text{ pens} = 21 \\text{ dollars}\n\\]\n\nThen the change is:\n\n\\[\n50 - 21 = 29\n\\]\n\nTherefore, the "
        "change is \\(\\boxed{29}\\) dollars.",
        "Let's break it down:\n\n1. **Cost**: \\( 7 \\times 3 = 21 \\)\n2. **Change**: \\( 50 - 21 = 29 \\)\n\n"
        "So, the final answer is:\n\n\\[\n\\boxed{29}\n\\]",
        "7 pens cost $7 \\times \\$3 = \\$21$. The change is $\\$50 - \\$21 = \\$29$.\n\n$\\boxed{\\$29}$",
    ],
    "qwen-math": [
        "First, we find the cost of the pens, which is $7 \\times 3 = 21$ dollars. Ann gets $50 - 21 = 29$ dollars "
        "back. Thus, the change due is $\\boxed{29}$ dollars.",
        "The change is $50 - 7 \\cdot 3 = \\boxed{29 \\text{ dollars}}$.",
    ],
    "llama": [
        "7 pens at $3 each cost 7 x $3 = $21. She pays with $50, so the change is $50 - $21 = $29.\n\n"
        "The final answer is 29.",
        "7 pens cost 7 * 3 = 21.\n50 - 21 = 29.\nThe final answer is [29]",
        "## Step 1: Find the cost.\n7 * 3 = 21.\n\n## Step 2: Find the change.\n50 - 21 = 29.\n\n"
        "The final answer is: $\\boxed{29}$",
        "To find the change, subtract. 50 - 21 = 29\n\nThe final answer is $29.",
    ],
    "mistral": [
        " To find the change, we first find the cost of the pens, which is 7 pens * $3/pen = $21. Then we subtract:\n\n"
        "$50 - $21 = $29\n\nSo, the change due is $\\boxed{29}$ dollars.",
        " Ann pays 21 dollars.\n\nThe final answer is: $\\boxed{29}$.",
    ],
    "gemma": [
        "1. Cost: 7 * 3 = 21\n2. Change: 50 - 21 = 29\n\nThe answer is 29.",
        "**1. Calculate the cost:**\n\n* 7 pens * $3/pen = $21\n\n**2. Calculate the change:**\n\n* $50 - $21 = $29\n\n"
        "The answer is **29**.\n",
        "7 * 3 = 21 and 50 - 21 = 29.\n\nThe answer is <29>.",
        "The change is $50 - $21 = $29\n\nFinal Answer: The final answer is $\\boxed{29}$",
    ],
    "deepseek-r1": [
        "<think>\n7 pens at 3 are 21. The change from 50 is \\boxed{28}? No, 50 - 21 = 29.\n</think>\n\n**Step 1:** "
        "7 × 3 = 21\n\n**Step 2:** 50 − 21 = 29\n\n**Final Answer:**\n\n\\[\n\\boxed{29}\n\\]",
        "So \\boxed{28}? No.\n</think>\n\nThe change is \\boxed{29}.",  # the template opens the thought
    ],
    "phi": [
        "The pens cost 7 * 3 = 21 dollars. The change is 50 - 21 = 29 dollars.\n\nAnswer: 29",
        "First, the cost: 7 × 3 = 21.\n\n**Answer: 29**",
        'Change: 50 - 21 = 29\n\n"Answer: 29"',
    ],
    "smollm": [
        "## Step 1: Cost\n7 * 3 = 21\n\n## Step 2: Change\n50 - 21 = 29\n\n"
        "Therefore, the final answer is: $\\boxed{29}$. I hope it is correct.",
        "50 - 21 = 29\n\n'Therefore, the final answer is: $\\boxed{29}$. I hope it is correct'",
    ],
    "zero-shot": [
        "First, 7 pens cost 7 * 3 = 21 dollars. Then the change is 50 - 21 = 29 dollars.",
        "7 * 3 = 21. 50 - 21 = 29. Therefore, the answer is 29.\n\nQ: Tom has 3 pens.\nA: Let's think step by step. 3",
    ],
}
POT = {
    "twinpath": [
        "```python\nprice = 3\nans = 50 - price * 7\n```",
        "```python\nprice = 3\nans = 50 - price * 7\nprint(ans)\n```",
    ],
    "qwen": [
        '```python\nprice = 3\nchange = 50 - price * 7\nprint(f"The change is {change} dollars.")\n```',
        "```python\ndef calculate_change(price, pens, note):\n    return note - price * pens\n\n# Example usage\nprice = 3\n"
        "pens = 7\nnote = 50\nresult = calculate_change(price, pens, note)\nprint(result)\n```",
        '```python\ncost = 3 * 7\nprint("Cost:", cost)\nchange = 50 - cost\nprint("Change:", change)\n```',
    ],
    "qwen-math": [
        "To find the change, we compute the cost first.\n\n```python\nprice = 3\ncost = 7 * price\nchange = 50 - cost\n"
        "print(change)\n```\n",
        "Let's compute it.\n\n```python\nprint(50 - 21)\n```\n```output\n31\n```\nThe change is $\\boxed{31}$.",
    ],
    "llama": [
        '```python\ndef solution():\n    """A shop sells pens."""\n    price = 3\n    return 50 - price * 7\n```',
        "```python\ndef solution():\n    return 50 - 3 * 7\n\nprint(solution())\n```\nThe function returns 29.",
        "```python\ndef solution(price=3, pens=7, note=50):\n    return note - price * pens\n```",
    ],
    "mistral": [
        " Here is a short program:\n\n```python\nprint(50 - 3 * 7)\n```\n\nThis program prints the change.",
        '```python\ndef main():\n    print(50 - 3 * 7)\n\nif __name__ == "__main__":\n    main()\n```',
    ],
    "gemma": [
        "```python\n# Step 1: Calculate the cost\ncost = 7 * 3\n\n# Step 2: Calculate the change\nchange = 50 - cost\n\n"
        "# Print the answer\nprint(change)\n```\n",
    ],
    "deepseek-r1": [
        "<think>\nWe write code.\n```python\nprint(28)\n```\n</think>\n\nThe change is 29.\n\n```python\npens = 7 * 3\n"
        "print(50 - pens)\n```",
    ],
    "phi": [
        '```python\n# Cost of the pens\ncost = 7 * 3\nchange = 50 - cost\nprint("Answer:", change)\n```\nAnswer: 29',
    ],
    "smollm": [
        "1. Cost: 7 * 3 = 21.\n2. Change: 50 - 21 = 29.\n\n```python\ncost = 7 * 3\nchange = 50 - cost\nprint(change)\n"
        "```\n\nOutput:\n```\n29\n```",
    ],
    "zero-shot": [
        '\n\ndef solution():\n    """A shop sells pens."""\n    price = 3\n    result = 50 - price * 7\n    return result\n',
        "```python\ndef solution():\n    change = 50 - 3 * 7\n    print(change)\n\nsolution()\n```",
    ],
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    """Sandbox with the default settings, started once."""
    pool = sandbox_pool(Settings(sandbox_workers=2, sandbox_timeout_s=10))
    await pool.start()
    yield pool
    await pool.close()


def test_every_prompt_has_replies() -> None:
    assert {*COT} == {*POT} == {*known_prompts()}


@pytest.mark.parametrize("name", COT)
def test_the_answer_of_a_rationale(name: str) -> None:
    for text in COT[name]:
        split = split_thinking(text, opened="</think>" in text and "<think>" not in text)
        path = parse_rationale(split, complete=True)
        assert path.answer is not None, text
        assert (path.answer.text, path.stated) == ("29", path.answer), text


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", POT)
async def test_the_result_of_a_program(name: str, sandbox: Sandbox) -> None:
    for text in POT[name]:
        program = extract_program(text)
        assert program is not None, text
        execution = await sandbox.run(program)
        assert (execution.outcome, execution.detail) == (Outcome.OK, ""), text
        assert execution.value is not None, text
        answer = answer_from_value(execution.value)
        assert answer is not None, text
        assert answer.text == "29", text


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("```python\nprice = int(input())\nprint(50 - price * 7)\n```", "input"),
        (
            "```python\nfrom sympy import symbols, solve\nx = symbols('x')\nprint(solve(x + 21 - 50, x)[0])\n```",
            "sympy",
        ),
    ],
)
async def test_a_program_that_reads_input_or_needs_a_library_has_no_answer(
    text: str, detail: str, sandbox: Sandbox
) -> None:
    program = extract_program(text)
    assert program is not None
    execution = await sandbox.run(program)
    assert execution.value is None
    assert detail in execution.detail


@pytest.mark.parametrize("cut", ["The final answer is 2", "is $\\boxed{2", "**Answer: 2", "The answer is 2"])
def test_an_answer_that_was_cut_off_does_not_count(cut: str) -> None:
    assert parse_cot(f"7 * 3 = 21. {cut}", complete=False).answer is None
