"""Files that a person writes, as text editors of every system save them."""

from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.files import home_relative, read_text, read_toml


def written(folder: Path, content: bytes) -> Path:
    path = folder / "f.toml"
    path.write_bytes(content)
    return path


def message(path: Path) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read_toml(path, "The file F")
    return str(raised.value)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_byte_order_mark_and_the_line_ends_of_windows_are_read(mark: bytes, end: bytes, tmp_path: Path) -> None:
    content = mark + end + b"a = 'x'" + end + end + b"[t]" + end + b"b = 2" + end + end
    assert read_toml(written(tmp_path, content), "F") == {"a": "x", "t": {"b": 2}}


def test_only_one_mark_at_the_start_is_removed(tmp_path: Path) -> None:
    assert read_text(written(tmp_path, b"\xef\xbb\xbf\xef\xbb\xbfa\r\n\xef\xbb\xbf"), "F") == "\ufeffa\r\n\ufeff"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a = 1\n".encode("utf-16"), "it is encoded in UTF-16; save it in UTF-8"),
        ("a = 'ä'\n".encode("latin-1"), "byte 6 is not UTF-8 text"),
        (b"a = " + b"[" * 100_000, "its values are nested too deeply"),
        (b"a = ", "Invalid value (at end of document)"),
        (b"a = " + b"9" * 5000, "Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits"),
    ],
)  # fmt: skip
def test_a_broken_file_is_one_line(content: bytes, reason: str, tmp_path: Path) -> None:
    assert message(written(tmp_path, content)) == f"The file F cannot be read: {reason}."


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    assert message(tmp_path / "none") == "The file F cannot be read: No such file or directory."
    assert message(tmp_path) == "The file F cannot be read: Is a directory."
    assert message(Path("a\0b")) == "The file F cannot be read: embedded null byte."


def test_advice_is_given_only_if_the_user_may_not_read_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advice = "Let the user read it"
    with pytest.raises(ConfigurationError, match=r"^The file F cannot be read: No such file or directory\.$"):
        read_text(tmp_path / "none", "The file F", if_denied=advice)
    monkeypatch.setattr(Path, "open", denied)
    for read in (read_text, read_toml):
        with pytest.raises(ConfigurationError) as raised:
            read(tmp_path / "f", "The file F", if_denied=advice)
        assert str(raised.value) == "The file F cannot be read: Permission denied. Let the user read it."
        with pytest.raises(ConfigurationError, match=r"^The file F cannot be read: Permission denied\.$"):
            read(tmp_path / "f", "The file F")


@pytest.mark.parametrize(("size", "limit"), [(6, 6), (6, 7), (0, 0)])
def test_a_file_up_to_the_limit_is_read(size: int, limit: int, tmp_path: Path) -> None:
    assert read_text(written(tmp_path, b"#" * size), "F", max_bytes=limit) == "#" * size


@pytest.mark.parametrize("path", ["f.toml", "/dev/zero"])
def test_a_larger_file_is_one_line(path: str, tmp_path: Path) -> None:
    written(tmp_path, b"#" * 7)
    for read in (read_text, read_toml):
        with pytest.raises(ConfigurationError) as raised:
            read(tmp_path / path, "The file F", max_bytes=6)
        assert str(raised.value) == "The file F cannot be read: it is larger than 6 bytes."


def denied(path: Path, mode: str) -> None:
    raise PermissionError(13, "Permission denied", str(path))


def test_a_path_below_the_home_directory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert home_relative(Path("/home/ann/.cache/twinpath")) == "~/.cache/twinpath"
    assert home_relative(Path("/home/anna/x")) == "/home/anna/x"
    monkeypatch.setattr(Path, "home", lambda: Path("~nobody-here").expanduser())
    assert home_relative(Path("/home/ann/x")) == "/home/ann/x"
