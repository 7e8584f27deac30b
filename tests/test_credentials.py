"""Credentials: the form of keys, and URLs without passwords."""

import pytest

from service.credentials import is_key, without_password


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("tp_-.~!", True), ("", True), ("tp_ a", False), ("tp_\na", False), ("tp_\ra", False), ("tp_\x00", False),
     ("tp_é", False), ("tp_\ud83d", False), ("tp_\x7f", False), ("\ufefftp_", False)],
)  # fmt: skip
def test_a_key_is_printable_ascii(text: str, is_one: bool) -> None:
    assert is_key(text) is is_one


@pytest.mark.parametrize(
    ("url", "shown"),
    [("http://h:1/a@b", "http://h:1/a@b"), ("https://user:secret@h/x", "https://h/x"), ("user:secret@h:1", "h:1"),
     ("http://a:se@cret@h", "http://h"), ("h", "h"), ("", "")],
)  # fmt: skip
def test_a_shown_url_has_no_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
