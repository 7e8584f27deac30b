"""Python source in a text: cleaning and outline."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.paths.program.source import MAX_SOURCE_CHARS, Outline, read_source

HOSTILE = [
    "(", "[", "{", "x = -", "not ", "lambda: ", "1 if 1 else ", "a.", "a()", "1 + ", "1 ** ", "f'{", "x[0]", "x = ", "~",
    "if 1:\n pass\nelif 1:\n", "try:\n pass\nexcept:\n pass\n", "@a\n", "[x for ", "(x := ", "9", "\\\n", "\0", "x;",
    "match x:\n case ", '\\"""', "'''", "\t", "x = 1\nso it is\n", "Ann's (\n", "×\n", "async def f():\n ", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_programs_do_not_stop_the_parser(piece: str) -> None:
    text = (piece * MAX_SOURCE_CHARS)[:MAX_SOURCE_CHARS]
    start = time.process_time()
    for program in (text, "x = " + text[4:], text[:-1] + "1"):
        read_source(program).outline()
    assert time.process_time() - start < 1


@given(st.text(st.characters(codec=None)) | st.text("()[]{}:=+-*/ \n\t'\"#_abfins019.×“”’>`"))
def test_never_raises(text: str) -> None:
    read_source(text).outline()


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("ans = 7", "ans = 7"),
        ("    a = 3\n    ans = a", "a = 3\nans = a"),
        (">>> a = 3\n>>> a + 4\n7", "a = 3\na + 4"),
        (">>> def f():\n...     return 7\n...\n>>> f()\n7", "def f():\n    return 7\n\nf()"),
        ("In [1]: a = 3\n   ...: b = 4\nIn [2]: a + b\nOut[2]: 7", "a = 3\nb = 4\na + b"),
        ("> a = 3\n> ans = a", "a = 3\nans = a"),
        ("!pip install numpy\n%matplotlib inline\nans = 7", "ans = 7"),
        ("`ans = 7`", "ans = 7"),
        ("ans = 14 ÷ 2 × 1 − 0", "ans = 14 / 2 * 1 - 0"),
        ("ans = 7 if 3 ≤ 4 ≠ 5 else 2²", "ans = 7 if 3 <= 4 != 5 else 2**2"),
        ("print(“Total:”, ‘7’)", "print(\"Total:\", '7')"),
        ("ans\u00a0= （3 ＋ 4）", "ans = (3 + 4)"),
        ("ans = 3 × 4\nx = '×'  # ×", "ans = 3 * 4\nx = '×'  # ×"),
        ("x = '3 × 4'", "x = '3 × 4'"),
        ("price = $5", "price = 5"),
        ("First we add:\nans = 7", "ans = 7"),
        ("ans = 7\n\nThis gives 7 pens.\n\n- pens: 3\n- more: 4\n\\boxed{7}", "ans = 7"),
        ("1. Count them.\n2. Add them.\nans = 7\n3. So 7.", "ans = 7"),
        ("a = 3\nThen we add:\nans = a + 4", "a = 3\n\nans = a + 4"),
        ("a = 3\nSo it is:\na + 4", "a = 3\n\na + 4"),
        ("a = 3\nans = a + 4\nSo ans = 7 pens.", "a = 3\nans = a + 4"),
        ("ans = 7\nThat's it!", "ans = 7"),
    ],
)
def test_cleaned_source(text: str, source: str) -> None:
    read = read_source(text)
    assert read.text == source
    assert read.tree is not None


@pytest.mark.parametrize(
    "text",
    ["a = 3\nprint(a)\ntotal = a +\nprint(total)", "ans = (", "print(3\nans = 7", "if x:\nans = 7", "x = " + "(" * 300,
     "ans = 7\n" + "so it is\nx = 1\n" * 20],
)  # fmt: skip
def test_source_that_cannot_be_cleaned_is_unchanged(text: str) -> None:
    read = read_source(text)
    assert (read.text, read.tree) == (text.strip(), None)


def test_outlines() -> None:
    program = (
        "import math as m\nfrom x import y\ndef f(a):\n    b = a + c\n    return b\nd = d + e\nfor i in g: i\nAns = 7"
    )
    outline = Outline(frozenset({"m", "y", "f", "d", "i", "Ans"}), frozenset({"c", "d", "e", "g"}), True, True)
    assert read_source(program).outline() == outline


@pytest.mark.parametrize(
    ("program", "states_result", "ends_in_expression"),
    [
        ("a = 3", False, False),
        ("a = 3\na", False, True),
        ("print(3)", True, True),
        ("for x in y:\n    print(x)", True, False),
        ("return 3", True, False),
        ("answer = 3", True, False),
        ("def solution():\n    return 3", True, False),
        ("def f(a=3, *, b=4):\n    return a", True, False),
        ("def f(a):\n    print(a)", False, False),
        ("def f(*, a):\n    print(a)", False, False),
        ("class A:\n    def f(self):\n        print(3)", False, False),
    ],
)
def test_results_of_source(program: str, states_result: bool, ends_in_expression: bool) -> None:
    source = read_source(program)
    assert source.outline().states_result is states_result
    assert source.ends_in_expression is ends_in_expression
