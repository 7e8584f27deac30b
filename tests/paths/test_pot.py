import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.paths.pot import MAX_PROGRAM_CHARS, extract_program
from tests.support.timing import cpu_seconds


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
        (
            "```python\nx = 3\nprint(x)\n```\n```python\ny = x * 4\nprint(y)\n```\n```python\nprint(y + 1)\n```",
            "x = 3\nprint(x)\ny = x * 4\nprint(y)\nprint(y + 1)",
        ),
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
        ('```python\nprint("Ann\'s 8")``` ok', 'print("Ann\'s 8")'),
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
        ("```python\nprint(8 * 8)```. It prints 64.", "print(8 * 8)"),
        ("```python\nprint('8')``` So:\n```python\nprint(9)\n```", "print('8')"),
        ("```python\ns = '``` '\nans = 7\n```", "s = '``` '\nans = 7"),
        ("```python\n# use ``` here\nans = 7\n```", "# use ``` here\nans = 7"),
        ("[PYTHON]\nans = 7\n[/PYTHON]\nSeven.", "ans = 7"),
        ("Sure.\n[PYTHON]\nans = 7[/PYTHON] Seven.", "ans = 7"),
        # one expression
        ("(45 - 9) / 3", "(45 - 9) / 3"),
        ("12 * 3 + 4\n", "12 * 3 + 4"),
        ("12 × 3 − 4", "12 * 3 - 4"),
        ("sum([1, 2, 3])", "sum([1, 2, 3])"),
        ('"""Pens."""\n12 * 3', '"""Pens."""\n12 * 3'),
        ("# Pens\nmax(3, 4) + 1", "# Pens\nmax(3, 4) + 1"),
        ("Program:\n12 * 3", "12 * 3"),
        ("12 * 3 = 36", None),
        ("So:\n12 * 3", None),
        ("12 * 3\nThat is all.", None),
        ("well-known", None),
        ("3 * x", None),
        ("pens(3)", None),
        ("1,234 + 5", None),
        ("36", None),
        ("-36", None),
        ("The answer is 5", None),
        # another task or turn
        ("ans = 7<|im_end|>", "ans = 7"),
        ("ans = 7</s>", "ans = 7"),
        ("<|im_start|>assistant\nans = 7<|im_end|>\n<|im_start|>user\nans = 9", "ans = 7"),
        ("ans = 7\n\nHuman: Tom has 2.\nAssistant:\nans = 9", "ans = 7"),
        ("ans = 7\n\n### Instruction:\nAdd 2.\n### Response:\nans = 9", "ans = 7"),
        ("ans = 7\n\nQuestion: x = 5?\nProgram:\nans = 9", "ans = 7"),
        ("ans = 7\n\nProblem 2: Tom\nans = 9", "ans = 7"),
        ("ans = 7\n\nExplanation: three and four.", "ans = 7"),
        ("ans = 7\n\nPuzzle 3: Tom\nans = 9", "ans = 7"),
        ("ans = 7\n\nTeacher: Tom\nans = 9", "ans = 7"),
        ("ans = 7\n\nFollow-up question: Tom\nans = 9", "ans = 7"),
        ("<start_of_turn>model\nans = 7<end_of_turn>", "ans = 7"),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nans = 7<|eot_id|>", "ans = 7"),
        ("ans = 7</response>", "ans = 7"),
        ("Question: pens?\nProgram:\nans = 7", "ans = 7"),
        ('"""\nQuestion: 3 pens.\n"""\nans = 7', '"""\nQuestion: 3 pens.\n"""\nans = 7'),
        ("s = '''\nQuestion: 3\n'''\nans = 7", "s = '''\nQuestion: 3\n'''\nans = 7"),
        ("# Question: pens?\na = 3\n# Answer:\nans = a", "# Question: pens?\na = 3\n# Answer:\nans = a"),
    ],
)
def test_wild_texts(text: str, program: str | None) -> None:
    assert extract_program(text) == program


def _fenced(*parts: str) -> str:
    """Programs in fences, with the prose that each odd part holds between them."""
    return "\n".join(part if i % 2 else f"```python\n{part}\n```" for i, part in enumerate(parts))


