import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.paths.pot import MAX_PROGRAM_CHARS, extract_program


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("a = 5\nans = a", "a = 5\nans = a"),
        ("\n\n    a = 5\n    ans = a\n\n", "a = 5\nans = a"),
        ("a = 5\r\nans = a\r\n", "a = 5\nans = a"),
        ("```python\na = 5\nans = a\n```\nSo the answer is 5.", "a = 5\nans = a"),
        ("```python\na = 5\nprint(a)", "a = 5\nprint(a)"),
        ("```\nans = 5\n```", "ans = 5"),
        ("~~~py\nans = 5\n~~~", "ans = 5"),
        ("Here is the program:\n```py\ndef solution():\n    return 5\n```", "def solution():\n    return 5"),
        ("```output\n5\n```\n```python\nans = 5\n```", "ans = 5"),
        ("```python\nans = 1\n```\n```python\nans = 2\n```", "ans = 1"),
        ("ans = 5\n```\nThat is it.", "ans = 5"),
        ("Program:\nans = 5", "ans = 5"),
        ("**Program:**\nans = 5", "ans = 5"),
        ("Python code: \nans = 5", "ans = 5"),
        ("ans = 5\n\nQuestion: Ann has 6.\nProgram:\nans = 6", "ans = 5"),
        ("ans = 5\nThe answer is 5", "ans = 5"),
        ("First, we compute the total:\n\ntotal = 5\nans = total\nSo there are five pens.", "total = 5\nans = total"),
        ("def solver():\n    # Question: what?\n    return 5\nans = solver()",
         "def solver():\n    # Question: what?\n    return 5\nans = solver()"),
        ("Question: int = 5\nans = Question", "Question: int = 5\nans = Question"),
        ("print(5 + 3)", "print(5 + 3)"),
        ("prices['pen'], n = 3, 4\nprint(prices)", "prices['pen'], n = 3, 4\nprint(prices)"),
        ("total += 5", "total += 5"),
        ("x: int = 5", "x: int = 5"),
        ("import math\nmath.floor(2)", "import math\nmath.floor(2)"),
        ("ans = (", "ans = ("),
    ],
)  # fmt: skip
def test_programs(text: str, program: str) -> None:
    assert extract_program(text) == program


