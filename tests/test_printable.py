"""Untrusted text on a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.printable import one_line, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", "�[2J�]0;title�"),
        ("\x9b31m", "�31m"),
        ("a\u202eb\u2066c\u200fd", "a�b�c�d"),
        ("a\rb\r\nc\td", "a�b\nc\td"),
        ("a\u2028b\x85c\ud800", "a�b�c�"),
        ("[red]é × ½ 数[/red]", "[red]é × ½ 数[/red]"),
    ],
)
def test_only_harmless_characters_are_printed(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(), st.sampled_from(["utf-8", "ascii", "latin-1", "cp1252", "shift_jis"]))
def test_every_text_can_be_printed_in_every_encoding(text: str, encoding: str) -> None:
    shown = printable(text, encoding)
    assert shown.encode(encoding).decode(encoding) == shown
    assert all(unicodedata.category(char)[0] != "C" for char in shown if char not in "\n\t")
    assert len(shown) == len(text.replace("\r\n", "\n"))
    single = one_line(text, encoding)
    assert single == " ".join(single.split())


def test_characters_that_the_encoding_lacks_are_replaced() -> None:
    assert printable("4 × 3\x1b", "ascii") == "4 ? 3?"
    assert one_line(" 1\n 2\t3 ") == "1 2 3"
