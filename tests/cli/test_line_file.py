"""Files of a run: lines that one process appends, and files that are replaced."""

import errno
import fcntl
from pathlib import Path
from typing import Any

import pytest

from service.cli.line_file import LineFile, replaced
from service.errors import ConfigurationError


def test_a_file_that_its_owner_replaces_before_the_lock_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, old = tmp_path / "f", tmp_path / "old"
    path.write_bytes(b"old\n")
    lock = fcntl.flock

    def late(file: Any, how: int) -> None:
        if not old.exists():
            path.rename(old)
            path.write_bytes(b"new\n")
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with LineFile(path) as file:
        file.append(b"mine\n")
    assert (path.read_bytes(), old.read_bytes()) == (b"new\nmine\n", b"old\n")


def test_a_file_system_without_locks_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(ConfigurationError) as error:
        LineFile(tmp_path / "f")
    assert str(error.value) == f"{tmp_path}/f cannot be locked: No locks available."


def test_a_partial_line_and_dropped_lines_go(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a\nb\nc\nd")
    with LineFile(path) as file:
        file.repair(lambda number, line: (number, line) != (2, b"b\n"))
        file.append(b"e\n")
        assert list(file.lines()) == [(0, b"a\n"), (2, b"c\n"), (4, b"e\n")]
        assert file.line_at(2) == b"c\n"
    assert path.read_bytes() == b"a\nc\ne\n"
    assert [found.name for found in tmp_path.iterdir()] == ["f"]


def test_a_file_is_replaced_as_a_whole_or_not(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), replaced(path) as file:
        file.writelines([b"half", 1])  # type: ignore[list-item]
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("f", b"old")]
    with replaced(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
