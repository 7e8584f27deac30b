"""Blocks of code in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.paths.program.fences import Block, split_blocks


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("ans = 7", [Block("ans = 7", None, False)]),
        ("```python\nx\n```", [Block("\nx\n", "python")]),
        ("a\n```py\nx```\nb", [Block("a\n", None), Block("\nx", "py"), Block("\nb", None, False)]),
        ("```python\nx", [Block("\nx", "python", False)]),
        ("````\nx\n````", [Block("\nx\n", "")]),
        ("~~~\nx\n~~~", [Block("\nx\n", "")]),
        ("```{.python}\nx\n```", [Block("\nx\n", "python")]),
        ('```python title="a.py"\nx\n```', [Block("\nx\n", "python")]),
        ("```python x = 1```", [Block(" x = 1", "python")]),
        ("```x = 1```", [Block("x = 1", "")]),
        ("So: ```python\nx\n```", [Block("So: ", None), Block("\nx\n", "python")]),
        ("```python\nx\n```output\n7\n```", [Block("\nx\n", "python"), Block("\n7\n", "output")]),
        ("<code>\nx\n</code>", [Block("\nx\n", "code")]),
        ("<code>\n```python\nx\n```\n</code>", [Block("\nx\n", "python"), Block("\n</code>", None, False)]),
        ("<|python_tag|>x", [Block("x", "python", False)]),
        ("use ```x``` here", [Block("use ```x``` here", None, False)]),
    ],
)  # fmt: skip
def test_blocks(text: str, blocks: list[Block]) -> None:
    assert split_blocks(text) == blocks


def test_a_text_that_begins_inside_a_block() -> None:
    assert split_blocks("x\n```\ny", opened=True) == [Block("x\n", "python"), Block("\ny", None, False)]


@given(
    st.text("`~\n> abc<>/") | st.lists(st.sampled_from(["```", "python", "\n", "<code>", "</code>", "x"])).map("".join)
)
def test_every_character_is_in_one_block_or_mark(text: str) -> None:
    assert all(block.text in text for block in split_blocks(text))
