"""Guarded `str.format`: the texts and errors of the C method."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.sandbox.formatting import exact_text
from service.sandbox.guards import Guards

ARGUMENTS: tuple[Any, ...] = (7, 2.5, "pen", [3, {"k": 4}], Fraction(1, 3))
KEYWORDS: dict[str, Any] = {"a": 5, "b": "x", "d": {"k": 1, "0": 2}}
PARTS = [
    "{}",
    "{0}",
    "{1:.2f}",
    "{:>8}",
    "{[0]}",
    "{.real}",
    "{3[1][k]}",
    "{a}",
    "{d[k]}",
    "{d[0]}",
    "{b!r:^7}",
    "{{",
    "}}",
]
PARTS += [
    "{:{}}",
    "{0:{1}}",
    "{:{a}}",
    "{!s}",
    "{4.numerator}",
    "{9}",
    "{c}",
    "{a.x}",
    "{[k]}",
    "{",
    "}",
    "{!}",
    "{a!z}",
    "{:d}",
    "x",
]


def formatted(text: str, arguments: tuple[Any, ...], keywords: dict[str, Any], *, guarded: bool) -> object:
    """Text, or type of the error."""
    method = Guards(print).read(text, "format") if guarded else text.format
    try:
        return method(*arguments, **keywords)
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        return LookupError if isinstance(error, LookupError) else type(error)


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PARTS), max_size=5).map("".join))
def test_formats_as_python_does(text: str) -> None:
    plain = formatted(text, ARGUMENTS, KEYWORDS, guarded=False)
    assert formatted(text, ARGUMENTS, KEYWORDS, guarded=True) == plain


@given(st.text("{}[]!:.0a<^ ", max_size=12))
def test_never_reads_more_than_python_does(text: str) -> None:
    plain = formatted(text, (1, [2]), {"a": 3}, guarded=False)
    assert formatted(text, (1, [2]), {"a": 3}, guarded=True) == plain


@pytest.mark.parametrize(
    ("text", "arguments", "result"),
    [
        ("{[0]} {.real}", ([5], 5), "5 5"),
        ("{} {[1]} {:>{}}", ([5, 6], [5, 6], "x", 4), "[5, 6] 6    x"),
        ("{a[0]} {[0]}", ([5],), "1 5"),
    ],
)
def test_fields_without_a_number_are_numbered(text: str, arguments: tuple[Any, ...], result: str) -> None:
    assert formatted(text, arguments, {"a": [1]}, guarded=True) == result


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{} {0}", "cannot switch from automatic field numbering to manual field specification"),
        ("{0[0]} {}", "cannot switch from manual field specification to automatic field numbering"),
    ],
)
def test_both_numberings_in_one_text_are_an_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Guards(print).read(text, "format")([1], [2])


def test_exact_text_calls_no_method_of_a_subclass() -> None:
    class Text(str):
        __slots__ = ()

        def __len__(self) -> int:
            return 0

    text = exact_text(Text("pens"))
    assert (type(text), len(text)) == (str, 4)
