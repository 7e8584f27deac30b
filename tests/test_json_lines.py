"""JSON Lines: lines of a body in pieces, and their values."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ConfigurationError, json_reason
from service.json_lines import Line, LineSplitter, encodable, file_lines, json_line, json_objects, json_value
from tests.support.timing import cpu_seconds

BODIES = st.lists(
    st.sampled_from([b"a", b"{}", b" ", b"\t", b"\r", b"\n", b"\r\n", b"\xef\xbb\xbf", b"\xff", b"0123456789", b"\x85"])
).map(b"".join)


def split(body: bytes, piece_bytes: int, *limit: int) -> list[Line]:
    splitter = LineSplitter(*limit)
    pieces = [body[at : at + piece_bytes] for at in range(0, len(body), piece_bytes)]
    return [line for piece in pieces for line in splitter.feed(piece)] + list(splitter.end())


def test_marks_line_ends_and_blank_lines_are_left_out() -> None:
    body = b"\xef\xbb\xbf{}\r\n\n  \r\n[1]\n\xef\xbb\xbf2 \n\xef\xbb\xbf\n\xe2\x80\xa8\x85\r3\r"
    assert split(body, 100) == [(1, b"{}"), (4, b"[1]"), (5, b"2 "), (7, b"\xe2\x80\xa8\x85\r3")]


@given(BODIES, st.integers(1, 9), st.integers(1, 12))
def test_pieces_do_not_matter_and_long_lines_are_cut(body: bytes, piece_bytes: int, limit: int) -> None:
    lines = split(body, piece_bytes, limit)
    assert lines == split(body, len(body) or 1, limit)
    whole = {
        number: line.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\r")
        for number, line in enumerate(body.split(b"\n"), 1)
    }
    assert all(
        line == (whole[number] if len(whole[number]) <= limit else whole[number][: limit + 1]) for number, line in lines
    )
    assert {number for number, _ in lines} >= {number for number, line in whole.items() if line[: limit + 1].strip()}


def test_a_line_of_the_maximum_size_is_whole_whatever_surrounds_it() -> None:
    for end in (b"", b"\n", b"\r\n"):
        assert split(b"\xef\xbb\xbf0123456789" + end, 1, 10) == [(1, b"0123456789")]
        assert split(b"0123456789\r\r" + end, 1, 10) == [(1, b"0123456789\r")]


@pytest.mark.slow
@pytest.mark.parametrize("unit", [b"\n", b" \n", b"{}\n", b" ", b"x"])
def test_the_time_is_linear(unit: bytes) -> None:
    def seconds(size: int) -> float:
        content = unit * (size // len(unit))
        return cpu_seconds(lambda: split(content, 1 << 16, 1 << 16), times=1)

    assert seconds(16 << 20) < 16 * max(seconds(2 << 20), 0.01)


def test_a_file_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"x" * 70_000 + b"\r\n\n" + b"y" * 70_000)
    assert list(file_lines(path)) == [(1, b"x" * 70_000), (3, b"y" * 70_000)]
    assert list(file_lines(path, 4)) == [(1, b"xxxxx"), (3, b"yyyyy")]


def test_nan_is_a_missing_value() -> None:
    assert json_value(b'[NaN, Infinity, -Infinity, 1e999, null, "NaN"]') == [
        None, float("inf"), float("-inf"), float("inf"), None, "NaN",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a": \xff}', "byte 7 is not UTF-8 text"),
        (b'{"a": "\xed\xa0\xbd"}', "byte 8 is not UTF-8 text"),
        ('{"a": 1}'.encode("utf-16"), "it is encoded in UTF-16; save it in UTF-8"),
        (b"{", "Expecting property name enclosed in double quotes at column 2"),
        (b"9" * 5000, "Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits"),
        (b"", "Expecting value at column 1"),
        (b'{"a', "Unterminated string starting at column 2"),
    ],
)
def test_an_invalid_line_has_a_reason(line: bytes, reason: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the reason is compared
        json_value(line)
    assert json_reason(raised.value) == reason


@given(st.recursive(st.none() | st.integers() | st.text(st.characters()), lambda inner: st.lists(inner, max_size=3)))
def test_a_value_comes_back(value: object) -> None:
    line = json_line(value)
    assert b"\n" not in line
    assert json_value(line) == value


def test_texts_keep_their_size_in_a_line() -> None:
    assert json_line({"a": "é"}) == '{"a": "é"}'.encode()
    assert json_line("é\ud83d") == b'"\\u00e9\\ud83d"'


@given(st.text(st.characters(categories=["L", "Cs"])))
def test_a_lone_surrogate_is_replaced(text: str) -> None:
    shown = encodable(text)
    assert json.loads(json.dumps(shown).encode()) == shown
    assert len(shown) == len(text)
    assert all(char == (was if not "\ud800" <= was <= "\udfff" else "?") for char, was in zip(shown, text, strict=True))


def test_the_first_invalid_line_of_a_file_is_named() -> None:
    rows = json_objects([(1, b'{"a": 1}'), (5, b"[]")], "f", "item")
    assert next(rows) == (1, {"a": 1})
    with pytest.raises(ConfigurationError, match=r"^f, item 5: the item is not a JSON object\.$"):
        next(rows)
    with pytest.raises(
        ConfigurationError, match=r"^f, line 2: the line is not valid JSON: Expecting value at column 1$"
    ):
        next(json_objects([(2, b"x")], "f"))
