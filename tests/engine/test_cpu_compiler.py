"""What is missing for compiling on a CPU is said before vLLM starts."""

import sysconfig
from pathlib import Path

import pytest

from service.engine.cpu import check_compiler
from service.errors import ConfigurationError


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a compiler and headers; removing one of its files removes either."""
    for name in ("g++", "Python.h"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_path", {"include": str(tmp_path)}.__getitem__)
    return tmp_path


def test_a_machine_with_both_compiles(machine: Path) -> None:
    check_compiler()


@pytest.mark.parametrize(("file", "install"), [("g++", "Install g"), ("Python.h", "python3-dev")])
def test_says_what_to_install(machine: Path, file: str, install: str) -> None:
    (machine / file).unlink()
    with pytest.raises(ConfigurationError, match=install):
        check_compiler()


def test_takes_the_compiler_that_the_environment_names(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "g++").rename(machine / "c++-12")
    monkeypatch.setenv("CXX", "c++-12")
    check_compiler()
    monkeypatch.setenv("CXX", "c++-13")
    with pytest.raises(ConfigurationError, match="no c\\+\\+-13"):
        check_compiler()