@pytest.mark.parametrize(
    ("text", "program"),
    [
        # several blocks
        ("```python\na = 3\n```\nThen:\n```python\nans = a + 4\n```", "a = 3\nans = a + 4"),
        ("```python\na = 3\na\n```\n```output\n3\n```\n```python\na + 4\n```", "a = 3\na\na + 4"),
        ("```python\nx = 9\nx\n```\nWrong.\n```python\ny = 7\ny\n```", "x = 9\nx\ny = 7\ny"),
        ("```python\nprint(3)\n```\n```output\n3\n```\n```python\nprint(7)\n```", "print(3)\nprint(7)"),
        ("```python\na = 3\nprint(a)\n```\n```python\nprint(a + 4)\n```", "a = 3\nprint(a)\nprint(a + 4)"),
        ("```python\nprint(7)\n```\nOr:\n```python\na = 8\nprint(a)\n```", "print(7)"),
        ("```python\nans = 7\n```\nOr:\n```python\nans = ans + 1\n```", "ans = 7"),
        ("```python\ndef f(a):\n    return a\n```\n```python\nf(7)\n```", "def f(a):\n    return a\nf(7)"),
        ("1. One\n   ```python\n   a = 3\n   ```\n2. Two\n   ```python\n   ans = a\n   ```", "a = 3\nans = a"),
        (
            "```python\na = 3\nprint(a)\n```\n```python\nb = a\nprint(b)\n```\n```python\nprint(9)\n```",
            "a = 3\nprint(a)\nb = a\nprint(b)",
        ),
        # corrections
        ("```python\nans = 7\n```\nThat forgets the tip. Corrected:\n```python\nb = 9\nans = b\n```", "b = 9\nans = b"),
        ("```python\nprint(7)\n```\nI made a mistake. Fixed version:\n```python\nprint(9)\n```", "print(9)"),
        ("```python\nprint(7)\n```\n### Correction\n```python\nprint(9)\n```", "print(9)"),
        ("```python\nprint(7)\n```\n```python\n# Corrected program\nprint(9)\n```", "# Corrected program\nprint(9)"),
        ("```python\na = 3\nans = a\n```\nThis is wrong.\n```python\nans = a + 4\n```", "a = 3\nans = a\nans = a + 4"),
        ("```python\nans = 7\n```\nAlternatively:\n```python\nans = 9\n```", "ans = 7"),
        ("```python\nans = 7\n```\nAnother way, without the mistake:\n```python\nans = 9\n```", "ans = 7"),
        ("```python\nans = 7\n```\nCorrected:\n```python\nb = 9\n```", "ans = 7"),
        # blocks that are no program
        ("```text\nans = 9\n```\n```python\nans = 7\n```", "ans = 7"),
        ("```bash\npip install numpy\n```\n```python\nans = 7\n```", "ans = 7"),
        ("```\nans = 9\n```\n```python\nans = 7\n```", "ans = 7"),
        ("```python\nans = 7\n```\n```\nSummary: seven.\n```", "ans = 7"),
        ("```output\nx = 7\n```", None),
        # fences and tags
        ("```py\nans = 7```", "ans = 7"),
        ("```python\nprint(8 * 8)``` This prints 64.", "print(8 * 8)"),
        ("```python\nans = 7``` So the answer is 7.\n\nThat is all.", "ans = 7"),
        ("```python\ns = '``` So'\nans = 7\n```", "s = '``` So'\nans = 7"),
        ("```python\nans = 7  # no ``` Fence\nans += 1\n```", "ans = 7  # no ``` Fence\nans += 1"),
        ("```{.python}\nans = 7\n```", "ans = 7"),
        ("```tool_code\nprint(7)\n```", "print(7)"),
        ("```python\n3 + 4\n```", "3 + 4"),
        ("ans = 7\n```\n```output\n7\n```", "ans = 7"),
        ("> ```python\n> ans = 7\n> ```", "ans = 7"),
        ("<llm-code>\nans = 7\n</llm-code>", "ans = 7"),
        ("<code>ans = 7</code>", "ans = 7"),
        ("<python>\nans = 7\n</python>\n<output>\n8\n</output>", "ans = 7"),
        ("<|python_tag|>ans = 7<|eom_id|>", "ans = 7"),
        # another task or turn
        ("ans = 7<|im_end|>", "ans = 7"),
        ("ans = 7</s>", "ans = 7"),
        ("<|im_start|>assistant\nans = 7<|im_end|>\n<|im_start|>user\nans = 9", "ans = 7"),
        ("ans = 7\n\nHuman: Tom has 2.\nAssistant:\nans = 9", "ans = 7"),
        ("ans = 7\n\n### Instruction:\nAdd 2.\n### Response:\nans = 9", "ans = 7"),
        ("ans = 7\n\nQuestion: x = 5?\nProgram:\nans = 9", "ans = 7"),
        ("ans = 7\n\nProblem 2: Tom\nans = 9", "ans = 7"),
        ("ans = 7\n\nExplanation: three and four.", "ans = 7"),
        ("Question: pens?\nProgram:\nans = 7", "ans = 7"),
        ('"""\nQuestion: 3 pens.\n"""\nans = 7', '"""\nQuestion: 3 pens.\n"""\nans = 7'),
        ("s = '''\nQuestion: 3\n'''\nans = 7", "s = '''\nQuestion: 3\n'''\nans = 7"),
        ("# Question: pens?\na = 3\n# Answer:\nans = a", "# Question: pens?\na = 3\n# Answer:\nans = a"),
    ],
)
def test_wild_texts(text: str, program: str | None) -> None:
    assert extract_program(text) == program


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("ans = 1", None),
        ("a = 3\nans = 15\nprint(an", "a = 3\nans = 15"),
        ("a = 3\nb = 4\ntotal = a", None),
        ("print(3)\nprint(4)", None),
        ("```python\nans = 7\n```\nThis is", "ans = 7"),
        ("```python\ntotal = 7\n```\nThis is", "total = 7"),
        ("```python\nans = 7\nans = ans", None),
        ("total = 7\n\nQuestion: To", "total = 7"),
    ],
)
def test_programs_that_were_cut_off(text: str, program: str | None) -> None:
    assert extract_program(text, complete=False) == program


@pytest.mark.parametrize(
    "text",
    ["", "  \n ", "Ann has 5 pens. She buys 3 more.", "The number of pens is = 5 + 3", "5 + 3 = 8", "a == 5",
     "```\n```",
     "```python\n```", "Question: what?", "\ud800 = 5", "x" * 10_000],
)  # fmt: skip
def test_nothing_to_run(text: str) -> None:
    assert extract_program(text) is None


def test_the_length_is_capped() -> None:
    line = "ans = 5\n"
    most = line * (MAX_PROGRAM_CHARS // len(line))
    assert extract_program(most) == most.rstrip()
    assert extract_program(most + line) is None


@given(st.text(st.characters(codec=None)))
@settings(max_examples=200, deadline=None)
def test_never_raises(text: str) -> None:
    extract_program(text)


@given(st.lists(st.sampled_from(["```", "```python", "ans = 5", "    x = 1", "Question: a", "So it is 5.", "", "\r"])))
@settings(max_examples=300, deadline=None)
def test_extracting_twice_changes_nothing(lines: list[str]) -> None:
    program = extract_program("\n".join(lines))
    assert program is None or extract_program(program) == program


@pytest.mark.parametrize(
    "piece", ["```\n", "a ", "a.b", "    ", "Q\n", "\n", "a[", "a, ", "a[1]", "A b c ", "Answer:\n", "a\t"]
)
def test_work_is_bounded(piece: str) -> None:
    text = piece * (2 * MAX_PROGRAM_CHARS // len(piece))
    start = time.process_time()
    extract_program(text)
    assert time.process_time() - start < 0.5