@pytest.mark.parametrize(
    ("blocks", "program"),
    [
        (["ans = 10", "Three are lost.", "ans = ans - 3"], "ans = 10\nans = ans - 3"),
        (["x = 4\nans = x * 2", "Then", "ans += 5"], "x = 4\nans = x * 2\nans += 5"),
        (["ans = 3", "", "ans = ans * 4", "", "ans = ans + 1"], "ans = 3\nans = ans * 4\nans = ans + 1"),
        (["def a():\n    return 6", "", "def b():\n    return 7", "", "print(a() + b())"],
         "def a():\n    return 6\ndef b():\n    return 7\nprint(a() + b())"),
        (["ans = 3 + 5", "Corrected:", "ans = 3 * 5"], "ans = 3 * 5"),
        (["ans = 3 + 5", "**Correction**", "ans = 3 * 5"], "ans = 3 * 5"),
        (["ans = 3 + 5", "Here is the fixed version:", "ans = 3 * 5"], "ans = 3 * 5"),
        (["print(3 + 5)", "I made a mistake. The right program is:", "print(3 * 5)"], "print(3 * 5)"),
        (["ans = 3 + 5", "Wait, that's not correct.", "ans = 3 * 5"], "ans = 3 * 5"),
        (["ans = 3 + 5", "Oops, I misread it.", "x = 3\nans = x * 5"], "x = 3\nans = x * 5"),
        (["ans = 3 + 5", "", "# Corrected\nans = 3 * 5"], "# Corrected\nans = 3 * 5"),
        (["pens = 3\nans = pens + 5", "Corrected:", "ans = pens * 5"], "pens = 3\nans = pens + 5\nans = pens * 5"),
        (["ans = 7", "Or:", "ans = 8", "Sorry, both are wrong:", "ans = 9"], "ans = 9"),
        (["ans = 3 + 5", "Let me fix that:", "ans = 3 * 5"], "ans = 3 * 5"),
        (["ans = 3 + 5", "Actually, it should be:", "ans = 3 * 5"], "ans = 3 * 5"),
        (["x = 8\nprint(x)", "Let me check whether I made a mistake:", "print(x - 5)"], "x = 8\nprint(x)"),
        (["ans = 8", "Let me see if there is an error.", "ans = 8 - 5"], "ans = 8"),
        (["ans = 3 + 5", "Alternatively:", "ans = 3 * 5"], "ans = 3 + 5"),
        (["ans = 3 + 5", "Another way:", "ans = 3 * 5"], "ans = 3 + 5"),
        (["x = 8\nprint(x)", "Let me check:", "print(x - 5)"], "x = 8\nprint(x)"),
        (["ans = 8", "To verify that there are no mistakes:", "ans = 8 - 5"], "ans = 8"),
        (["ans = 8", "This is the correct solution. Alternatively:", "ans = 9"], "ans = 8"),
        (["print(8)", "Or:", "a = 9\nprint(a)", "So", "print(a + 1)"], "print(8)"),
        # broken
        (["ans = (3 +", "Again:", "ans = 7"], "ans = 7"),
        (["print('Hello')", "Now:", "print(7)"], "print('Hello')\nprint(7)"),
        (["x = 1\nprint(x / 0)", "ZeroDivisionError: division by zero", "print(7)"], "print(7)"),
        (["ans = 7", "Usage:", "ans = (3 +"], "ans = 7"),
    ],
)  # fmt: skip
def test_several_fences(blocks: list[str], program: str) -> None:
    assert extract_program(_fenced(*blocks)) == program


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
        ("```python\nans = 10\n```\nSome are lost.\n```python\nans = ans -", None),
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
@settings(max_examples=200)
def test_never_raises(text: str) -> None:
    extract_program(text)


_FENCES = st.sampled_from(
    ["```python\n{}\n```", "```\n{}\n```", "```py\n{}```", "<code>{}</code>", "<llm-code>\n{}\n</llm-code>", "> ```python\n> {}\n> ```",
     "```output\n{}\n```", "{}", "```python\n{}"]
)  # fmt: skip
_PROGRAMS = st.sampled_from(
    ["x = 3\nprint(x)", "y = x * 4\nprint(y)", "z = y + 1\nprint(z)", "ans = 7", "ans = ans + 1", "def f(a):\n    return a", "f(7)",
     "def solution():\n    return 7", "print(solution())", "print('Hello')", "x = (", "3 + 4", "x +=", "", "Correction:", "Or:"]
)  # fmt: skip


@given(
    st.lists(st.tuples(_FENCES, _PROGRAMS), max_size=8),
    st.sampled_from(["\n", "\nThen:\n", "\nCorrected:\n", " "]),
    st.booleans(),
)
@settings(max_examples=500)
def test_joining_blocks_never_raises(blocks: list[tuple[str, str]], between: str, complete: bool) -> None:
    extract_program(between.join(fence.format(program) for fence, program in blocks), complete=complete)


@given(st.lists(st.sampled_from(["```", "```python", "ans = 5", "    x = 1", "Question: a", "So it is 5.", "", "\r"])))
@settings(max_examples=300)
def test_extracting_twice_changes_nothing(lines: list[str]) -> None:
    program = extract_program("\n".join(lines))
    assert program is None or extract_program(program) == program


@pytest.mark.parametrize(
    "piece", ["```\n", "a ", "a.b", "    ", "Q\n", "\n", "a[", "a, ", "a[1]", "A b c ", "Answer:\n", "a\t"]
)
def test_work_is_bounded(piece: str) -> None:
    text = piece * (2 * MAX_PROGRAM_CHARS // len(piece))
    assert cpu_seconds(lambda: extract_program(text)) < 0.5
